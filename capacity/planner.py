"""From spec and forecast to the plan of one environment."""

import math
from collections.abc import Iterator
from datetime import date

from capacity.ceiling import floor_sessions, pod_ceiling
from capacity.cost import Cost, PoolBill, idle_cost, vertical_cost, whole_cost
from capacity.lead_times import first_day, grows_past, lead_time
from capacity.lock import ForecastLock, VerticalForecast
from capacity.onboarding import Onboarding, onboarding
from capacity.packing import Allocatable, PodRequest, first_fit
from capacity.plan import CapacityPlan, LivePlan, ModelPlan, PoolPlan, QueuePlan
from capacity.providers.ceiling import tokens_of_session
from capacity.providers.refusals import refusal_chance
from capacity.required import Required, growth_factor, required
from capacity.scaling import replicas_for, scale
from capacity.shortfalls import pool_shortfalls, shared_shortfalls, sold_shortfalls, vertical_shortfalls
from capacity.sold import sold
from capacity.spec import LiveVertical, Pool, Spec
from capacity.traffic.erlang import erlang_b

PRESCALE_POD = PodRequest("prescale", cpu_cores=0.05, memory_bytes=64 * 2**20)
"""What the pre-scale job of one vertical asks of its node; the renderer writes the same figures."""


class NoForecast(ValueError):
    """The forecast lock and the spec do not speak of the same verticals."""


def plan(spec: Spec, lock: ForecastLock, as_of: date) -> CapacityPlan:
    """Return the capacity plan of an environment on a day.

    Bounds that a deploy sets (replicas, floors, nodes) hold until the lock's last valid day; the model's limit is judged
    on `as_of`, for it can be raised by then. What falls short is in the plan's `shortfalls`; nothing raises for it.

    Raises NoForecast where the lock lacks a live vertical of the spec or has one that the spec lacks.
    """
    _same_verticals(spec, lock)
    verticals = tuple(
        _live(name, vertical, lock.verticals[name], spec, lock)
        if isinstance(vertical, LiveVertical)
        else QueuePlan(name, vertical)
        for name, vertical in spec.verticals.items()
    )
    model = _model(spec, lock, as_of, verticals)
    pools = tuple(_pool(name, pool, verticals, spec, lock) for name, pool in spec.pools.items())
    growth = growth_factor(lock.valid_days, spec.margins.growth_per_quarter)
    fleet = sum(vertical.provided for vertical in verticals if isinstance(vertical, LivePlan))
    sales = sold(spec.plans, fleet, growth, spec.margins.blocking) if spec.plans else None
    shortfalls = (
        *(
            short
            for live in verticals
            if isinstance(live, LivePlan)
            for short in vertical_shortfalls(live, lock, growth, spec.scaling, spec.margins.blocking)
        ),
        *shared_shortfalls(model, lock, as_of),
        *(short for pool in pools for short in pool_shortfalls(pool, as_of)),
        *sold_shortfalls(sales, spec.margins.blocking),
    )
    return CapacityPlan(
        environment=lock.environment,
        example=spec.example,
        as_of=as_of,
        lock=lock,
        margins=spec.margins,
        alert=spec.alert,
        scaling=spec.scaling,
        tools_image=spec.tools_image,
        verticals=verticals,
        model=model,
        pools=pools,
        sold=sales,
        currency=spec.currency,
        costs=_costs(spec, lock, verticals, pools),
        shortfalls=shortfalls,
    )


def _same_verticals(spec: Spec, lock: ForecastLock) -> None:
    live = {name for name, vertical in spec.verticals.items() if isinstance(vertical, LiveVertical)}
    if missing := sorted(live - lock.verticals.keys()):
        raise NoForecast(f"the forecast lock of {lock.environment} has no vertical {missing[0]!r}, which the spec has")
    if unknown := sorted(lock.verticals.keys() - live):
        raise NoForecast(
            f"the forecast lock of {lock.environment} has a vertical {unknown[0]!r}; the spec has no live one of that name"
        )


def _live(name: str, vertical: LiveVertical, forecast: VerticalForecast, spec: Spec, lock: ForecastLock) -> LivePlan:
    margins = spec.margins
    ceiling = pod_ceiling(vertical, margins.safe_utilisation)
    joining = _onboarding(name, spec, lock)
    at_data_end = _required_on(lock.data_end, name, joining, spec, lock)
    by_valid_until = _required_on(lock.valid_until, name, joining, spec, lock)
    growth = growth_factor(lock.valid_days, margins.growth_per_quarter)
    admitted = vertical.pins.sessions_per_pod or ceiling.guaranteed
    scaling = scale(
        forecast,
        ceiling,
        admitted=admitted,
        required_sessions=by_valid_until.sessions,
        growth=growth,
        margins=margins,
        alert=spec.alert,
        scaling=spec.scaling,
        pins=vertical.pins,
    )
    takes = ceiling.admitting(admitted)
    provided = scaling.maximum * takes.guaranteed_safe
    return LivePlan(
        name=name,
        spec=vertical,
        peak=forecast.peak,
        basis=forecast.basis,
        source=forecast.source,
        measured_burst=forecast.measured_burst,
        ceiling=ceiling,
        sessions_per_pod=admitted,
        required_at_data_end=at_data_end,
        required=by_valid_until,
        onboarding=joining,
        scaling=scaling,
        provided=provided,
        headroom=provided / by_valid_until.sessions - 1,
        blocking=erlang_b(forecast.peak * growth, scaling.maximum * takes.guaranteed),
    )


def _onboarding(name: str, spec: Spec, lock: ForecastLock) -> Onboarding | None:
    joining = tuple(customer for customer in spec.customers if customer.vertical == name)
    if not joining:
        return None
    return onboarding(joining, lock.verticals[name], lock.data_end, lock.valid_until, burst=spec.margins.burst)


def _required_on(day: date, name: str, joining: Onboarding | None, spec: Spec, lock: ForecastLock) -> Required:
    margins, sessions = spec.margins, None if joining is None else joining.sessions_on(day)
    return required(lock.verticals[name], lock.data_end, day, margins.burst, margins.growth_per_quarter, onboarding=sessions)


def _model(spec: Spec, lock: ForecastLock, as_of: date, verticals: tuple[LivePlan | QueuePlan, ...]) -> ModelPlan:
    margins, limit = spec.margins, spec.model.tokens_per_minute
    peak = growth_factor((as_of - lock.data_end).days, margins.growth_per_quarter) * _peaks(lock)
    session = tokens_of_session(spec.model.tokens_per_session_minute)
    per_session = math.ceil(session.tokens - 1e-9)
    sessions = margins.burst * peak + _joining_beyond(as_of, verticals, spec, lock)
    tokens = sessions * per_session
    return ModelPlan(
        spec=spec.model,
        session=session,
        tokens_per_session=per_session,
        sessions=sessions,
        # Poisson calls; the lock does not say how bursty they are.
        refusal_chance=None
        if session.deviation is None
        else refusal_chance(limit.limit, peak, session.tokens, session.deviation, peakedness=1.0),
        required_tokens_per_minute=tokens,
        sessions_within_limit=floor_sessions(limit.limit / per_session),
        headroom=limit.limit / tokens - 1 if tokens else None,
        lead=lead_time(_tokens_short_on(spec, lock, verticals, per_session), limit.lead_time),
    )


def _peaks(lock: ForecastLock) -> int:
    return sum(forecast.peak for forecast in lock.verticals.values())


def _joining_beyond(day: date, verticals: tuple[LivePlan | QueuePlan, ...], spec: Spec, lock: ForecastLock) -> float:
    """Return the sessions of new customers that are more than what burst and growth ask for, vertical by vertical."""
    grown = spec.margins.burst * growth_factor((day - lock.data_end).days, spec.margins.growth_per_quarter)
    return sum(
        max(0.0, live.onboarding.sessions_on(day) - grown * live.peak)
        for live in verticals
        if isinstance(live, LivePlan) and live.onboarding is not None
    )


def _tokens_short_on(
    spec: Spec, lock: ForecastLock, verticals: tuple[LivePlan | QueuePlan, ...], tokens_per_session: int
) -> date | None:
    margins, limit = spec.margins, spec.model.tokens_per_minute.limit
    peaks = margins.burst * _peaks(lock)
    if not peaks * tokens_per_session:
        return None
    if not spec.customers:
        return grows_past(lock.data_end, limit / (peaks * tokens_per_session), margins.growth_per_quarter)

    def short(day: date) -> bool:
        grown = peaks * growth_factor((day - lock.data_end).days, margins.growth_per_quarter)
        return (grown + _joining_beyond(day, verticals, spec, lock)) * tokens_per_session > limit

    return first_day(lock.data_end, short)


def _pool(name: str, pool: Pool, verticals: tuple[LivePlan | QueuePlan, ...], spec: Spec, lock: ForecastLock) -> PoolPlan:
    node = Allocatable(max(0.0, pool.cpu - pool.reserved_cpu), max(0, pool.memory - pool.reserved_memory), pool.pods)
    inside = tuple(vertical for vertical in verticals if vertical.spec.pool == name)
    pods = tuple(request for vertical in inside for request in _requests(vertical, _replicas_at_most(vertical)))
    packed = first_fit(pods, node) if node.cpu_cores and node.memory_bytes else None
    needed = packed.nodes if packed is not None else 0
    nodes = pool.nodes if pool.nodes is not None else max(1, needed)
    shares: dict[str, float] = {
        "cpu": _share(sum(pod.cpu_cores * pod.count for pod in pods), node.cpu_cores),
        "memory": _share(sum(pod.memory_bytes * pod.count for pod in pods), node.memory_bytes),
        "pods": _share(sum(pod.count for pod in pods), node.pods),
    }
    binding = max(shares, key=lambda resource: shares[resource])
    return PoolPlan(
        name=name,
        node=node,
        pods=pods,
        needed=needed,
        nodes=nodes,
        binding=binding,  # type: ignore[arg-type]  # the keys above are the literal's values
        headroom=nodes / needed - 1 if needed else None,
        lead=lead_time(_nodes_short_on(pool, node, inside, spec, lock), pool.lead_time),
    )


def _nodes_short_on(
    pool: Pool, node: Allocatable, verticals: tuple[LivePlan | QueuePlan, ...], spec: Spec, lock: ForecastLock
) -> date | None:
    """Return the first day on which the pods that the load then asks for no longer fit on the nodes that there are."""
    stated = pool.nodes
    if stated is None or not node.cpu_cores or not node.memory_bytes:
        return None

    def short(day: date) -> bool:
        pods = tuple(
            request for vertical in verticals for request in _requests(vertical, _replicas_on(vertical, day, spec, lock))
        )
        return first_fit(pods, node).nodes > stated

    return first_day(lock.data_end, short)


def _replicas_on(vertical: LivePlan | QueuePlan, day: date, spec: Spec, lock: ForecastLock) -> int:
    if isinstance(vertical, QueuePlan):
        return vertical.spec.replicas
    needed = _required_on(day, vertical.name, vertical.onboarding, spec, lock).sessions
    return replicas_for(needed, vertical.takes.guaranteed_safe)


def _costs(
    spec: Spec, lock: ForecastLock, verticals: tuple[LivePlan | QueuePlan, ...], pools: tuple[PoolPlan, ...]
) -> tuple[Cost, ...]:
    bills = {pool.name: _bill(pool, spec.pools[pool.name]) for pool in pools}
    price = spec.model.price_per_session_minute
    per_minute = price.amount if price is not None else None

    def cost(vertical: LivePlan | QueuePlan) -> Cost:
        bill = bills[vertical.spec.pool]
        if isinstance(vertical, QueuePlan):  # it talks to nobody
            return vertical_cost(vertical.name, bill, 0.0, 0.0)
        return vertical_cost(vertical.name, bill, lock.verticals[vertical.name].mean_sessions, per_minute)

    parts = (*(cost(vertical) for vertical in verticals), idle_cost(bills.values()))
    return (*parts, whole_cost(parts))


def _bill(pool: PoolPlan, spec: Pool) -> PoolBill:
    """Return a pool's bill, split by what the pods of each vertical ask of the resource that binds."""
    asked: dict[str, float] = {}
    given = {"cpu": pool.node.cpu_cores, "memory": float(pool.node.memory_bytes), "pods": float(pool.node.pods)}[pool.binding]
    for pod in pool.pods:
        one = {"cpu": pod.cpu_cores, "memory": float(pod.memory_bytes), "pods": 1.0}[pool.binding]
        vertical = pod.name.removesuffix("-prescale")
        asked[vertical] = asked.get(vertical, 0.0) + one * pod.count
    whole = max(pool.nodes * given, sum(asked.values()))
    shares = {vertical: amount / whole for vertical, amount in asked.items()} if whole else {}
    price = spec.price_per_node_hour
    return PoolBill(pool.nodes, price.amount if price is not None else None, shares)


def _share(asked: float, given: float) -> float:
    return asked / given if given else math.inf


def _replicas_at_most(vertical: LivePlan | QueuePlan) -> int:
    return vertical.scaling.maximum if isinstance(vertical, LivePlan) else vertical.spec.replicas


def _requests(vertical: LivePlan | QueuePlan, replicas: int) -> Iterator[PodRequest]:
    pod = vertical.spec.pod
    cpu = pod.requests.cpu if pod.requests is not None else pod.cpu
    memory = pod.requests.memory if pod.requests is not None else pod.memory
    cpu += sum(sidecar.cpu for sidecar in pod.sidecars)
    memory += sum(sidecar.memory for sidecar in pod.sidecars)
    yield PodRequest(vertical.name, cpu, memory, replicas)
    if isinstance(vertical, LivePlan):
        yield PodRequest(f"{vertical.name}-prescale", PRESCALE_POD.cpu_cores, PRESCALE_POD.memory_bytes)
