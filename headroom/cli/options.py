"""`headroom options`."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from headroom.cli.console import Settings, errors_as_exit_codes

Environment = Annotated[str, typer.Argument(metavar="ENV", help="An environment: stacks/Pulumi.<ENV>.yaml.")]


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("options")(options)


def options(
    context: typer.Context,
    environment: Environment,
    draws: Annotated[int, typer.Option("--draws", min=64, max=100_000, help="How often the uncertain figures are drawn.")] = 1024,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the draws; the same seed gives the same answer.")] = 0,
) -> None:
    """Compare machine shapes and pod sizes where figures are uncertain, and show how the plan fares.

    Reads the sections `uncertain` and `options` of the spec. Every option is judged on the same draws, with the replicas that are
    cheapest for it on average, calls that find no room included; the one with the least expected regret comes first.
    """
    settings: Settings = context.obj
    with errors_as_exit_codes():
        from headroom.review.options import show_options
        from stacks.comparing import compare_environment

        spec, comparison = compare_environment(environment, settings.as_of, datetime.now(UTC), draws=draws, seed=seed)
        if settings.as_json:
            settings.answer({"environment": environment, **comparison.document()})
        else:
            show_options(environment, comparison, spec.uncertain, settings.console())
