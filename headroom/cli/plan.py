"""`headroom plan`."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from headroom.cli.console import FINE, REFUSED, Settings, errors_as_exit_codes, stop

if TYPE_CHECKING:
    from capacity import CapacityPlan
    from capacity.explain import Step

Environment = Annotated[str, typer.Argument(metavar="ENV", help="An environment: stacks/Pulumi.<ENV>.yaml.")]


MODEL = "model"


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("plan")(plan)


def plan(
    context: typer.Context,
    environment: Environment,
    explain: Annotated[
        str | None,
        typer.Option(
            "--explain",
            metavar="NAME",
            help="Show the chain from the forecast to that vertical's replicas, or to the tokens that are needed (model), "
            "or what a part of the stack holds and by which limit (bus, turn, sockets, ...).",
        ),
    ] = None,
    what_if: Annotated[
        list[str] | None,
        typer.Option(
            "--what-if",
            metavar="PATH=VALUE",
            help="Plan again with a figure of the spec changed, such as verticals.sales.session.memory=90MB, "
            "and show what differs. May stand several times; changes no file.",
        ),
    ] = None,
    *,
    plot: Annotated[
        bool,
        typer.Option(
            "--plot", help="Draw what is required against the safe ceilings, and the floors of the week; not in --json."
        ),
    ] = False,
) -> None:
    """Show what an environment must hold, what binds, and what falls short.

    Needs neither engine nor cluster. Ends with 1 where the plan, with any --what-if, is infeasible.
    """
    settings: Settings = context.obj
    with errors_as_exit_codes():
        from headroom.review.comparison import compare
        from headroom.review.terminal import show_changes, show_plan, show_steps
        from stacks.reading import plan_environment, read_spec

        now = datetime.now(UTC)
        made = plan_environment(environment, settings.as_of, now, what_if=what_if or ())
        steps = None if explain is None else _explained(explain, made)
        changes = compare(plan_environment(environment, settings.as_of, now), made) if what_if else None
        if settings.as_json:
            document = made.document()
            if steps is not None:
                document["explanation"] = [asdict(step) for step in steps]
            if changes is not None:
                document["changes"] = [asdict(change) for change in changes]
            settings.answer(document)
        elif steps is not None:
            show_steps(explain or "", steps, settings.console())
        elif changes is not None:
            show_changes(changes, made, settings.console())
        else:
            show_plan(made, settings.console())
        if plot and not settings.as_json:
            from headroom.review.report.terminal import show_plot

            console = settings.console()
            console.print()
            show_plot(made, read_spec(environment, what_if=what_if or ()).zone, console)
    stop(REFUSED if made.shortfalls else FINE)


def _explained(name: str, made: "CapacityPlan") -> "tuple[Step, ...]":
    """Return the steps to what is called so, or raise BadInput that lists what there is."""
    from capacity.explain import explain, explain_parts
    from capacity.explain_model import explain_model
    from headroom.located import BadInput, Problem

    if name == MODEL:
        return explain_model(made)
    live = [vertical.name for vertical in made.live]
    steps = (*(explain(made, name) if name in live else ()), *explain_parts(made, name))
    if not steps:
        known = ", ".join((*live, MODEL, *(part.name for part in made.sizings)))
        said = f"is neither a live vertical nor a part of the stack; there are: {known}"
        raise BadInput([Problem("--explain", None, name, said)])
    return steps
