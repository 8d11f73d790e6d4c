"""One cell's part of an environment: its spec and its forecast lock."""

import math
from collections.abc import Collection, Mapping
from typing import Any

from capacity.lock import Extreme, ForecastLock, KnownPeak, LagGrowth, VerticalForecast
from capacity.onboarding import CallsADay, Customer
from capacity.sizing.claims import Span
from capacity.spec import Options, SoldPlan, Spec
from capacity.verticals import LiveVertical, QueueVertical

UNLIKELY_SIGMAS = 3.09
"""The 99.9% quantile of a normal distribution."""


def part_of(sessions: float, share: float) -> int:
    """Return the sessions that hardly ever more than come to a cell that is given its share of the calls at random.

    Of n sessions Binomial(n, share) are in it; the 99.9% quantile by the normal approximation, and never more than all of them.

    >>> part_of(3000, 1.0), part_of(3000, 0.5), part_of(100, 0.1)
    (3000, 1585, 20)
    """
    noise = UNLIKELY_SIGMAS * math.sqrt(sessions * share * (1 - share))
    return math.ceil(min(sessions, sessions * share + noise) - 1e-9)


def cell_lock(lock: ForecastLock, shares: Mapping[str, float]) -> ForecastLock:
    """Return the lock of a cell that is given a share of each vertical's calls; those with no share are not in it.

    Growth within the lag is that of the whole: a smaller part's own is a little noisier. The weekly record, the backtest and the
    arrival statistics stay with the whole, for they were not measured on the cell.
    """
    parts = {name: _part(lock.verticals[name], share) for name, share in shares.items() if share > 0}
    return lock.model_copy(update={"verticals": parts}).sealed()


def cell_spec(spec: Spec, lock: ForecastLock, shares: Mapping[str, float], plans: Mapping[str, SoldPlan]) -> Spec:
    """Return the spec of a cell: the verticals with a share of calls, those that hold none, its tenants, and nodes as needed.

    What the environment's bus and gate have no load for in the cell is not in it, nor are public addresses: its machines are its
    own. The length of calls that the lock measured on the whole is stated here, for the cell's lock measures none.
    """
    verticals: dict[str, LiveVertical | QueueVertical] = {}
    live = {name for name, share in shares.items() if share > 0}
    for name, vertical in spec.verticals.items():
        if not isinstance(vertical, LiveVertical):
            verticals[name] = _serving(vertical, live, plans)
        elif name in live:
            verticals[name] = _with_mean_call(vertical, lock.verticals[name])
    customers = tuple(_customer(each, shares[each.vertical]) for each in spec.customers if shares.get(each.vertical, 0.0) > 0)
    pools = {name: pool.model_copy(update={"nodes": None}) for name, pool in spec.pools.items()}
    changes: dict[str, Any] = {
        "verticals": verticals,
        "customers": customers,
        "plans": {name: _standing(plan, verticals) for name, plan in plans.items()},
        "pools": pools,
        "storage": {name: kept for name, kept in spec.storage.items() if kept.phi is None or kept.phi in verticals},
        "cells": None,
        "uncertain": {},
        "options": Options(),
    }
    if not any(vertical.kind == "nats" for vertical in verticals.values()):
        changes["bus"] = None
    if spec.turn is not None:
        changes["turn"] = spec.turn.model_copy(update={"public_addresses": {}})
    if not plans:
        changes["edge"] = spec.edge.model_copy(update={"admission_gate": None})
    return spec.model_copy(update=changes)


def cell_document(document: Mapping[str, Any], cell: Spec) -> dict[str, Any]:
    """Return the document of an environment's spec, changed to that of one of its cells.

    `cell` is what `cell_spec` made of the same document; reading what comes back gives it again. Figures keep the units and
    sources that their owner wrote. What concerns the choice of machines stays with the environment.
    """
    kept = {key: value for key, value in document.items() if key not in {"cells", "uncertain", "options"}}
    verticals = {name: dict(document["verticals"][name]) for name in cell.verticals}
    for name, vertical in cell.verticals.items():
        if isinstance(vertical, LiveVertical) and vertical.mean_call is not None and "mean_call" not in verticals[name]:
            call = vertical.mean_call
            verticals[name]["mean_call"] = {"value": _span(call.value), "basis": call.basis, "source": call.source}
        elif isinstance(vertical, QueueVertical) and "gateway" in verticals[name].get("queue", {}):
            verticals[name]["queue"] = _queue(verticals[name]["queue"], vertical)
    kept["verticals"] = verticals
    kept["pools"] = {name: {key: value for key, value in pool.items() if key != "nodes"} for name, pool in kept["pools"].items()}
    kept["plans"] = {name: _plan(document["plans"][name], sold) for name, sold in cell.plans.items()}
    volumes = {customer.name: customer.calls_a_day for customer in cell.customers}
    kept["customers"] = [
        {**customer, "calls_a_day": volumes[customer["name"]].model_dump()}
        for customer in document.get("customers", ())
        if customer["name"] in volumes
    ]
    if "storage" in kept:
        kept["storage"] = {name: document["storage"][name] for name in cell.storage}
    if "turn" in kept:
        kept["turn"] = {key: value for key, value in kept["turn"].items() if key != "public_addresses"}
    if cell.bus is None:
        kept.pop("bus", None)
    if cell.edge.admission_gate is None and "edge" in kept:
        kept["edge"] = {key: value for key, value in kept["edge"].items() if key != "admission_gate"}
    return kept


def _serving(vertical: QueueVertical, live: Collection[str], plans: Collection[str]) -> QueueVertical:
    """Return a queue in a cell: its gateway serves the verticals that the cell runs, and knows the plans sold in it."""
    queue = vertical.queue
    if queue is None or queue.gateway is None:
        return vertical
    gateway = queue.gateway
    changes = {
        "serves": tuple(name for name in gateway.serves if name in live),
        "priorities": {name: priority for name, priority in gateway.priorities.items() if name in plans},
    }
    kept = gateway.model_copy(update=changes) if changes["serves"] else None
    return vertical.model_copy(update={"queue": queue.model_copy(update={"gateway": kept})})


def _queue(document: Mapping[str, Any], vertical: QueueVertical) -> dict[str, Any]:
    gateway = None if vertical.queue is None else vertical.queue.gateway
    if gateway is None:
        return {key: value for key, value in document.items() if key != "gateway"}
    changes = {"serves": list(gateway.serves), "priorities": dict(gateway.priorities)}
    return {**document, "gateway": {**document["gateway"], **changes}}


def _standing(plan: SoldPlan, verticals: Collection[str]) -> SoldPlan:
    """Return a plan in a cell: what it guarantees in a vertical that the cell does not run is guaranteed elsewhere."""
    if plan.vertical is None or plan.vertical in verticals:
        return plan
    return plan.model_copy(update={"vertical": None, "guaranteed": 0})


def _plan(document: Mapping[str, Any], sold: SoldPlan) -> dict[str, Any]:
    elsewhere = {"vertical", "guaranteed"} if sold.vertical is None and "vertical" in document else set[str]()
    return {**{key: value for key, value in document.items() if key not in elsewhere}, "tenants": sold.tenants}


def _with_mean_call(vertical: LiveVertical, forecast: VerticalForecast) -> LiveVertical:
    if forecast.demand is None or vertical.mean_call is not None:
        return vertical
    held, source = forecast.demand.holding_seconds.value, "the whole environment's lock"
    stated = {"value": _span(held), "basis": "measured", "source": source}
    return vertical.model_copy(update={"mean_call": Span.model_validate(stated)})


def _span(seconds: float) -> str:
    return f"{seconds:.3f}s"


def _part(forecast: VerticalForecast, share: float) -> VerticalForecast:
    extreme, lag = forecast.extreme, forecast.lag
    return VerticalForecast(
        basis=forecast.basis,
        source=forecast.source,
        peak=max(1, part_of(forecast.peak, share)),
        statistic=f"{share:.1%} of: {forecast.statistic}",
        extreme=None if extreme is None else _extreme(extreme, share),
        measured_burst=forecast.measured_burst,
        mean_sessions=None if forecast.mean_sessions is None else forecast.mean_sessions * share,
        lag=_lag(lag, share),
        known_peaks=tuple(_known(peak, share) for peak in forecast.known_peaks),
    )


def _extreme(extreme: Extreme, share: float) -> Extreme:
    return extreme.model_copy(update={"q95": part_of(extreme.q95, share)})


def _lag(lag: LagGrowth, share: float) -> LagGrowth:
    return lag.model_copy(update={"quiet_sessions": part_of(lag.quiet_sessions, share)})


def _known(peak: KnownPeak, share: float) -> KnownPeak:
    return peak.model_copy(update={"sessions": max(1, part_of(peak.sessions, share))})


def _customer(customer: Customer, share: float) -> Customer:
    calls = customer.calls_a_day
    part = CallsADay(
        low=max(1, round(calls.low * share)),
        mid=max(1, round(calls.mid * share)),
        high=max(1, math.ceil(calls.high * share)),
        confidence=calls.confidence,
    )
    return customer.model_copy(update={"calls_a_day": part})
