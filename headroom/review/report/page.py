"""The report as one HTML page that needs nothing beside itself."""

from dataclasses import dataclass

from capacity.plan import CapacityPlan, LivePlan
from headroom.review.report import tables
from headroom.review.report.calendar import Due, calendar
from headroom.review.report.evidence import COST, Evidence, evidence
from headroom.review.report.plots import calendar_plot, cost_plot, history_plot, sessions_plot, week_plot
from headroom.review.report.sessions import Sessions, sessions_of
from headroom.review.report.table import Table
from headroom.review.report.week import week_of
from policies.verdict import Verdict

_BELOW = "The table below has the figures."


@dataclass(frozen=True)
class Figure:
    """A drawing, and the table that has its figures."""

    svg: str
    alternative: str
    """What it shows, for who does not see it."""
    caption: str
    table: Table


def report_page(plan: CapacityPlan, verdict: Verdict, zone: str) -> str:
    """Return the report of a plan and of what the gate says to it, as HTML. The same inputs give the same bytes.

    Its week is by the wall clock of `zone`.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    proof, rows, dues = evidence(plan), sessions_of(plan), calendar(plan)
    costs = tables.cost_table(plan, proof)
    least = min(plan.live, key=lambda live: live.headroom, default=None)
    environment = Environment(
        loader=PackageLoader("headroom.review.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["drawn"] = Markup
    return environment.get_template("report.html").render(
        plan=plan,
        verdict=verdict,
        broken=len({violation.rule for violation in verdict.violations}),
        least=least,
        least_link=None if least is None else proof.link(least.name, "headroom"),
        next_due=dues[0],
        next_link=proof.link(*dues[0].proof) if dues[0].proof else "#history",
        violations=tables.violations_table(verdict) if verdict.violations else None,
        waived=tables.waived_table(verdict) if verdict.waived else None,
        shortfalls=tables.shortfalls_table(plan) if plan.shortfalls else None,
        sessions=_sessions(rows, tables.sessions_table(rows, proof)) if rows else None,
        histories=[_history(plan, live, place) for place, live in enumerate(plan.live) if plan.lock.verticals[live.name].weekly],
        coverage=tables.coverage_table(plan.lock),
        weeks=[_week(plan, live, zone, place, proof) for place, live in enumerate(plan.live)],
        zone=zone,
        binding=tables.binding_table(plan, proof),
        bought=tables.bought_table(plan, proof),
        reserved=tables.reserved_table(plan, proof),
        idle=next(cost for cost in plan.costs if cost.name == "idle").infrastructure,
        idle_link=proof.link(COST, "idle: machines"),
        cost=_cost(plan, costs),
        costs=costs,
        sold=tables.sold_table(plan, proof) if plan.sold_costs else None,
        calendar=_calendar(dues, plan, tables.calendar_table(dues, plan, proof)),
        sources=tables.sources_table(plan.lock) if plan.lock.sources else None,
        chains=proof.chains,
    )


def _sessions(rows: tuple[Sessions, ...], table: Table) -> Figure:
    short = [row.name for row in rows if row.required > row.safe]
    alternative = f"Bars of required sessions against safe and hard ceilings; short: {', '.join(short) or 'none'}. {_BELOW}"
    return Figure(sessions_plot(rows), alternative, "Required sessions against what the pods hold.", table)


def _history(plan: CapacityPlan, live: LivePlan, place: int) -> Figure:
    forecast = plan.lock.verticals[live.name]
    usual = [week.p999 for week in forecast.weekly]
    alternative = f"{live.name}: 99.9% of a week between {min(usual):,} and {max(usual):,} sessions"
    if forecast.next_week is not None:
        alternative += f"; next week between {forecast.next_week.low:,} and {forecast.next_week.high:,}"
    if forecast.extreme is not None:
        alternative += f"; the maximum until {plan.lock.valid_until} with 95% at most {forecast.extreme.q95:,}"
    alternative += f"; required then {live.required.sessions:,.0f}"
    caption = f"{live.name} ({forecast.basis}: {forecast.source})"
    if forecast.backtest is not None:
        caption += f"; the peak held in {forecast.backtest.held} of {forecast.backtest.origins} past weeks"
    drawn, table = history_plot(plan, live, forecast, f"history-{place}"), tables.history_table(forecast, live.name)
    return Figure(drawn, alternative, f"{caption}.", table)


def _week(plan: CapacityPlan, live: LivePlan, zone: str, place: int, proof: Evidence) -> Figure:
    week = week_of(live, plan.lock.verticals[live.name], zone, plan.as_of)
    windows = "; ".join(f"{each.day} {each.start} to {each.end}: {each.replicas} replicas" for each in live.scaling.windows)
    alternative = f"{live.name}: {week.basis}. Pre-scale windows: {windows or 'none'}"
    caption = f"{live.name}: {week.basis}; {live.scaling.baseline} to {live.scaling.maximum} replicas."
    return Figure(week_plot(week, live.peak, f"week-{place}"), alternative, caption, tables.week_table(live, proof))


def _cost(plan: CapacityPlan, table: Table) -> Figure | None:
    parts = plan.costs[:-1]
    if not any(cost.infrastructure or cost.model for cost in parts):
        return None
    alternative = f"Bars of each part's month, machines and speech model. {_BELOW}"
    return Figure(cost_plot(parts, plan.currency), alternative, "A month of each part; idle is what no pod asks for.", table)


def _calendar(dues: tuple[Due, ...], plan: CapacityPlan, table: Table) -> Figure:
    alternative = f"Bars over time; the first to act on is {dues[0].what}, by {dues[0].act_by}. {_BELOW}"
    caption = f"From the last day to act (bar) to the day of need (diamond); dashed: {plan.as_of}, the day that is judged."
    return Figure(calendar_plot(dues, plan.as_of), alternative, caption, table)
