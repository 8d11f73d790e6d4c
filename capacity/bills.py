"""What a plan costs: its machines and its model by vertical, its blocked calls, and what GPUs of one's own would."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from capacity.cost import MINUTES_PER_MONTH, Cost, Money, PoolBill, idle_cost, vertical_cost, whole_cost
from capacity.figures import Price
from capacity.load_path import LoadPath
from capacity.pool_plan import PoolPlan
from capacity.screening import LoadShape, Prices, Screening, crossover, screening
from capacity.spec import Spec
from capacity.verticals import LiveVertical


@dataclass(frozen=True)
class SelfHosting:
    """GPUs of one's own beside the first provider's minutes."""

    prices: Prices
    shape: LoadShape | None
    """Of all live verticals, with their peaks summed; None where the mean of one is unknown."""
    split: Screening | None
    """The cheapest for that load; None where it is unknown."""
    crossover: float | None
    """Mean sessions of that shape from which on GPUs pay; None where it is unknown or they never do."""
    crossover_steady: float | None
    """The same for a load that is always there; None where they never do."""

    def document(self) -> dict[str, Any]:
        """Return it as JSON; crossovers to a tenth of a session, for they are found by halving."""
        means = {"crossover": self.crossover, "crossover_steady": self.crossover_steady}
        return asdict(self) | {key: None if mean is None else round(mean, 1) for key, mean in means.items()}


def costs(spec: Spec, path: LoadPath, pools: Sequence[PoolPlan], blocking: Mapping[str, float]) -> tuple[Cost, ...]:
    """Return the month of each vertical, of pools that only other parts stand on, of idle machines and, last, of all.

    `blocking` is the share of calls that each live vertical blocks at its peak; taken for every hour, it bounds the cost of
    blocked calls from above.
    """
    bills = {pool.name: _bill(pool, spec.pools[pool.name].price_per_node_hour) for pool in pools}
    per_minute = _amount(spec.model.primary.price_per_session_minute)

    def cost(name: str) -> Cost:
        vertical = spec.verticals[name]
        if not isinstance(vertical, LiveVertical):  # it talks to nobody
            return vertical_cost(name, bills[vertical.pool], 0.0, 0.0, 0.0)
        mean = path.mean_sessions(name)
        blocked = _blocked(mean, path.mean_calls.get(name), blocking[name], _amount(spec.blocked_call_cost))
        return vertical_cost(name, bills[vertical.pool], mean, per_minute, blocked)

    # The machines of parts alone, such as GPUs: neither a vertical's nor idle.
    beside = [
        vertical_cost(name, bill, 0.0, 0.0, 0.0)
        for name, bill in ((_beside(pool), bills[pool]) for pool in bills)
        if name in bill.shares
    ]
    parts = (*(cost(name) for name in spec.verticals), *beside, idle_cost(bills.values()))
    return (*parts, whole_cost(parts))


def self_hosting(spec: Spec, path: LoadPath) -> SelfHosting | None:
    """Return GPUs of one's own beside the provider's price; None where the spec lacks the figures of either."""
    own, per_minute = spec.self_hosted, _amount(spec.model.primary.price_per_session_minute)
    if own is None or per_minute is None:
        return None
    prices = Prices(
        gpu_hour=own.price_per_gpu_hour.amount,
        sessions_per_gpu=own.sessions_per_gpu.value,
        spares=own.spares,
        operations_hour=own.operations_per_hour.amount,
        session_minute=per_minute,
    )
    shape = _shape(path)
    return SelfHosting(
        prices=prices,
        shape=shape,
        split=None if shape is None else screening(shape, prices),
        crossover=None if shape is None else crossover(shape, prices),
        crossover_steady=crossover(LoadShape(1.0, 1.0), prices),
    )


def _shape(path: LoadPath) -> LoadShape | None:
    means = [path.mean_sessions(vertical) for vertical in path.lock.verticals]
    known = [mean for mean in means if mean is not None]
    if len(known) < len(means) or not sum(known):
        return None
    peak = sum(path.peaks_on(path.lock.data_end).values())
    return LoadShape(sum(known), max(peak, sum(known)))


def _blocked(mean: float | None, mean_call: float | None, blocking: float, cost: Money) -> Money:
    """Return blocking x calls x the cost of one; calls of a month = mean sessions x the month / mean length (Little's law)."""
    if mean is None or mean_call is None or cost is None:
        return None
    return blocking * mean * MINUTES_PER_MONTH * 60 / mean_call * cost


def _bill(pool: PoolPlan, price: Price | None) -> PoolBill:
    """Return a pool's bill, split by what the pods of each vertical ask of the resource that binds.

    The parts of the stack that stand on it too are carried by all others, and by what is idle, in proportion.
    """
    asked: dict[str, float] = {}
    given = {"cpu": pool.node.cpu_cores, "memory": float(pool.node.memory_bytes), "pods": float(pool.node.pods)}[pool.binding]
    parts = 0.0
    for pod in pool.pods:
        one = {"cpu": pod.cpu_cores, "memory": float(pod.memory_bytes), "pods": 1.0}[pool.binding]
        if "." in pod.name:  # the path of a part's figures, no vertical's name
            parts += one * pod.count
            continue
        vertical = pod.name.removesuffix("-prescale")
        asked[vertical] = asked.get(vertical, 0.0) + one * pod.count
    if parts and not asked:
        return PoolBill(pool.nodes, _amount(price), {_beside(pool.name): 1.0})
    whole = max(pool.nodes * given - parts, math.fsum(asked.values()))
    shares = {vertical: amount / whole for vertical, amount in asked.items()} if whole else {}
    return PoolBill(pool.nodes, _amount(price), shares)


def _beside(pool: str) -> str:
    return f"pool {pool}"


def _amount(price: Price | None) -> Money:
    return None if price is None else price.amount
