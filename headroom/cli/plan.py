"""`headroom plan`."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from headroom.cli.console import FINE, REFUSED, Settings, errors_as_exit_codes, stop

Environment = Annotated[str, typer.Argument(metavar="ENV", help="An environment: stacks/Pulumi.<ENV>.yaml.")]


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("plan")(plan)


def plan(context: typer.Context, environment: Environment) -> None:
    """Show what an environment must hold, what binds, and what falls short.

    Needs neither engine nor cluster. Ends with 1 where the plan is infeasible.
    """
    settings: Settings = context.obj
    with errors_as_exit_codes():
        from headroom.review.terminal import show_plan
        from stacks.reading import plan_environment

        made = plan_environment(environment, settings.as_of, datetime.now(UTC))
        if settings.as_json:
            settings.answer(made.document())
        else:
            show_plan(made, settings.console())
    stop(REFUSED if made.shortfalls else FINE)
