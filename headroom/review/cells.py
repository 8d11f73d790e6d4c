"""An environment of several cells, and one at several sizes."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from capacity.cells.fleet import Bound, FleetPlan
from capacity.cells.scale import Step
from capacity.simulation.outcome import Outcome
from headroom.review.terminal import show_shortfalls

_SHOWN = 4


def show_scale(steps: Sequence[tuple[Step, Outcome | None]], console: Console) -> None:
    """Print a row a size, and below it what runs short first, in each cell and for all of them together."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for head in ("sessions", "required", "cells", "nodes a cell", "required of one", "after a loss"):
        table.add_column(head, justify="right", no_wrap=True)
    for step, _ in steps:
        cell = step.fleet.cells[0]
        table.add_row(
            f"{step.sessions:,}",
            f"{sum(live.required.sessions for live in step.fleet.whole.live):,.0f}",
            f"{len(step.fleet.cells):,}",
            str(max(each.nodes for each in step.fleet.cells)),
            f"{cell.sessions:,.0f}",
            f"{cell.sessions_after_loss:,.0f}",
        )
    console.print(table)
    for step, outcome in steps:
        console.print(f"\n[bold]{step.sessions:,}[/]")
        console.print(f"  in a cell:    {_listed(step.fleet.cells[0].bounds)}")
        console.print(f"  for all:      {_listed(step.fleet.bounds)}")
        if outcome is not None:
            calls = outcome.calls
            console.print(
                f"  played:       {calls.offered:,} calls in an hour, {calls.refused:,} refused ({calls.blocking:.3%}), "
                f"{outcome.peak:,} at once"
            )
    console.print(
        "\nHeadroom is safe / required - 1; below 0% the spec's configuration no longer holds, and must grow with the load."
    )


def show_fleet(fleet: FleetPlan, console: Console) -> None:
    """Print what each cell must hold when any other is gone, what is tightest in it, and what falls short."""
    verticals = [live.name for live in fleet.whole.live]
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("cell", no_wrap=True)
    for head in ("sessions", "after a loss", "nodes", *verticals):
        table.add_column(head, justify="right", no_wrap=True)
    for cell in fleet.cells:
        pods = {live.name: str(live.scaling.maximum) for live in cell.plan.live}
        figures = (f"{cell.sessions:,.0f}", f"{cell.sessions_after_loss:,.0f}", str(cell.nodes))
        table.add_row(cell.name, *figures, *(pods.get(name, "-") for name in verticals))
    console.print(table)
    console.print("Required sessions with every cell there and after the worst loss of another; pods at most, by vertical.\n")
    for cell in fleet.cells:
        homes = ", ".join(f"{count:,} {name}" for name, count in cell.tenants.items() if count)
        console.print(f"{cell.name}: {_listed(cell.bounds)}" + (f"; at home: {homes}" if homes else ""))
    console.print(f"all cells: {_listed(fleet.bounds)}")
    shortfalls = [*fleet.shortfalls, *(short for cell in fleet.cells for short in cell.shortfalls)]
    show_shortfalls(shortfalls, console)


def step_document(step: Step, outcome: Outcome | None) -> dict[str, Any]:
    """Return one size as JSON."""
    document = {"sessions": step.sessions, **step.fleet.document()}
    if outcome is not None:
        document["played"] = {"offered": outcome.calls.offered, "refused": outcome.calls.refused, "peak": outcome.peak}
    return document


def _listed(bounds: Sequence[Bound]) -> str:
    return ", ".join(f"{bound.name} {bound.headroom:+.0%}" for bound in bounds[:_SHOWN]) or "nothing is limited"
