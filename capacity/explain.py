"""The chain from the data to the replicas of one vertical, step by step."""

from collections.abc import Iterator
from dataclasses import dataclass

from capacity.lag_plan import lag_seconds
from capacity.local_runs import runs_of
from capacity.lock import Interval
from capacity.onboarding import Onboarding
from capacity.parts import Part
from capacity.plan import BINDING_CUSTOMERS, CapacityPlan, LivePlan
from capacity.required import QUARTER_DAYS, growth_factor
from capacity.sizing.claims import said

_DIGEST_SHOWN = len("sha256:") + 12
"""The lock has all of it."""


@dataclass(frozen=True)
class Step:
    """One figure on the way: what it is, how it came about, and where its inputs come from."""

    name: str
    value: float | None
    """None where it is unknown."""
    unit: str
    formula: str
    source: str


def explain(plan: CapacityPlan, vertical: str) -> tuple[Step, ...]:
    """Return the steps from the data behind a live vertical's forecast to its replicas; raises KeyError where it is not one."""
    for live in plan.live:
        if live.name == vertical:
            return (*_data(plan, live), *_required(plan, live), *_pod(plan, live), *_replicas(plan, live), *_lag(plan, live))
    raise KeyError(vertical)


def explain_parts(plan: CapacityPlan, name: str) -> tuple[Step, ...]:
    """Return the steps from load to headroom of the parts of the stack that are called so: their name, section or vertical."""
    return tuple(step for part in plan.sizings if part.is_called(name) for step in _part(plan, part))


def _part(plan: CapacityPlan, part: Part) -> Iterator[Step]:
    sizing, section = part.sizing, f"spec: {part.path}"
    if sizing is None:
        yield Step(part.name, None, "", part.load, section)
        return
    yield Step(part.name, sizing.required, sizing.unit, part.load, section)
    for limit in sizing.limits:
        yield Step(f"by {limit.name}", limit.value, sizing.unit, limit.formula, limit.source)
    least = any(limit.value == sizing.hard for limit in sizing.limits)
    formula = f"the least of these: {sizing.binding}" if least else f"the budget; {sizing.binding} takes most of it"
    yield Step("hard", sizing.hard, sizing.unit, formula, section)
    if sizing.safe < sizing.hard:
        share = plan.margins.safe_utilisation
        rounded = ", each like part rounded down" if sizing.safe < share * sizing.hard * (1 - 1e-9) else ""
        formula = f"{share:g} x {sizing.hard:,.6g}{rounded}"
        yield Step("safe", sizing.safe, sizing.unit, formula, "spec: margins.safe_utilisation")
    if sizing.headroom is not None:
        yield Step("headroom", sizing.headroom, "", f"{sizing.safe:,.6g} / {sizing.required:,.6g} - 1", "plan")
    if part.lead is not None and part.lead.short_on is not None:
        formula = f"until it is short on {part.lead.short_on}; more must be ordered by {part.lead.order_by}"
        yield Step("lasts", (part.lead.short_on - plan.as_of).days, "days", formula, f"{section}.lead_time")
    for run in runs_of(part):
        yield Step(run.name, run.value, run.unit, "what one machine did; nothing is sized by it", said(run))


def _data(plan: CapacityPlan, live: LivePlan) -> Iterator[Step]:
    """Yield the lock's inputs of a vertical: those that its forecast names or that name it, else all of them."""
    sources = plan.lock.sources
    for data in [data for data in sources if data.name in live.source or live.name in data.name.split()] or sources:
        formula = f"{data.kind}: {data.used:,} of {data.rows:,} rows used" + "".join(
            f", {count:,} rejected: {reason}" for reason, count in sorted(data.rejected.items())
        )
        formula += f", {data.open:,} of calls still open" if data.open else ""
        formula += f", moved by {data.shifted_weeks:,} weeks" if data.shifted_weeks else ""
        formula += "".join(f"; assumed {assumed}" for assumed in data.assumed)
        yield Step("data", data.used, "rows", formula, f"{data.name}, {data.digest[:_DIGEST_SHOWN]}")


def _required(plan: CapacityPlan, live: LivePlan) -> Iterator[Step]:
    forecast, margins, lock = plan.lock.verticals[live.name], plan.margins, plan.lock
    formula = forecast.statistic + _between("the next week", forecast.next_week)
    if forecast.backtest is not None:
        formula += f"; held {forecast.backtest.held} of {forecast.backtest.origins} past weeks"
    yield Step("forecast peak", live.peak, "sessions", formula, f"{live.basis}: {live.source}")
    growth = growth_factor(lock.valid_days, margins.growth_per_quarter)
    formula = f"{margins.growth_per_quarter:g} ^ ({lock.valid_days} / {QUARTER_DAYS}) from {lock.data_end} to {lock.valid_until}"
    yield Step("growth", growth, "", formula, "spec: margins.growth_per_quarter")
    grown = dict(live.required.terms)
    yield Step(
        "first term",
        next(iter(grown.values())),
        "sessions",
        f"{margins.burst:g} burst x {growth:.3f} growth x {live.peak:,} peak",
        "spec: margins.burst",
    )
    if forecast.extreme is not None:
        extreme = forecast.extreme
        formula = f"{extreme.method}; {extreme.days_fitted} days fitted, {extreme.days_ahead} ahead"
        formula += _between("the figure", extreme.interval)
        yield Step("second term", extreme.q95, "sessions", formula, f"lock: {live.name}.extreme")
    if live.onboarding is not None:
        yield from _onboarding(live.onboarding)
    terms = " and ".join(f"{value:,.0f}" for value in grown.values())
    formula = f"the largest of {terms}: {live.required.binding}" if len(grown) > 1 else live.required.binding
    yield Step("required", live.required.sessions, "sessions", formula, f"by {lock.valid_until}")


def _between(what: str, interval: Interval | None) -> str:
    return f"; {what} between {interval.low:,} and {interval.high:,} with 90%" if interval else ""


def _onboarding(onboarding: Onboarding) -> Iterator[Step]:
    for share in onboarding.shares[:BINDING_CUSTOMERS]:
        customer, calls = share.customer, share.customer.calls_a_day
        formula = (
            f"{share.share:.0%} of the new customers' load; {calls.mid:,} calls a day ({calls.low:,} to {calls.high:,} with "
            f"{calls.confidence:.0%}) of {customer.call:g} s, plan {customer.plan}, from {customer.start.likely}"
        )
        yield Step(f"customer {customer.name}", share.erlangs, "erlangs", formula, f"{customer.basis}: {customer.source}")
    formula = f"sum of the own peaks of {len(onboarding.shares):,} customers / peak of their sum"
    yield Step("diversity", onboarding.diversity, "", formula, "spec: customers")
    low, high = onboarding.interval
    formula = f"{onboarding.formula}; between {low:,.0f} and {high:,.0f} with 90%"
    yield Step("onboarding", onboarding.sessions, "sessions", formula, "spec: customers")


def _pod(plan: CapacityPlan, live: LivePlan) -> Iterator[Step]:
    cost = live.spec.session
    for limit in live.ceiling.limits:
        source = f"session cost {cost.basis}: {cost.source}"
        if limit.name == "cap" and live.spec.cap is not None:
            source = f"{live.spec.cap.basis}: {live.spec.cap.source}"
        yield Step(f"a pod by {limit.name}", limit.sessions, "sessions", limit.formula, source)
    yield Step("hard ceiling", live.ceiling.hard, "sessions", f"the least of these: {live.ceiling.binding}", "spec: pod")
    if live.ceiling.guaranteed < live.ceiling.hard:
        yield Step("guaranteed", live.ceiling.guaranteed, "sessions", "the same by requests", "spec: pod.requests")
    safe = plan.margins.safe_utilisation
    formula = f"{safe:g} x {live.ceiling.guaranteed}, rounded down"
    yield Step("safe ceiling", live.ceiling.guaranteed_safe, "sessions", formula, "spec: margins.safe_utilisation")
    if live.spec.pins.sessions_per_pod is not None:
        yield Step("admitted", live.sessions_per_pod, "sessions", "pinned", "spec: pins.sessions_per_pod")


def _lag(plan: CapacityPlan, live: LivePlan) -> Iterator[Step]:
    for stage in live.lag:
        yield Step(f"lag: {stage.name}", stage.seconds, "seconds", "from load rise to ready pod", stage.source)
    measured, scaling = plan.lock.verticals[live.name].lag, live.scaling
    formula = f"sum of these, for {scaling.baseline} to {scaling.maximum} replicas; the forecast measured growth within "
    yield Step("lag", lag_seconds(live.lag), "seconds", f"{formula}{measured.seconds:g} s", "spec: scaling.lag")
    for stage in plan.lost_node:
        yield Step(
            f"lost node: {stage.name}", stage.seconds, "seconds", "from a node's death to its pods elsewhere", stage.source
        )
    if plan.lost_node and plan.scaling.node_loss is not None:
        formula = f"sum of these; {plan.scaling.node_loss.allowed:g} s allowed"
        yield Step("lost node", lag_seconds(plan.lost_node), "seconds", formula, "spec: scaling.node_loss")


def _replicas(plan: CapacityPlan, live: LivePlan) -> Iterator[Step]:
    forecast, scaling, pins = plan.lock.verticals[live.name], live.scaling, live.spec.pins
    per_pod = live.takes.guaranteed_safe
    formula = "pinned" if pins.maximum else f"{live.required.sessions:,.1f} required / {per_pod} a pod, rounded up"
    yield Step("maximum", scaling.maximum, "replicas", formula, "spec: pins.maximum" if pins.maximum else "plan")
    act, lag = 1 + plan.scaling.tolerance, forecast.lag
    guaranteed = live.takes.guaranteed
    formula = f"{guaranteed} / ({act:g} tolerance x {lag.ratio:g} growth within {lag.seconds:g} s), rounded down"
    yield Step("target by lag", scaling.target.by_lag, "sessions", formula, f"{lag.basis}: {lag.source}")
    formula = f"below {scaling.alert_utilisation:.1%} x {live.ceiling.hard} / {act:g}"
    yield Step("target by alert", scaling.target.by_alert, "sessions", formula, "spec: alert, margins.burst")
    yield Step("target", scaling.target.sessions, "sessions a pod", scaling.target.binding, "plan")
    growth = growth_factor(plan.lock.valid_days, plan.margins.growth_per_quarter)
    formula = f"{lag.quiet_sessions:,} from a quiet minute x {growth:.3f} growth / {guaranteed}, at least 2, rounded up"
    yield Step("lowest floor", scaling.baseline, "replicas", "pinned" if pins.minimum else formula, f"{lag.basis}: {lag.source}")
    for window in scaling.windows:
        name = f"floor {window.day} {window.start}-{window.end}"
        joining = ", or + new customers where that is more," if live.onboarding is not None else ""
        formula = f"the peak x {growth:.3f} growth{joining} / {scaling.target.sessions}, at most the maximum"
        formula += f"; {window.lead_seconds:g} s ahead"
        yield Step(name, window.replicas, "replicas", "pinned" if pins.prescale_floor else formula, "lock: known_peaks")
    yield Step("provided", live.provided, "sessions", f"{scaling.maximum} x {per_pod}", "plan")
    servers = scaling.maximum * guaranteed
    formula = f"Erlang B of {live.offered:,.0f} erlangs on {servers:,} sessions; at most {plan.margins.blocking:g}"
    yield Step("blocking", live.blocking, "of calls", formula, "spec: margins.blocking")
    yield Step("headroom", live.headroom, "", f"{live.provided:,} / {live.required.sessions:,.1f} - 1", "plan")
