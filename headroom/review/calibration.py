"""Measured figures beside those of the spec, as text for a terminal."""

from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table
from rich.text import Text

from capacity import CapacityPlan
from capacity.plan import LivePlan
from headroom.calibrate.figures import Calibration, Figure, Unit


def show_calibration(found: Calibration, current: CapacityPlan, proposed: CapacityPlan, console: Console) -> None:
    """Print what stands in the spec, what was measured, what was not and why, and what the measured figures do to the plan."""
    console.print(f"[bold]{current.environment}[/] by {found.source}", markup=True)
    if found.figures:
        console.print(_figures(found))
    for figure in found.figures:
        if not figure.path[-1].startswith("base_"):
            console.print(Text(f"{'.'.join(figure.path)}: {_basis(figure)}"))
    for missing in found.unmeasured:
        console.print(Text(f"not measured: {'.'.join(missing.path)}: {missing.reason}"))
    claimed = {vertical.name: vertical.peak for vertical in current.live}
    for name, demand in found.demand.items():
        at = datetime.fromtimestamp(demand.time, UTC)
        held = f"{demand.sessions:,.0f} sessions at most, {at:%Y-%m-%d %H:%M} UTC"
        console.print(Text(f"{name}: {held}; forecast peak {claimed[name]:,}"))
    after = {vertical.name: vertical for vertical in proposed.live}
    for before in current.live:
        _show_pods(before, after[before.name], console)
    known = {(shortfall.resource, shortfall.scope) for shortfall in current.shortfalls}
    if current.shortfalls or proposed.shortfalls:
        console.print(f"{len(current.shortfalls)} shortfalls of the plan become {len(proposed.shortfalls)}")
    for shortfall in proposed.shortfalls:
        if (shortfall.resource, shortfall.scope) not in known:
            console.print(Text(f"then short: {shortfall.scope}: {shortfall.reason}; {shortfall.remedy}", style="red"))


def _show_pods(before: LivePlan, after: LivePlan, console: Console) -> None:
    changed = (before.ceiling.hard, before.scaling.maximum) != (after.ceiling.hard, after.scaling.maximum)
    if changed:
        console.print(
            Text(
                f"{before.name}: {before.ceiling.hard} sessions a pod become {after.ceiling.hard}, "
                f"{before.scaling.maximum} pods at most become {after.scaling.maximum}"
            )
        )


def _figures(found: Calibration) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("figure", no_wrap=True)
    for heading in ("spec", "measured", "95% interval", ""):
        table.add_column(heading, justify="right")
    for figure in found.figures:
        interval = f"{_shown(figure.interval.low, figure.unit)} to {_shown(figure.interval.high, figure.unit)}"
        cells = (".".join(figure.path), _shown(figure.before, figure.unit), _shown(figure.after, figure.unit), interval)
        table.add_row(*map(Text, cells), "below" if figure.below else "", style="red" if figure.below else None)
    return table


def _basis(figure: Figure) -> str:
    sample = figure.estimate.sample
    counts = f"{sample.points:,} points, {sample.pods:,} pods, {sample.days} days"
    return f"{counts}; {figure.estimate.note}" if figure.estimate.note else counts


def _shown(value: float, unit: Unit) -> str:
    return f"{value / 1e6:,.6g}M" if unit == "bytes" else f"{value:,.6g}"
