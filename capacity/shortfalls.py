"""What a plan does not hold, each with the smallest change that cures it."""

import math
from collections.abc import Iterator
from datetime import date

from capacity.ceiling import descriptors_needed
from capacity.lead_times import LeadTime
from capacity.lock import ForecastLock
from capacity.packing import first_fit
from capacity.plan import LivePlan, ModelPlan, PoolPlan
from capacity.scaling import replicas_for
from capacity.shortfall import Shortfall
from capacity.sold import Sold
from capacity.spec import Scaling
from capacity.traffic.erlang import servers_for_blocking


def vertical_shortfalls(
    live: LivePlan, lock: ForecastLock, growth: float, scaling: Scaling, blocking: float
) -> Iterator[Shortfall]:
    """Yield what one vertical falls short of. `growth` is that of the lock's last valid day, `blocking` the most allowed."""
    ceiling, pod = live.ceiling, live.spec.pod
    where = f"verticals.{live.name}"
    if ceiling.guaranteed_safe == 0:
        yield Shortfall(
            "pod",
            live.name,
            1,
            0,
            "sessions",
            f"one pod safely holds no session: its {ceiling.binding} allows {ceiling.hard}, its requests {ceiling.guaranteed}",
            f"raise {where}.pod.{'requests' if pod.requests else ceiling.binding}",
        )
        return
    maximum = live.scaling.maximum
    held = _held(live.required.sessions, maximum * live.takes.safe, live.provided)
    if held is not None:
        guarantee = f", {live.provided:,} safe by their requests" if pod.requests else ""
        needed = replicas_for(live.required.sessions, live.takes.safe)
        yield Shortfall(
            "sessions",
            live.name,
            live.required.sessions,
            held,
            "sessions",
            f"{live.required.binding} asks for {live.required_at_data_end.sessions:,.0f} on {lock.data_end} and "
            f"{live.required.sessions:,.0f} by {lock.valid_until}; {maximum} pods hold {maximum * ceiling.hard:,} hard, "
            f"{maximum * ceiling.safe:,} safe{guarantee}",
            _with_requests(f"raise {where}.pins.maximum from {maximum} to {needed}" if needed > maximum else "", live),
        )
    if live.blocking > blocking:
        per_pod = live.takes.guaranteed
        needed = replicas_for(servers_for_blocking(live.peak * growth, blocking), per_pod)
        yield Shortfall(
            "blocking",
            live.name,
            blocking,
            live.blocking,
            "of calls",
            f"at the forecast peak {live.blocking:.2%} of calls find every one of {maximum * per_pod:,} sessions taken",
            f"raise {where}.pins.maximum from {maximum} to {needed}",
        )
    held = _held(live.sessions_per_pod, ceiling.hard, ceiling.guaranteed)
    if held is not None:
        yield Shortfall(
            "pod",
            live.name,
            live.sessions_per_pod,
            held,
            "sessions",
            f"a pod admits {live.sessions_per_pod} sessions, its {ceiling.binding} holds {ceiling.hard} "
            f"and its requests guarantee {ceiling.guaranteed}",
            f"lower {where}.pins.sessions_per_pod from {live.sessions_per_pod} to {ceiling.guaranteed}",
        )
    yield from _scaling_shortfalls(live, lock, growth, scaling)
    needed_files = descriptors_needed(pod, live.spec.session, live.sessions_per_pod)
    if needed_files > pod.descriptors:
        yield Shortfall(
            "descriptors",
            live.name,
            needed_files,
            pod.descriptors,
            "open files",
            f"a process of a full pod needs {needed_files} open files, reserve included",
            f"raise {where}.pod.descriptors to {needed_files}",
        )
    yield from _prescale_shortfalls(live, lock, growth, scaling)


def _scaling_shortfalls(live: LivePlan, lock: ForecastLock, growth: float, scaling: Scaling) -> Iterator[Shortfall]:
    ceiling, forecast, where = live.ceiling, lock.verticals[live.name], f"verticals.{live.name}"
    target, act = live.scaling.target, live.scaling.target.sessions * (1 + scaling.tolerance)
    best = min(target.by_lag, target.by_alert)
    if target.sessions > best:
        alert = live.scaling.alert_utilisation * ceiling.hard
        by_lag = _held(
            act * forecast.lag.ratio,
            live.takes.hard,
            live.takes.guaranteed,
        )
        yield Shortfall(
            "target",
            live.name,
            act * forecast.lag.ratio if by_lag is not None else act,
            by_lag if by_lag is not None else alert,
            "sessions",
            f"the autoscaler acts above {target.sessions} x {1 + scaling.tolerance:g} = {act:,.0f} a pod; the load grows "
            f"x {forecast.lag.ratio:g} before a new pod answers, and the alert fires above {alert:,.0f}",
            f"lower {where}.pins.target from {target.sessions} to {best}"
            if best
            else f"raise {where}.pod: no target leaves room",
        )
    quiet = forecast.lag.quiet_sessions * growth
    floor = live.scaling.baseline
    held = _held(quiet, floor * live.takes.hard, floor * live.takes.guaranteed)
    if held is not None:
        yield Shortfall(
            "floor",
            live.name,
            quiet,
            held,
            "sessions",
            f"a quiet minute can grow to {quiet:,.0f} within the scaling lag; the floor is {floor} pods",
            f"raise {where}.pins.minimum from {floor} to {replicas_for(quiet, ceiling.guaranteed)}",
        )


def _held(required: float, by_limits: float, by_requests: float) -> float | None:
    """Return what is held where that is too little: by limits if they fall short, else by requests; None if both hold it."""
    if by_limits < required:
        return by_limits
    return by_requests if by_requests < required else None


def _with_requests(remedy: str, live: LivePlan) -> str:
    if live.ceiling.guaranteed >= live.ceiling.hard:
        return remedy
    return " and ".join(part for part in (remedy, f"raise verticals.{live.name}.pod.requests to the limits") if part)


def _prescale_shortfalls(live: LivePlan, lock: ForecastLock, growth: float, scaling: Scaling) -> Iterator[Shortfall]:
    forecast = lock.verticals[live.name]
    ceiling = live.ceiling
    floors = {(window.day, window.start, window.end): window.replicas for window in live.scaling.windows}
    for peak in forecast.known_peaks:
        floor = floors.get((peak.day, peak.start, peak.end), live.scaling.baseline)
        # More than what is required at all is never asked of a floor.
        asked = min(peak.sessions * growth * forecast.lag.ratio, live.required.sessions)
        held = _held(asked, floor * live.takes.hard, floor * live.takes.guaranteed)
        if held is not None:
            yield Shortfall(
                "prescale",
                live.name,
                asked,
                held,
                "sessions",
                f"the known peak {peak.day} {peak.start}-{peak.end} reaches {asked:,.0f} within the scaling lag; "
                f"its floor is {floor} pods",
                f"raise verticals.{live.name}.pins.prescale_floor to {replicas_for(asked, ceiling.guaranteed)}"
                " and pins.maximum to at least that",
            )
    if forecast.known_peaks and scaling.prescale_lead < forecast.lag.seconds:
        yield Shortfall(
            "prescale",
            live.name,
            forecast.lag.seconds,
            scaling.prescale_lead,
            "seconds",
            "the floor of a known peak is set later than a pod takes to answer",
            f"raise scaling.prescale_lead to {forecast.lag.seconds:g}s",
        )


def shared_shortfalls(model: ModelPlan, lock: ForecastLock, as_of: date) -> Iterator[Shortfall]:
    """Yield what the verticals together fall short of: a forecast that holds on the day, and the model's limit."""
    if not lock.data_end <= as_of <= lock.valid_until:
        yield Shortfall(
            "forecast",
            "shared",
            (as_of - lock.data_end).days,
            lock.valid_days,
            "days",
            f"the forecast is valid from {lock.data_end} to {lock.valid_until}, not on {as_of}",
            f"make a new one: headroom forecast {lock.environment} --history PATH",
        )
    limit = model.spec.tokens_per_minute.limit
    if model.required_tokens_per_minute > limit:
        yield Shortfall(
            "tokens",
            "shared",
            model.required_tokens_per_minute,
            limit,
            "tokens/min",
            f"{model.sessions:,.0f} sessions x {model.tokens_per_session:,} tokens a minute on {as_of}; "
            f"the limit holds {model.sessions_within_limit:,} sessions",
            f"have the limit of {model.spec.name} raised to {math.ceil(model.required_tokens_per_minute):,} tokens a minute",
        )
    else:
        yield from _late("tokens", f"the limit of {model.spec.name}", model.lead, as_of, "order a higher one now")


def _late(resource: str, scope: str, lead: LeadTime, as_of: date, remedy: str) -> Iterator[Shortfall]:
    """Yield a shortfall where more must be ordered before today, to be there in time."""
    if lead.short_on is None or lead.order_by is None or lead.order_by >= as_of:
        return
    yield Shortfall(
        resource,
        scope,
        (lead.short_on - lead.order_by).days,
        (lead.short_on - as_of).days,
        "days",
        f"{scope} is short on {lead.short_on}; more had to be ordered by {lead.order_by}",
        remedy,
    )


def pool_shortfalls(pool: PoolPlan, as_of: date) -> Iterator[Shortfall]:
    """Yield what one pool of machines falls short of."""
    if pool.node.cpu_cores <= 0 or pool.node.memory_bytes <= 0:
        yield Shortfall(
            "nodes",
            pool.name,
            1,
            0,
            "nodes",
            "a node keeps all of itself for the system; nothing is left for pods",
            f"lower pools.{pool.name}.reserved_cpu or reserved_memory",
        )
        return
    for name in first_fit(pool.pods, pool.node).too_large:
        yield Shortfall(
            "nodes",
            pool.name,
            1,
            0,
            "nodes",
            f"no node of the pool takes a pod of {name}",
            f"use larger machines in pools.{pool.name}, or smaller pods in verticals.{name.removesuffix('-prescale')}",
        )
    if pool.needed > pool.nodes:
        yield Shortfall(
            "nodes",
            pool.name,
            pool.needed,
            pool.nodes,
            "nodes",
            f"every autoscaler at its maximum needs {pool.needed} nodes ({pool.binding} binds)",
            f"raise pools.{pool.name}.nodes from {pool.nodes} to {pool.needed}",
        )
    else:
        yield from _late("nodes", f"pool {pool.name}", pool.lead, as_of, "order more nodes now")


def sold_shortfalls(sales: Sold | None, blocking: float) -> Iterator[Shortfall]:
    """Yield what the plans that were sold fall short of: their guarantees, and room for what is shared."""
    if sales is None:
        return
    if sales.guaranteed_sessions > sales.fleet_sessions:
        yield Shortfall(
            "plans",
            "guarantees",
            sales.guaranteed_sessions,
            sales.fleet_sessions,
            "sessions",
            "the guarantees alone are more than the fleet safely holds",
            f"guarantee at most {sales.fleet_sessions:,} sessions in all, or have the verticals hold {sales.fleet_needed:,}",
        )
    for name, refused in sales.blocking.items():
        if refused.at_pool > blocking:
            yield Shortfall(
                "plans",
                name,
                blocking,
                refused.at_pool,
                "of calls",
                f"the fleet of {sales.fleet_sessions:,} safe sessions has no room for {refused.at_pool:.2%} of its calls, "
                f"though its tenants are below their caps",
                f"raise the verticals' maxima until they safely hold {sales.fleet_needed:,} sessions in all, or sell less",
            )
