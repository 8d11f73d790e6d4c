"""What stands idle: machines that are bought and not asked for, and places that are reserved and not used."""

from dataclasses import dataclass, replace

from capacity.cost import HOURS_PER_MONTH, MINUTES_PER_MONTH, Cost, Money
from capacity.plan import CapacityPlan, LivePlan
from capacity.pool_plan import PoolPlan


@dataclass(frozen=True)
class Bought:
    """The machines of one pool. The last three sum to `nodes` where there are enough."""

    pool: str
    nodes: int
    taken: int
    """Nodes on which every pod at its maximum finds room."""
    kept: int
    """More, for a loss or a rollout."""
    beyond: int
    """That neither needs."""
    beyond_cost: Money
    """Of the latter a month."""


@dataclass(frozen=True)
class Reserved:
    """The places of one vertical at its autoscaler's maximum."""

    vertical: str
    places: int
    used: float | None
    """Sessions on average; None where the mean is unknown."""
    idle_cost: Money
    """Of the machines that it asks for a month, the share whose places are empty on average."""

    @property
    def idle(self) -> float | None:
        """The share of its places that is empty on average."""
        return None if self.used is None or not self.places else max(0.0, 1 - self.used / self.places)


def bought(plan: CapacityPlan) -> tuple[Bought, ...]:
    """Return the machines of each pool."""
    return tuple(_bought(pool) for pool in plan.pools)


def reserved(plan: CapacityPlan) -> tuple[Reserved, ...]:
    """Return the places of each live vertical."""
    costs = {cost.name: cost for cost in plan.costs}
    return tuple(_reserved(live, costs[live.name]) for live in plan.live)


def _bought(pool: PoolPlan) -> Bought:
    price = pool.spec.price_per_node_hour
    beyond = max(0, pool.nodes - pool.needed)
    cost = None if price is None else beyond * price.amount * HOURS_PER_MONTH
    return Bought(pool.name, pool.nodes, pool.enough, max(0, pool.needed - pool.enough), beyond, cost)


def _reserved(live: LivePlan, cost: Cost) -> Reserved:
    used = None if cost.call_minutes is None else cost.call_minutes / MINUTES_PER_MONTH
    one = Reserved(live.name, live.scaling.maximum * live.takes.guaranteed, used, None)
    if cost.infrastructure is None or one.idle is None:
        return one
    return replace(one, idle_cost=cost.infrastructure * one.idle)
