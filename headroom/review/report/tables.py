"""The tables of a report."""

from collections.abc import Sequence

from capacity.cost import Cost, PlanCost
from capacity.lock import ForecastLock, VerticalForecast
from capacity.plan import CapacityPlan, LivePlan
from capacity.sizing.claims import said
from headroom.review.report.calendar import Due
from headroom.review.report.evidence import COST, IDLE, MODEL, Evidence, pool_title
from headroom.review.report.figures import money, shown, signed
from headroom.review.report.idle import Reserved, bought, reserved
from headroom.review.report.sessions import Sessions
from headroom.review.report.table import Cell, Table, table
from policies.verdict import Verdict


def violations_table(verdict: Verdict) -> Table:
    """Return what the gate refuses, and what to do."""
    rows = [(each.rule, each.resource, each.message, each.remedy) for each in verdict.violations]
    return table("Violations", "rule | resource | what is wrong | remedy", rows, prose=(1, 2, 3))


def waived_table(verdict: Verdict) -> Table:
    """Return the violations that somebody answers for, the first to end first."""
    rows = [
        (
            each.waiver.rule,
            each.waiver.resource,
            each.violation.message,
            ("adoption plan: " if each.adopted else "") + each.waiver.reason,
            each.waiver.until.isoformat(),
            str(each.days_left),
        )
        for each in sorted(verdict.waived, key=lambda each: (each.days_left, each.waiver.rule, each.waiver.resource))
    ]
    return table("Waivers in force", "rule | resource | what is wrong | reason | until | days left", rows, prose=(1, 2, 3))


def shortfalls_table(plan: CapacityPlan) -> Table:
    """Return what falls short in the plan, and what to do."""
    rows = [
        (f"{each.resource}, {each.scope}", shown(each.required), shown(each.provided), each.unit, each.reason, each.remedy)
        for each in plan.shortfalls
    ]
    return table("Shortfalls", "what | required | provided | unit | reason | remedy", rows, prose=(3, 4, 5))


def sessions_table(rows: Sequence[Sessions], evidence: Evidence) -> Table:
    """Return required sessions, how sure they are, and the ceilings."""

    def cells(row: Sessions) -> tuple[Cell | str, ...]:
        def linked(step: str, text: str) -> Cell:
            return Cell(text, evidence.link(row.name, step))

        interval = "unknown" if row.interval is None else f"{row.interval[0]:,.0f} to {row.interval[1]:,.0f}"
        return (
            row.name,
            linked("required", f"{row.required:,.0f}"),
            linked("provided", f"{row.safe:,}"),
            _room(row.headroom, evidence.link(row.name, "headroom")),
            linked("hard ceiling", f"{row.hard:,}"),
            linked("required", interval),
        )

    headings = "vertical | required | safe ceiling | headroom | hard ceiling | 90% interval of the binding term"
    return table("Sessions required and held", headings, [cells(row) for row in rows])


def history_table(forecast: VerticalForecast, name: str) -> Table:
    """Return the weeks that a history plot draws."""
    rows = [(week.week.isoformat(), f"{week.p99:,}", f"{week.p999:,}", f"{week.maximum:,}") for week in forecast.weekly]
    return table(f"{name}: concurrent sessions by week", "week from | 99% | 99.9% | maximum", rows)


def week_table(live: LivePlan, evidence: Evidence) -> Table:
    """Return the floors that a week plot outlines."""
    rows = [
        (
            f"{each.day} {each.start} to {each.end}",
            each.zone,
            f"{each.lead_seconds / 60:,.0f} min before",
            Cell(str(each.replicas), evidence.link(live.name, f"floor {each.day} {each.start}-{each.end}")),
        )
        for each in live.scaling.windows
    ]
    rest = ("all other hours", "-", "-", Cell(str(live.scaling.baseline), evidence.link(live.name, "lowest floor")))
    return table(f"{live.name}: floors of the week", "window | zone | up from | replicas", [*rows, rest], prose=(1, 2))


def binding_table(plan: CapacityPlan, evidence: Evidence) -> Table:
    """Return by what each vertical, each provider, each pool and each part of the stack is bound."""
    rows: list[tuple[Cell | str, ...]] = []
    for live in plan.live:
        cap = live.spec.cap if live.ceiling.binding == "cap" else None
        claim = f"session cost {said(live.spec.session)}" if cap is None else said(cap)
        link = evidence.link(live.name, "hard ceiling")
        room = _room(live.headroom, evidence.link(live.name, "headroom"))
        rows.append((live.name, Cell(f"a pod by {live.ceiling.binding}", link), claim, room))
    for place, ceiling in enumerate(plan.model.ceilings):
        # Only the first one must carry the burst.
        link = evidence.link(MODEL, f"{ceiling.provider} holds")
        source = "; ".join(dict.fromkeys(limit.source for limit in ceiling.limits if limit.name == ceiling.binding))
        headroom = _room(plan.model.headroom, link) if place == 0 else "-"
        rows.append((ceiling.provider, Cell(ceiling.binding, link), source, headroom))
    for pool in plan.pools:
        name = pool_title(pool.name)
        link = evidence.link(name, "required")
        rows.append((name, Cell(pool.binding, link), said(pool.spec), _room(pool.headroom, link)))
    for part in plan.sizings:
        link = evidence.link(part.name, part.name)
        if part.sizing is None:
            rows.append((part.name, Cell("unknown load", link), part.load, "-"))
        else:
            bound = [limit.source for limit in part.sizing.limits if limit.name == part.sizing.binding]
            room = _room(part.sizing.headroom, evidence.link(part.name, "headroom"))
            rows.append((part.name, Cell(part.sizing.binding, link), "; ".join(dict.fromkeys(bound)), room))
    return table("What binds, and what it rests on", "part | bound by | rests on | headroom", rows, prose=(1, 2))


def bought_table(plan: CapacityPlan, evidence: Evidence) -> Table:
    """Return the machines of each pool, by what they stand for."""

    def linked(pool: str, step: str, nodes: int) -> Cell:
        return Cell(str(nodes), evidence.link(pool_title(pool), step))

    rows = [
        (
            each.pool,
            linked(each.pool, "there are", each.nodes),
            linked(each.pool, "taken by pods", each.taken),
            linked(each.pool, "required", each.kept),
            Cell(str(each.beyond), evidence.link(IDLE, f"{pool_title(each.pool)}: beyond")),
            Cell(money(each.beyond_cost), evidence.link(IDLE, f"{pool_title(each.pool)}: beyond, a month")),
        )
        for each in bought(plan)
    ]
    headings = (
        f"pool | nodes | taken by pods at their maximum | kept for a loss or a rollout | beyond | {plan.currency} a month beyond"
    )
    return table("Idle, bought: machines", headings, rows)


def reserved_table(plan: CapacityPlan, evidence: Evidence) -> Table:
    """Return the places of each vertical, by what is used of them."""

    def linked(each: Reserved, step: str, text: str) -> Cell:
        return Cell(text, evidence.link(IDLE, f"{each.vertical}: {step}"))

    rows = [
        (
            each.vertical,
            linked(each, "places", f"{each.places:,}"),
            linked(each, "used", "unknown" if each.used is None else f"{each.used:,.1f}"),
            linked(each, "idle", "unknown" if each.idle is None else f"{each.idle:.0%}"),
            linked(each, "idle, a month", money(each.idle_cost)),
        )
        for each in reserved(plan)
    ]
    headings = f"vertical | places at the maximum | used on average | idle | {plan.currency} a month of idle places"
    return table("Idle, reserved: places", headings, rows)


def cost_table(plan: CapacityPlan, evidence: Evidence) -> Table:
    """Return a month of each part."""

    def minute(cost: Cost) -> str:
        unknown = "unknown" if cost.call_minutes != 0 else "-"
        return unknown if cost.per_call_minute is None else f"{cost.per_call_minute:.4f}"

    rows: list[tuple[Cell | str, ...]] = [
        (
            cost.name,
            *_parts(cost, cost.name, evidence),
            Cell(money(cost.call_minutes), evidence.link(COST, f"{cost.name}: call minutes")),
            Cell(minute(cost), evidence.link(COST, f"{cost.name}: a call minute")),
        )
        for cost in plan.costs
    ]
    headings = "part | machines | speech model | in all | call minutes | a call minute"
    return table(f"{plan.currency} a month by part", headings, rows)


def sold_table(plan: CapacityPlan, evidence: Evidence) -> Table:
    """Return a month of each plan that is sold."""
    rows: list[tuple[Cell | str, ...]] = [
        (
            cost.name,
            str(cost.tenants),
            *_parts(cost, f"plan {cost.name}", evidence),
            Cell(money(cost.per_tenant), evidence.link(COST, f"plan {cost.name}: a tenant")),
        )
        for cost in plan.sold_costs
    ]
    return table(f"{plan.currency} a month by plan", "plan | tenants | machines | speech model | in all | a tenant", rows)


def _room(headroom: float | None, link: str | None = None) -> Cell:
    return Cell(signed(headroom), link, bad=headroom is not None and headroom < 0)


def _parts(cost: Cost | PlanCost, chain: str, evidence: Evidence) -> tuple[Cell, ...]:
    amounts = (("machines", cost.infrastructure), ("model", cost.model), ("in all", cost.monthly))
    return tuple(Cell(money(amount), evidence.link(COST, f"{chain}: {step}")) for step, amount in amounts)


def calendar_table(dues: Sequence[Due], plan: CapacityPlan, evidence: Evidence) -> Table:
    """Return what is due, the first first."""
    rows = [
        (
            due.what,
            Cell(due.act_by.isoformat(), evidence.link(*due.proof) if due.proof else "#history", bad=due.act_by < plan.as_of),
            due.until.isoformat(),
            due.action,
        )
        for due in dues
    ]
    return table("Lead times", "what | act by | too late from | do", rows, prose=(3,))


def coverage_table(lock: ForecastLock) -> Table | None:
    """Return how often the forecast held in past weeks; None where no vertical was looked back at."""
    rows = [
        (
            name,
            f"{test.held} of {test.origins}",
            f"{test.bound_held} of {test.origins}",
            f"{test.extreme_held} of {test.extreme_origins}",
            test.first_origin.isoformat(),
            test.chosen,
        )
        for name, test in ((name, forecast.backtest) for name, forecast in lock.verticals.items())
        if test is not None
    ]
    headings = "vertical | peak held | next week's bound held | horizon's maximum held | first week tried | most weight"
    return table("Past coverage: weeks that stayed at or below", headings, rows, prose=(5,)) if rows else None


def sources_table(lock: ForecastLock) -> Table:
    """Return what the forecast was made of."""
    rows = [
        (each.name, each.kind, f"{each.rows:,}", f"{each.used:,}", "; ".join(each.assumed) or "nothing", each.digest[:19])
        for each in lock.sources
    ]
    return table("Sources of the forecast", "source | kind | rows | used | assumed | digest", rows, prose=(1, 4, 5))
