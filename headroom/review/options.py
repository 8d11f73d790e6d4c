"""Options under uncertain figures, as text for a terminal."""

import textwrap
from collections.abc import Mapping

from rich.console import Console
from rich.table import Table
from rich.text import Text

from capacity.uncertain.interval import Interval
from capacity.uncertain.options import Comparison, Option
from capacity.uncertain.outlook import Outlook

SHOWN = 3
"""Options in full; of every choice that is not in the first only why it lost."""
MATTERS = 0.03
"""Figures that explain less than this share are not shown: on 1,024 draws chance alone makes it 1% or so."""


def show_options(environment: str, comparison: Comparison, uncertain: Mapping[str, Interval], console: Console) -> None:
    """Print the best options, why the others lost, and what the uncertain figures do to the plan as it stands."""
    console.print(
        f"[bold]{environment}[/] on {comparison.draws:,} draws of {len(uncertain)} uncertain figures (seed {comparison.seed})"
    )
    if not uncertain:
        console.print("no figure is uncertain (the spec has no section `uncertain`): every draw is the same")
    console.print()
    console.print(_options(comparison))
    for place, option in enumerate(comparison.ranked[:SHOWN], start=1):
        _show(f"{place}: {_told(option)}", console)
    for why in comparison.unpriced:
        _show(f"calls that find no room have no price, so the fewest replicas always win: {why}", console)
    _show_others(comparison, console)
    console.print()
    console.print(_outlooks(comparison))
    _show_importance(comparison, console)
    assumed = [path for path, interval in uncertain.items() if interval.basis == "assumed"]
    if assumed:
        _show(f"assumed, not measured: the intervals of {', '.join(assumed)}", console)


def _options(comparison: Comparison) -> Table:
    table = _table(f"{comparison.currency} a month", "machines", "blocked", "in all", "95%", "regret", "wins")
    if comparison.planned is not None:
        table.add_row("the plan", *_figures(comparison.planned), "-")
    for place, option in enumerate(comparison.ranked[:SHOWN], start=1):
        table.add_row(f"{place} {option.name}", *_figures(option), f"{option.wins:.0%}")
    return table


def _figures(option: Option) -> tuple[str, ...]:
    return tuple(f"{amount:,.0f}" for amount in (option.machines, option.lost, option.cost, option.q95, option.regret))


def _told(option: Option) -> str:
    return "; ".join(
        f"{fleet.nodes} nodes of {fleet.pool}, at most "
        + (", ".join(f"{count} {vertical}" for vertical, count in fleet.replicas.items()) or "its queues")
        for fleet in option.fleets
    )


def _show_others(comparison: Comparison, console: Console) -> None:
    others: dict[tuple[str, str], str] = {}
    for option, excuse in zip(comparison.ranked, comparison.excuses, strict=True):
        for choice in option.choices:
            others.setdefault(choice, f"at best ({option.name}) {excuse}")
    told = [choice for choice in others if choice not in comparison.ranked[0].choices]
    if told or comparison.unfit:
        console.print("\n[bold]why not[/]")
    for choice in told:
        _show(f"{' '.join(choice)}: {others[choice]}", console)
    for name, reason in comparison.unfit:
        _show(f"{name}: cannot run: {reason}", console)


def _outlooks(comparison: Comparison) -> Table:
    table = _table("the plan on the draws", "required 5-95%", "headroom 5%", "50%", "95%", "short", "replicas", "needed")
    for vertical in comparison.verticals:
        low, _, high = vertical.replicas
        table.add_row(vertical.name, *_outlook(vertical), str(vertical.planned_replicas), f"{low:.0f}-{high:.0f}")
    for provider in comparison.providers:
        table.add_row(provider.name, *_outlook(provider), "-", "-")
    return table


def _outlook(outlook: Outlook) -> tuple[str | Text, ...]:
    low, _, high = outlook.required
    headroom = (Text(f"{share:+.0%}", style="red" if share < 0 else "green") for share in outlook.headroom)
    return (f"{low:,.0f}-{high:,.0f}", *headroom, f"{outlook.short:.0%}")


def _show_importance(comparison: Comparison, console: Console) -> None:
    lines = [("cost of the first option", comparison.importance)]
    lines += [(f"headroom of {vertical.name}", vertical.importance) for vertical in comparison.verticals]
    told = [(what, _shares(importance)) for what, importance in lines]
    if any(shares for _, shares in told):
        console.print("\n[bold]what matters most[/] (share of the variance that a figure explains by itself)")
    for what, shares in told:
        if shares:
            _show(f"{what}: {shares}", console)


def _shares(importance: Mapping[str, float]) -> str:
    return ", ".join(f"{path} {share:.0%}" for path, share in importance.items() if share >= MATTERS)


def _table(title: str, *headings: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column(title)
    for heading in headings:
        table.add_column(heading, justify="right")
    return table


def _show(line: str, console: Console) -> None:
    console.print(Text(textwrap.fill(line, console.width, initial_indent="  ", subsequent_indent="    ")))
