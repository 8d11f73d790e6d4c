"""The chain from the verticals' peaks to what the speech model's providers must allow, step by step."""

from collections.abc import Iterator

from capacity.bills import SelfHosting
from capacity.explain import Step
from capacity.model_plan import ModelPlan
from capacity.plan import CapacityPlan
from capacity.required import QUARTER_DAYS, growth_factor
from capacity.screening import SHAPE


def explain_model(plan: CapacityPlan) -> tuple[Step, ...]:
    """Return the steps from the peaks to the providers' limits, to outages, to what is sold on them, and to GPUs of one's own."""
    return (
        *_sessions(plan),
        *_limits(plan.model),
        *_refusals(plan.model),
        *_outages(plan.model),
        *_sold(plan.model),
        *_self_hosting(plan.self_hosting, plan.currency),
    )


def _sessions(plan: CapacityPlan) -> Iterator[Step]:
    model, margins = plan.model, plan.margins
    days = (plan.as_of - plan.lock.data_end).days
    growth = growth_factor(days, margins.growth_per_quarter)
    peaks = sum(live.peak for live in plan.live)
    beyond = model.sessions - peaks * growth * margins.burst
    joining = f" + {beyond:,.0f} of new customers beyond it" if any(live.onboarding for live in plan.live) else ""
    yield Step("peaks", peaks, "sessions", " + ".join(f"{live.peak:,} {live.name}" for live in plan.live), "lock")
    yield Step("growth", growth, "", f"{margins.growth_per_quarter:g} ^ ({days} / {QUARTER_DAYS})", f"on {plan.as_of}")
    formula = f"{peaks:,} x {growth:.3f} x {margins.burst:g} burst{joining}"
    yield Step("sessions", model.sessions, "sessions", formula, "spec: margins")
    formula = "sessions / mean length of a call" if model.starts_per_minute is not None else "the length of some calls is unknown"
    yield Step("starts", model.starts_per_minute, "a minute", formula, "lock: demand, else spec: verticals.*.mean_call")


def _limits(model: ModelPlan) -> Iterator[Step]:
    for ceiling in model.ceilings:
        for limit in ceiling.limits:
            yield Step(f"{ceiling.provider} by", limit.holds, "sessions", f"{limit.name}: {limit.formula}", limit.source)
        formula = f"the least of these: {ceiling.binding}" if ceiling.limits else ceiling.binding
        yield Step(f"{ceiling.provider} holds", ceiling.hard, "sessions", formula, "spec: model")
    for asked in model.asked:
        limit = asked.limit
        each = f"sessions x {limit.per_session:,.6g}" if limit.per_session else "starts"
        until = "" if asked.lead.short_on is None else f"; short on {asked.lead.short_on}, order by {asked.lead.order_by}"
        yield Step(
            "required", asked.amount, limit.name, f"{each}, of {limit.limit:,.0f} that {model.primary.name} allows{until}", "plan"
        )


def _refusals(model: ModelPlan) -> Iterator[Step]:
    if model.refusals is not None:
        source = "calls Poisson, at the plain peak"
        yield Step("refusals", model.refusals.chance, "of minutes", model.refusals.formula, source)


def _outages(model: ModelPlan) -> Iterator[Step]:
    for outage in model.outages:
        carried = " + ".join(f"{part.sessions:,.0f} {part.provider}" for part in outage.carried)
        starts = "; ".join(f"{part.provider} opens {part.starts_per_minute:,.0f} a minute" for part in outage.carried)
        formula = f"of {model.peaks:,.0f} at the plain peak, at safe ceilings: {carried}; {starts}"
        yield Step(
            f"without {' and '.join(outage.failed)}", outage.unserved, "sessions unserved", formula, "spec: model.failover"
        )


def _sold(model: ModelPlan) -> Iterator[Step]:
    sold = model.oversubscription
    if sold is not None:
        formula = f"{sold.formula}; {'; '.join(sold.reasons)}"
        yield Step("caps that may be sold", sold.most_shared_caps, "sessions", formula, "spec: model.oversubscription, plans")


def _self_hosting(own: SelfHosting | None, currency: str) -> Iterator[Step]:
    if own is None:
        return
    prices, source = own.prices, "spec: self_hosted, model.primary.price_per_session_minute"
    formula = f"{prices.gpu_hour:g} an hour / (60 x {prices.session_minute:g} a minute), spares and operations not counted"
    yield Step("a GPU breaks even", prices.break_even_sessions, "mean sessions on it", formula, source)
    fixed = f"{prices.spares} spare + {prices.operations_hour:g} an hour of operations"
    formula = f"from here on GPUs of {prices.sessions_per_gpu} sessions pay, {fixed} included, for a load that is always there"
    yield Step("crossover, steady", own.crossover_steady, "sessions", formula, source)
    if own.shape is None or own.split is None:
        yield Step(
            "crossover, this load", None, "mean sessions", "the lock does not know the mean sessions of all verticals", "lock"
        )
        return
    shape = f"mean {own.shape.mean:,.0f} and peak {own.shape.peak:,.0f}, {SHAPE}"
    yield Step("crossover, this load", own.crossover, "mean sessions", shape, f"lock: mean_sessions; {source}")
    split = own.split
    formula = (
        f"{split.sessions:,} sessions on {split.gpus:,} GPUs carry {split.share:.0%} of the minutes; a GPU pays while P(N >= k) "
        f"> {prices.break_even_sessions / prices.sessions_per_gpu:.3g} on average over its places"
    )
    yield Step("cheapest split", split.split_hour, f"{currency} an hour", formula, source)
    yield Step(
        "provider alone", split.provider_hour, f"{currency} an hour", f"60 x {prices.session_minute:g} x mean sessions", source
    )
