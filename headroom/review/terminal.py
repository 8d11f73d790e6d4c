"""Plans and verdicts as text for a terminal."""

import textwrap
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from capacity.bills import SelfHosting
from capacity.explain import Step
from capacity.lead_times import LeadTime
from capacity.lock import ForecastLock
from capacity.model_plan import ModelPlan
from capacity.plan import CapacityPlan, QueuePlan
from capacity.pool_plan import PoolPlan
from capacity.shortfall import Shortfall
from capacity.sold import Sold
from headroom.blueprint.counts import PartCount
from headroom.review.comparison import Change
from policies.rule import Rule
from policies.verdict import Violation
from policies.waivers import Waived, render_waived


def show_plan(plan: CapacityPlan, console: Console) -> None:
    """Print a plan: each vertical with what binds it, what all share, and what falls short."""
    lock = plan.lock
    console.print(
        f"[bold]{plan.environment}[/] on {plan.as_of}: forecast {lock.kind}, data to {lock.data_end}, valid to {lock.valid_until}"
    )
    console.print(
        f"margins: burst {plan.margins.burst:g}, growth {plan.margins.growth_per_quarter:g} a quarter, "
        f"safe utilisation {plan.margins.safe_utilisation:g}\n"
    )
    console.print(_verticals(plan))
    console.print()
    console.print(_pods(plan))
    console.print()
    _show_shared(plan, console)
    console.print()
    if plan.sizings:
        _show_stack(plan, console)
    if plan.sold is not None:
        _show_sold(plan.sold, plan.model, console)
    _show_costs(plan, console)
    assumed = [vertical.name for vertical in plan.live if vertical.basis == "assumed"]
    if assumed:
        console.print(f"assumed, not measured: the load of {', '.join(assumed)}")
    for vertical in plan.live:
        if vertical.ceiling.guaranteed < vertical.ceiling.hard:
            console.print(
                f"{vertical.name}: requests are below limits; of {vertical.ceiling.hard} sessions a pod "
                f"{vertical.ceiling.guaranteed} are guaranteed, and only these count"
            )
    show_shortfalls(plan.shortfalls, console)


def show_steps(title: str, steps: Sequence[Step], console: Console) -> None:
    """Print a chain of figures, a step a line, each with how it came about and where its inputs come from."""
    console.print(f"[bold]{title}[/]")
    for step in steps:
        figure = f"{_figure(step.value)} {step.unit}".rstrip()
        console.print(Text.assemble((f"{step.name:22}", "bold"), figure))
        _show_indented((f"{step.formula} ({step.source})",), console)


def show_changes(changes: Sequence[Change], plan: CapacityPlan, console: Console) -> None:
    """Print the figures that a changed spec changes, and what then falls short."""
    if not changes:
        console.print("Nothing in the plan changes.")
    table = _table("figure", "before", "after")
    for change in changes:
        table.add_row(*(Text(cell) for cell in (change.figure, _figure(change.before), _figure(change.after))))
    if changes:
        console.print(table)
    show_shortfalls(plan.shortfalls, console)


def show_parts(parts: Sequence[PartCount], console: Console) -> None:
    """Print how many resources each part of a stack has."""
    table = _table("part", "resources")
    table.add_column("component")
    for part in parts:
        table.add_row(part.name, f"{part.resources:,}", Text(part.type))  # not markup: ":bus:" is an emoji
    table.add_row("all", f"{sum(part.resources for part in parts):,}", "")
    console.print(table)
    console.print()


def show_verdict(environment: str, violations: Sequence[Violation], rules_run: Sequence[str], console: Console) -> None:
    """Print what the gate says: accepted or refused, by how many rules, and why."""
    if not rules_run:
        console.print(f"[red bold]{environment} is refused:[/] no rule ran, so nothing was judged")
        return
    if not violations:
        console.print(f"[green bold]{environment} is accepted:[/] {len(rules_run)} rules ran, none is broken")
        return
    broken = len({violation.rule for violation in violations})
    found = f"{_counted(len(violations), 'violation')} of {_counted(broken, 'rule')}"
    console.print(f"[red bold]{environment} is refused:[/] {found} ({len(rules_run)} rules ran)")
    for violation in violations:
        console.print(Text.assemble(("  " + violation.rule, "bold"), ("  " + violation.resource, "")))
        _show_indented((violation.message, f"Remedy: {violation.remedy}"), console)


def show_waived(waived: Sequence[Waived], console: Console) -> None:
    """Print the violations that a waiver lets through, and for how long."""
    if waived:
        console.print(f"[yellow bold]{_counted(len(waived), 'violation')} let through:[/]")
    for each in waived:
        console.print(Text.assemble(("  waived  ", "yellow bold"), (each.violation.rule, "bold")))
        _show_indented((render_waived(each),), console)


def show_rules(rules: Sequence[Rule], console: Console) -> None:
    """Print rules: what each demands, why, what it reads, and what to do."""
    for rule in rules:
        console.print(Text(rule.name, style="bold"))
        _show_indented((rule.condition, f"Why: {rule.why}", f"Reads: {rule.reads}", f"Remedy: {rule.remedy}"), console)


def show_lock(lock: ForecastLock, console: Console) -> None:
    """Print a forecast lock: what was read, and the load that came of it."""
    console.print(f"[bold]{lock.environment}[/]: forecast {lock.kind}, data to {lock.data_end}, valid to {lock.valid_until}")
    for source in lock.sources:
        rejected = ", ".join(f"{count:,} {kind}" for kind, count in sorted(source.rejected.items())) or "none"
        used = f"{source.rows:,} rows, {source.used:,} used; not used: {rejected}"
        console.print(f"  {source.name} ({source.kind}): {used}", markup=False)
        for assumption in source.assumed:
            console.print(f"    assumed: {assumption}")
    table = _table("vertical", "basis", "peak", "held", "95% max", "held", "burst", "lag growth", "known peaks")
    for name, forecast in lock.verticals.items():
        table.add_row(
            name,
            forecast.basis,
            f"{forecast.peak:,}",
            f"{forecast.backtest.held}/{forecast.backtest.origins}" if forecast.backtest else "-",
            f"{forecast.extreme.q95:,}" if forecast.extreme else "-",
            f"{forecast.backtest.extreme_held}/{forecast.backtest.extreme_origins}" if forecast.backtest else "-",
            f"{forecast.measured_burst:.2f}" if forecast.measured_burst else "-",
            f"{forecast.lag.ratio:.2f}",
            str(len(forecast.known_peaks)),
        )
    console.print(table)


def show_shortfalls(shortfalls: Sequence[Shortfall], console: Console) -> None:
    """Print what falls short, each with its cure, or that nothing does."""
    if not shortfalls:
        console.print("[green]Every ceiling holds what is required.[/]")
        return
    console.print(f"\n[red bold]{_counted(len(shortfalls), 'shortfall')}[/]")
    for shortfall in shortfalls:
        _show_shortfall(shortfall, console)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def _figure(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if value.is_integer() or abs(value) >= 100 else f"{value:.4g}"  # noqa: PLR2004  # four digits
    return f"{value:,}" if isinstance(value, int) else "-" if value is None else str(value)


def _table(title: str, *headings: str) -> Table:
    """Return a table whose first column is text and whose others are figures; made to fit 80 columns."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column(title, no_wrap=True)
    for heading in headings:
        table.add_column(heading, justify="right")
    return table


def _verticals(plan: CapacityPlan) -> Table:
    table = _table("sessions", "peak", "required", f"in {plan.lock.valid_days} days", "provided", "headroom", "bound by")
    for vertical in plan.verticals:
        if isinstance(vertical, QueuePlan):
            table.add_row(vertical.name, "-", "-", "-", "-", "-", f"queue, {vertical.spec.depth_cap:,}")
            continue
        table.add_row(
            vertical.name,
            f"{vertical.peak:,}",
            f"{vertical.required_at_data_end.sessions:,.0f}",
            f"{vertical.required.sessions:,.0f}",
            f"{vertical.provided:,}",
            _signed(vertical.headroom),
            vertical.ceiling.binding,
        )
    return table


def _pods(plan: CapacityPlan) -> Table:
    table = _table("pods", "hard ceiling", "safe", "target", "replicas", "in peaks")
    for vertical in plan.verticals:
        if isinstance(vertical, QueuePlan):
            table.add_row(vertical.name, "-", "-", "-", str(vertical.spec.replicas), "-")
            continue
        scaling, ceiling = vertical.scaling, vertical.ceiling
        table.add_row(
            vertical.name,
            f"{ceiling.hard:,}",
            f"{ceiling.safe:,}",
            str(scaling.target.sessions),
            f"{scaling.baseline}-{scaling.maximum}",
            str(max(window.replicas for window in scaling.windows)) if scaling.windows else "-",
        )
    return table


def _show_shared(plan: CapacityPlan, console: Console) -> None:
    table = _table("shared by all", "required", "there is", "headroom", "short on", "order by")
    model = plan.model
    for asked in model.asked:
        row = (f"{asked.amount:,.0f}", f"{asked.limit.limit:,.0f}", _signed(asked.headroom), *_lead(asked.lead))
        table.add_row(asked.limit.name, *row)
    for pool in plan.pools:
        table.add_row(f"nodes, {pool.name}", str(pool.needed), str(pool.nodes), _signed(pool.headroom), *_lead(pool.lead))
    console.print(table)
    _show_providers(model, console)
    for pool in plan.pools:
        _show_pool(pool, console)


def _show_providers(model: ModelPlan, console: Console) -> None:
    for place, ceiling in enumerate(model.ceilings):
        holds = "no limit is known" if ceiling.hard is None else f"holds {ceiling.hard:,} sessions by {ceiling.binding}"
        said = "; ".join(dict.fromkeys(limit.source for limit in ceiling.limits))
        _show_note(f"{'fallback ' if place else ''}{ceiling.provider}: {holds}{said and '; '}{said}", console)
    if model.refusals is not None and model.refusals.chance is not None:
        _show_note(
            f"{model.primary.name}: a minute of the plain peak is refused with a chance of {model.refusals.chance:.2g}", console
        )
    for outage in model.outages:
        carried = ", ".join(f"{part.sessions:,.0f} by {part.provider}" for part in outage.carried)
        unserved = f", {outage.unserved:,.0f} by nobody" if outage.unserved else ""
        _show_note(f"without {' and '.join(outage.failed)}: of {model.peaks:,.0f} at the plain peak {carried}{unserved}", console)


def _show_pool(pool: PoolPlan, console: Console) -> None:
    room = f"{pool.node.cpu_cores:g} cores and {pool.node.memory_bytes / 2**30:,.0f} GiB a node for pods"
    losses = [_counted(pool.survive, "node")] if pool.survive else []
    losses += [f"one of {pool.zones} zones"] if pool.zones > 1 else []
    lost = f"{' or '.join(losses)} may be lost" if losses else "no node may be lost"
    rollout = "rollouts not counted" if pool.rollout is None else f"a rollout of {pool.rollout} takes most"
    takes = f"pods take {pool.enough}, packed at best {pool.packed}"
    _show_note(f"{pool.name}: {room}; {pool.binding} binds; {takes}; {lost}; {rollout}", console)


def _show_stack(plan: CapacityPlan, console: Console) -> None:
    table = _table("stack", "required", "safe", "headroom", "bound by", "unit")
    for part in plan.sizings:
        sizing = part.sizing
        if sizing is None:
            table.add_row(part.name, "unknown", "-", "-", "-", "-")
            continue
        table.add_row(
            part.name,
            _figure(sizing.required),
            _figure(sizing.safe),
            _signed(sizing.headroom),
            sizing.binding,
            sizing.unit.replace(" a second", "/s").replace(" a ", "/"),
        )
    console.print(table)
    dated = [(part.lead.order_by, part.name) for part in plan.sizings if part.lead is not None and part.lead.order_by is not None]
    if dated:
        day, name = min(dated)
        console.print(f"  of these, the first to be ordered: {name}, by {day}", markup=False)
    if assumed := [part.name for part in plan.sizings if part.assumed]:
        console.print(f"  what binds is assumed, not measured: {', '.join(assumed)}", markup=False)
    console.print()


def _show_sold(sales: Sold, model: ModelPlan, console: Console) -> None:
    table = _table("plans sold", "refused at its cap", "refused by the fleet")
    for name, refused in sales.blocking.items():
        table.add_row(name, f"{refused.at_cap:.3%}", f"{refused.at_pool:.3%}")
    console.print(table)
    shared = sales.fleet_sessions - sales.guaranteed_sessions
    ratio = "" if sales.ratio is None else f", x {sales.ratio:.2f}"
    console.print(f"  {sales.guaranteed_sessions:,} guaranteed; {sales.promised_sessions:,} promised on {shared:,} shared{ratio}")
    if model.oversubscription is not None:
        for reason in model.oversubscription.reasons:
            _show_note(f"{model.primary.name}: {reason}", console)
    console.print()


def _show_costs(plan: CapacityPlan, console: Console) -> None:
    whole = plan.costs[-1]
    if whole.infrastructure is None and whole.model is None:
        missing = "pools.*.price_per_node_hour, model.primary.price_per_session_minute, or the forecast's mean sessions"
        _show_note(f"cost: unknown; the spec lacks prices ({missing})", console, indent=0)
    else:
        _show_bill(plan, console)
    if plan.self_hosting is not None:
        _show_self_hosting(plan.self_hosting, console)


def _show_bill(plan: CapacityPlan, console: Console) -> None:
    blocked = any(cost.blocked_calls for cost in plan.costs)
    more = ("blocked",) if blocked else ()
    table = _table(f"{plan.currency} a month", "machines", "model", "in all", "call minutes", "a minute", *more)
    for cost in plan.costs:
        unknown = "unknown" if cost.call_minutes != 0 else "-"
        per_minute = unknown if cost.per_call_minute is None else f"{cost.per_call_minute:.4f}"
        figures = (cost.infrastructure, cost.model, cost.monthly, cost.call_minutes)
        table.add_row(cost.name, *map(_money, figures), per_minute, *((_money(cost.blocked_calls),) if blocked else ()))
    console.print(table)
    if blocked:
        _show_note("blocked: calls that find no room, at most: as if every hour were the peak; not in the bill", console)
    for sold in plan.sold_costs:
        each = "" if sold.per_tenant is None else f", {sold.per_tenant:,.0f} a tenant"
        parts = f"machines {_money(sold.infrastructure)}, model {_money(sold.model)}{each}"
        _show_note(f"plan {sold.name}, {_counted(sold.tenants, 'tenant')}: {parts}", console)


def _show_self_hosting(own: SelfHosting, console: Console) -> None:
    steady = "never" if own.crossover_steady is None else f"from {own.crossover_steady:,.0f} steady sessions on"
    split = "; the mean of this load is unknown"
    if own.split is not None:
        split = f"; of this load {own.split.share:.0%}, on {own.split.gpus:,}"
    _show_note(f"GPUs of one's own pay {steady}{split} (--explain model)", console)


def _money(amount: float | None) -> str:
    if amount is None:
        return "unknown"
    return "<1" if 0 < amount < 1 else f"{amount:,.0f}"


def _lead(lead: LeadTime) -> tuple[str, str]:
    return (str(lead.short_on or "-"), str(lead.order_by or "-"))


def _signed(share: float | None) -> Text:
    if share is None:
        return Text("-")
    return Text(f"{share:+.0%}", style="red" if share < 0 else "green")


def _show_shortfall(shortfall: Shortfall, console: Console) -> None:
    figures = f"required {_figure(float(shortfall.required))}, provided {_figure(float(shortfall.provided))} {shortfall.unit}"
    if shortfall.unit == "of calls":
        figures = f"{shortfall.provided:.2%} of calls, at most {shortfall.required:.2%} allowed"
    console.print(Text.assemble(("  " + shortfall.resource, "bold"), f"  {shortfall.scope}: {figures}"))
    _show_indented((shortfall.reason, f"Remedy: {shortfall.remedy}"), console)


def _show_note(text: str, console: Console, *, indent: int = 2) -> None:
    first, further = " " * indent, " " * (indent + 2)
    console.print(Text(textwrap.fill(text, console.width, initial_indent=first, subsequent_indent=further)))


def _show_indented(lines: Sequence[str], console: Console) -> None:
    indent = " " * 4
    for line in lines:
        console.print(Text(textwrap.fill(line, console.width, initial_indent=indent, subsequent_indent=indent)))
