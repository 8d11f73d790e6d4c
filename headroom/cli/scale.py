"""`headroom scale`."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from headroom.cli.console import FINE, Settings, errors_as_exit_codes, stop
from headroom.cli.plan import Environment

if TYPE_CHECKING:
    from capacity.cells.scale import Step
    from capacity.simulation.outcome import Outcome

SIZES = "3k,30k,300k,3M"
MOST_SESSIONS = 5_000_000
"""Beyond it the chances of plans that share a fleet are below any float."""


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("scale")(scale)


def scale(
    context: typer.Context,
    environment: Environment,
    sessions: Annotated[
        str, typer.Option("--sessions", metavar="LIST", help="Concurrent sessions at the forecast peak, all verticals together.")
    ] = SIZES,
    most_nodes: Annotated[
        int, typer.Option("--most-nodes", metavar="N", min=1, help="Nodes that one cluster is trusted with.")
    ] = 100,
    *,
    simulate: Annotated[
        bool,
        typer.Option(
            "--simulate",
            help="Also play an hour call by call: all that is required of the largest vertical in one cell, another being gone.",
        ),
    ] = False,
) -> None:
    """Show what binds as an environment grows: the same spec at several sizes, in the fewest cells that survive a loss.

    Forecasts and tenants grow; everything else in the spec stays as it is, so what runs short first stands first.
    """
    settings: Settings = context.obj
    with errors_as_exit_codes():
        from capacity.cells.scale import TooManyCells, steps
        from headroom.located import BadInput, Problem
        from headroom.review.cells import show_scale, step_document
        from stacks.reading import forecast_located, judged_day, read_lock, read_spec

        sizes = _sizes(sessions)
        spec, lock = read_spec(environment), read_lock(environment)
        as_of = judged_day(spec, settings.as_of, datetime.now(UTC))
        found: list[tuple[Step, Outcome | None]] = []
        made = steps(spec, lock, as_of, sizes, most_nodes)
        for size in sizes:
            settings.say(f"{size:,} sessions ...")
            try:
                with forecast_located(environment):
                    step = next(made)
            except TooManyCells as many:
                raise BadInput([Problem("--most-nodes", None, "", str(many))]) from None
            found.append((step, _played(step, spec.zone) if simulate else None))
        if settings.as_json:
            settings.answer({"environment": environment, "steps": [step_document(*each) for each in found]})
        else:
            show_scale(found, settings.console())
    stop(FINE)


def _sizes(text: str) -> tuple[int, ...]:
    from capacity.units import UnknownUnit, parse_amount
    from headroom.located import BadInput, Problem

    try:
        sizes = tuple(parse_amount(size.strip()) for size in text.split(","))
    except UnknownUnit as wrong:
        raise BadInput([Problem("--sessions", None, "", str(wrong))]) from None
    if not all(0 < size <= MOST_SESSIONS for size in sizes):
        raise BadInput([Problem("--sessions", None, "", f"expected numbers from 1 to {MOST_SESSIONS:,}, such as 3k,30k")])
    return sizes


def _played(step: "Step", zone: str) -> "Outcome | None":
    """Return the peak hour of the largest vertical in the first cell, or None where nobody says how long its calls are."""
    from capacity.cells.hour import peak_hour
    from capacity.simulation.run import simulate

    hour = peak_hour(step.fleet.cells[0].plan, zone=zone)
    return None if hour is None else simulate(hour, seed=1)
