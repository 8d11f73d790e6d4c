"""From spec and forecast to the plan of one environment."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date, datetime

from capacity.admission import Admission, admission
from capacity.bills import costs, self_hosting
from capacity.ceiling import pod_ceiling
from capacity.cost import plan_costs
from capacity.lag_plan import lag_seconds, lag_stages, lost_node_shortfalls, lost_node_stages
from capacity.lead_times import HORIZON_DAYS
from capacity.load_path import LoadPath, load_path
from capacity.lock import ForecastLock
from capacity.model_plan import model_shortfalls, plan_model
from capacity.plan import CapacityPlan, LivePlan, QueuePlan
from capacity.pool_plan import Deployed, parts_on, plan_pool, pool_shortfalls, replaced
from capacity.scaling import scale
from capacity.sections import StackSections
from capacity.shortfalls import forecast_shortfalls, sold_shortfalls, stack_shortfalls, vertical_shortfalls
from capacity.sold import sold
from capacity.spec import SoldPlan, Spec
from capacity.stack import stack_parts
from capacity.traffic.erlang import erlang_b
from capacity.verticals import LiveVertical


class NoForecast(ValueError):
    """The forecast lock does not speak of what it is asked for: a vertical of the spec, or a day near its data."""

    def __init__(self, field: str, said: str) -> None:
        super().__init__(said)
        self.field = field
        """Of the lock."""


def plan(spec: Spec, lock: ForecastLock, as_of: date) -> CapacityPlan:
    """Return the capacity plan of an environment on a day.

    Bounds that a deploy sets (replicas, floors, nodes) hold until the lock's last valid day; the model's limits are judged
    on `as_of`, for they can be raised by then. What falls short is in the plan's `shortfalls`; nothing raises for it.

    Raises NoForecast where the lock lacks a live vertical of the spec or has one that the spec lacks, or the day is more than two
    years from the end of its data; TypeError where the day is a time, for which day that is depends on the zone.
    """
    _same_verticals(spec, lock)
    _near_its_data(lock, as_of)
    path = load_path(spec, lock)
    verticals = tuple(
        _live(name, vertical, spec, path)
        if isinstance(vertical, LiveVertical)
        else QueuePlan(name, vertical, replaced(spec.pools[vertical.pool], spec.scaling))
        for name, vertical in spec.verticals.items()
    )
    lives = tuple(vertical for vertical in verticals if isinstance(vertical, LivePlan))
    model = plan_model(spec, path, as_of)
    pools = tuple(
        plan_pool(name, pool, [*_deployed_on(name, verticals), *parts_on(name, spec)], path) for name, pool in spec.pools.items()
    )
    admits = _admission(spec, path, lives)
    parts = stack_parts(spec, path, verticals, pools, admits)
    fleet, growth = sum(live.provided for live in lives), path.growth_on(lock.valid_until)
    sales = sold(spec.plans, fleet, growth, spec.margins.blocking) if spec.plans else None
    bill = costs(spec, path, pools, {live.name: live.blocking for live in lives})
    shortfalls = (
        *(short for live in lives for short in vertical_shortfalls(live, path, spec.scaling)),
        *lost_node_shortfalls(spec.scaling),
        *forecast_shortfalls(lock, as_of),
        *model_shortfalls(model, as_of),
        *(short for pool in pools for short in pool_shortfalls(pool, as_of)),
        *stack_shortfalls(parts, as_of),
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
        images=spec.images,
        target=spec.target,
        waivers=spec.waivers,
        plans=spec.plans,
        verticals=verticals,
        model=model,
        pools=pools,
        stack=StackSections.model_construct(**{name: getattr(spec, name) for name in StackSections.model_fields}),
        sizings=parts,
        sold=sales,
        admission=admits,
        currency=spec.currency,
        costs=bill,
        sold_costs=plan_costs(bill[-1], _with_customers(spec, lock.valid_until)),
        self_hosting=self_hosting(spec, path),
        lost_node=lost_node_stages(spec.scaling),
        shortfalls=shortfalls,
    )


def _with_customers(spec: Spec, until: date) -> dict[str, SoldPlan]:
    """Return the plans with the customers as tenants that are likely to have begun: the bill has their minutes too."""
    joined = Counter(customer.plan for customer in spec.customers if customer.start.likely <= until)
    return {name: each.model_copy(update={"tenants": each.tenants + joined[name]}) for name, each in spec.plans.items()}


def _admission(spec: Spec, path: LoadPath, lives: tuple[LivePlan, ...]) -> Admission | None:
    gate = spec.edge.admission_gate
    if gate is None:
        return None
    places = {live.name: live.provided for live in lives}
    return admission(gate, spec.plans, places, path.mean_calls, spec.margins.safe_utilisation)


def longest_lag(spec: Spec, lock: ForecastLock) -> float:
    """Return the seconds from load rise to ready pod in the slowest vertical, of those that the lock has."""
    live = {name: each for name, each in spec.verticals.items() if isinstance(each, LiveVertical) and name in lock.verticals}
    path = load_path(spec.model_copy(update={"verticals": live}), lock)
    return max((lag_seconds(_live(name, vertical, spec, path).lag) for name, vertical in live.items()), default=0.0)


def _same_verticals(spec: Spec, lock: ForecastLock) -> None:
    live = {name for name, vertical in spec.verticals.items() if isinstance(vertical, LiveVertical)}
    if missing := sorted(live - lock.verticals.keys()):
        raise NoForecast(
            "verticals", f"the forecast lock of {lock.environment} has no vertical {missing[0]!r}, which the spec has"
        )
    if unknown := sorted(lock.verticals.keys() - live):
        raise NoForecast(
            "verticals",
            f"the forecast lock of {lock.environment} has a vertical {unknown[0]!r}; the spec has no live one of that name",
        )


def _near_its_data(lock: ForecastLock, as_of: date) -> None:
    if isinstance(as_of, datetime):
        raise TypeError(f"as_of must be a day, got the time {as_of}: which day it is depends on the zone")
    if abs((as_of - lock.data_end).days) > HORIZON_DAYS:
        said = f"is {lock.data_end}, and the day that is judged {as_of}: a forecast says nothing of days two years away"
        raise NoForecast("data_end", said)


def _live(name: str, vertical: LiveVertical, spec: Spec, path: LoadPath) -> LivePlan:
    margins, until, forecast = spec.margins, path.lock.valid_until, path.lock.verticals[name]
    ceiling = pod_ceiling(vertical, margins.safe_utilisation)
    required = path.required_on(name, until)
    admitted = vertical.pins.sessions_per_pod or ceiling.guaranteed
    scaling = scale(
        forecast,
        ceiling,
        admitted=admitted,
        required_sessions=required.sessions,
        growth=path.growth_on(until),
        by_then=lambda sessions: path.at_level(name, sessions, until),
        margins=margins,
        alert=spec.alert,
        scaling=spec.scaling,
        pins=vertical.pins,
    )
    takes = ceiling.admitting(admitted)
    provided = scaling.maximum * takes.guaranteed_safe
    offered = path.at_level(name, forecast.peak, until)
    return LivePlan(
        name=name,
        spec=vertical,
        peak=forecast.peak,
        basis=forecast.basis,
        source=forecast.source,
        measured_burst=forecast.measured_burst,
        ceiling=ceiling,
        sessions_per_pod=admitted,
        required_at_data_end=path.required_on(name, path.lock.data_end),
        required=required,
        onboarding=path.onboarding.get(name),
        scaling=scaling,
        lag=lag_stages(spec.scaling, scaling.baseline, scaling.maximum),
        provided=provided,
        headroom=provided / required.sessions - 1,
        offered=offered,
        blocking=erlang_b(offered, scaling.maximum * takes.guaranteed),
        replaced=replaced(spec.pools[vertical.pool], spec.scaling),
    )


def _deployed_on(pool: str, verticals: Iterable[LivePlan | QueuePlan]) -> Iterator[Deployed]:
    return (_deployed(vertical) for vertical in verticals if vertical.spec.pool == pool)


def _deployed(vertical: LivePlan | QueuePlan) -> Deployed:
    if isinstance(vertical, LivePlan):
        return Deployed(vertical.name, vertical.spec, vertical.scaling.maximum, vertical.takes.guaranteed_safe)
    return Deployed(vertical.name, vertical.spec, vertical.spec.replicas, 0)
