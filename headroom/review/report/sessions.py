"""What each live vertical requires against what it is given, with how sure the requirement is."""

from dataclasses import dataclass

from capacity.plan import CapacityPlan, LivePlan
from capacity.required import ONBOARDING, growth_factor


@dataclass(frozen=True)
class Sessions:
    """The sessions of one vertical by the lock's last valid day."""

    name: str
    required: float
    interval: tuple[float, float] | None
    """Where the term that binds lies with nine chances in ten; None where the lock does not know."""
    safe: int
    """What the pods at the autoscaler's maximum safely hold."""
    hard: int
    """What they hold at 100%, by their requests."""
    headroom: float


def sessions_of(plan: CapacityPlan) -> tuple[Sessions, ...]:
    """Return them for every live vertical, in the plan's order."""
    return tuple(
        Sessions(
            live.name,
            live.required.sessions,
            required_interval(plan, live),
            live.provided,
            live.scaling.maximum * live.takes.guaranteed,
            live.headroom,
        )
        for live in plan.live
    )


def required_interval(plan: CapacityPlan, live: LivePlan) -> tuple[float, float] | None:
    """Return where the term that binds lies with nine chances in ten; None where the lock has no interval.

    Required itself may stand above it: a forecast peak is never below the highest of the last weeks.
    """
    forecast, binding = plan.lock.verticals[live.name], live.required.binding
    if binding == ONBOARDING:
        return None if live.onboarding is None else live.onboarding.interval
    if binding == live.required.terms[0][0]:
        factor = plan.margins.burst * growth_factor(plan.lock.valid_days, plan.margins.growth_per_quarter)
        span = forecast.next_week
    else:
        factor, span = 1.0, None if forecast.extreme is None else forecast.extreme.interval
    return None if span is None else (factor * span.low, factor * span.high)
