"""What a plan costs. A price that nobody gave is unknown, and so is every sum with it: never zero."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from capacity.spec import SoldPlan

HOURS_PER_MONTH = 8766 / 12
"""Of a year of 365.25 days."""
MINUTES_PER_MONTH = HOURS_PER_MONTH * 60

Money = float | None
"""In the spec's currency; None where a price or an amount that it needs is unknown."""


@dataclass(frozen=True)
class PoolBill:
    """A pool's machines: how many, what one costs, and the share of each vertical in what is asked of them."""

    nodes: int
    price_per_node_hour: Money
    shares: Mapping[str, float]
    """By vertical; they sum to at most 1."""


@dataclass(frozen=True)
class Cost:
    """A month of one vertical, or of all of them."""

    name: str
    infrastructure: Money
    """Machines that stand all month, by the share of them that the vertical asks for at its maximum."""
    model: Money
    """Minutes of sessions, at their mean over the last weeks."""
    call_minutes: float | None
    per_call_minute: Money
    blocked_calls: Money
    """Calls that find no room x what one costs, at most; beside the bill, not in it."""

    @property
    def monthly(self) -> Money:
        """Infrastructure and model together."""
        return total((self.infrastructure, self.model))


def total(parts: Iterable[Money]) -> Money:
    """Return a sum, unknown as soon as one part is.

    >>> total((1.0, 2.5)), total((1.0, None)), total(())
    (3.5, None, 0)
    """
    known = list(parts)
    return None if any(part is None for part in known) else sum(part for part in known if part is not None)


@dataclass(frozen=True)
class PlanCost:
    """A month of one plan that is sold, and of one of its tenants."""

    name: str
    infrastructure: Money
    """Its share of all machines, idle ones included, by the sessions that are set aside for its tenants."""
    model: Money
    """Its share of the minutes, by the sessions that its tenants hold."""
    tenants: int

    @property
    def monthly(self) -> Money:
        """Infrastructure and model together."""
        return total((self.infrastructure, self.model))

    @property
    def per_tenant(self) -> Money:
        """What one of its tenants costs a month."""
        return None if self.monthly is None else self.monthly / self.tenants


def vertical_cost(
    name: str, pool: PoolBill, mean_sessions: float | None, price_per_session_minute: Money, blocked_calls: Money
) -> Cost:
    """Return what one vertical costs a month.

    Call minutes are mean sessions x minutes (Little's law: N = lambda T, so N x time is the minutes talked).
    """
    minutes = None if mean_sessions is None else mean_sessions * MINUTES_PER_MONTH
    infrastructure = None
    if pool.price_per_node_hour is not None:
        infrastructure = pool.nodes * pool.price_per_node_hour * HOURS_PER_MONTH * pool.shares.get(name, 0.0)
    model = None if minutes is None or price_per_session_minute is None else minutes * price_per_session_minute
    return _priced(name, infrastructure, model, minutes, blocked_calls)


def idle_cost(pools: Iterable[PoolBill]) -> Cost:
    """Return what the machines cost that no vertical asks for, even at its maximum."""
    idle = total(
        None if pool.price_per_node_hour is None else pool.nodes * pool.price_per_node_hour * HOURS_PER_MONTH * _unasked(pool)
        for pool in pools
    )
    return _priced("idle", idle, 0.0, 0.0, 0.0)


def whole_cost(parts: Iterable[Cost]) -> Cost:
    """Return what all of them cost together."""
    costs = list(parts)
    summed = ("infrastructure", "model", "call_minutes", "blocked_calls")
    return _priced("all", *(total(getattr(cost, part) for cost in costs) for part in summed))


def plan_costs(whole: Cost, plans: Mapping[str, SoldPlan]) -> tuple[PlanCost, ...]:
    """Return the share of each plan that is sold in what all cost together; the shares sum to the whole.

    Machines are shared by the sessions set aside: what a tenant holds on average at the busiest hour, and no less than what it is
    guaranteed, used or not. Minutes are shared by what tenants hold.
    """
    aside = {name: plan.tenants * max(plan.sessions, plan.guaranteed) for name, plan in plans.items()}
    held = {name: plan.tenants * plan.sessions for name, plan in plans.items()}

    def share(amount: Money, of: Mapping[str, float], name: str) -> Money:
        return None if amount is None else amount * of[name] / sum(of.values())

    return tuple(
        PlanCost(name, share(whole.infrastructure, aside, name), share(whole.model, held, name), plan.tenants)
        for name, plan in plans.items()
    )


def _unasked(pool: PoolBill) -> float:
    return max(0.0, 1 - math.fsum(pool.shares.values()))


def _priced(name: str, infrastructure: Money, model: Money, minutes: float | None, blocked_calls: Money) -> Cost:
    month = total((infrastructure, model))
    per_minute = month / minutes if month is not None and minutes else None
    return Cost(name, infrastructure, model, minutes, per_minute, blocked_calls)
