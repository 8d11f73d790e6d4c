"""The essential figures of a plan, drawn in a terminal."""

from rich.bar import Bar
from rich.console import Console
from rich.table import Table
from rich.text import Text

from capacity.lock import WEEKDAYS
from capacity.plan import CapacityPlan
from headroom.review.report.figures import signed
from headroom.review.report.sessions import sessions_of
from headroom.review.report.week import SLOTS_A_DAY, week_of

_BAR = 38
"""Columns; with names and figures it fits 80."""
_LEVELS = "▁▂▃▄▅▆▇█"
_COLUMNS_A_DAY = 6
"""Four hours each; of them the highest floor is drawn."""


def show_plot(plan: CapacityPlan, zone: str, console: Console) -> None:
    """Print what each live vertical requires against its safe ceiling, and the floors of its week by the clocks of a zone."""
    if not plan.live:
        return
    console.print(_sessions(plan))
    console.print()
    console.print(_floors(plan, zone))


def _sessions(plan: CapacityPlan) -> Table:
    rows = sessions_of(plan)
    widest = max(max(row.required, row.safe) for row in rows)
    table = _table(f"sessions by {plan.lock.valid_until}")
    table.show_header = False
    for justify in ("left", "left", "left", "right", "right"):
        table.add_column(justify=justify)
    for row in rows:
        colour = "red" if row.required > row.safe else "blue"
        table.add_row(row.name, "required", Bar(widest, 0, row.required, width=_BAR, color=colour), f"{row.required:,.0f}", "")
        table.add_row("", "safe", Bar(widest, 0, row.safe, width=_BAR, color="green"), f"{row.safe:,}", signed(row.headroom))
    return table


def _floors(plan: CapacityPlan, zone: str) -> Table:
    table = _table(f"floors of the week, {zone}")
    for heading in ("replicas", *(day.capitalize() for day in WEEKDAYS)):
        table.add_column(heading, no_wrap=True)
    table.add_column("", justify="right", no_wrap=True)
    step = SLOTS_A_DAY // _COLUMNS_A_DAY
    for live in plan.live:
        floors = week_of(live, plan.lock.verticals[live.name], zone, plan.as_of).floors
        drawn = "".join(_level(max(floors[at : at + step]), live.scaling.maximum) for at in range(0, len(floors), step))
        days = (Text(drawn[at : at + _COLUMNS_A_DAY], style="blue") for at in range(0, len(drawn), _COLUMNS_A_DAY))
        table.add_row(live.name, *days, f"{min(floors)}-{max(floors)} of {live.scaling.maximum}")
    return table


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 1, 0, 0))


def _level(replicas: int, maximum: int) -> str:
    """Return a block as high as the share of the maximum, rounded up."""
    return _LEVELS[-(-replicas * len(_LEVELS) // maximum) - 1]
