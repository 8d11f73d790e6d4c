"""What a plan does not hold, each with the smallest change that cures it."""

import math
from collections.abc import Iterable, Iterator
from datetime import date

from capacity.autoscaling import Scaling
from capacity.ceiling import descriptors_needed, raised_for
from capacity.evidence import cost_shortfalls
from capacity.lag_plan import lag_shortfalls
from capacity.lead_times import late_order
from capacity.load_path import LoadPath
from capacity.lock import ForecastLock
from capacity.parts import Part
from capacity.plan import LivePlan
from capacity.scaling import replicas_for
from capacity.shortfall import Shortfall
from capacity.sold import Sold
from capacity.traffic.erlang import servers_for_blocking


def vertical_shortfalls(live: LivePlan, path: LoadPath, scaling: Scaling) -> Iterator[Shortfall]:
    """Yield what one vertical falls short of until the lock's last valid day."""
    lock, blocking = path.lock, path.margins.blocking
    growth = path.growth_on(lock.valid_until)
    yield from cost_shortfalls(live.name, live.spec)
    ceiling, pod = live.ceiling, live.spec.pod
    where = f"verticals.{live.name}"
    if ceiling.guaranteed_safe == 0:
        least = math.ceil(1 / path.margins.safe_utilisation)
        yield Shortfall(
            "pod",
            live.name,
            1,
            0,
            "sessions",
            f"one pod safely holds no session: its {ceiling.binding} allows {ceiling.hard}, its requests {ceiling.guaranteed}",
            f"raise {', '.join(f'{where}.{figure}' for figure in raised_for(live.spec, least))}",
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
        needed = replicas_for(servers_for_blocking(live.offered, blocking), per_pod)
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
    yield from _prescale_shortfalls(live, path, scaling)
    yield from lag_shortfalls(live.name, live.lag, lock.verticals[live.name].lag.seconds)


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


def _prescale_shortfalls(live: LivePlan, path: LoadPath, scaling: Scaling) -> Iterator[Shortfall]:
    forecast = path.lock.verticals[live.name]
    ceiling = live.ceiling
    floors = {(window.day, window.start, window.end): window.replicas for window in live.scaling.windows}
    for peak in forecast.known_peaks:
        floor = floors.get((peak.day, peak.start, peak.end), live.scaling.baseline)
        # More than what is required at all is never asked of a floor.
        level = path.at_level(live.name, peak.sessions, path.lock.valid_until)
        asked = min(level * forecast.lag.ratio, live.required.sessions)
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


def forecast_shortfalls(lock: ForecastLock, as_of: date) -> Iterator[Shortfall]:
    """Yield a shortfall where the forecast does not hold on the day."""
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


def stack_shortfalls(parts: Iterable[Part], as_of: date) -> Iterator[Shortfall]:
    """Yield what the parts of the stack fall short of, now or before more of them can be there."""
    for part in parts:
        if part.sizing is None:
            remedy = " and ".join(f"give verticals.{name}.mean_call" for name in part.unknown)
            yield Shortfall(part.name, part.path, len(part.unknown), 0, "lengths of calls", part.load, remedy)
        elif part.sizing.shortfall is not None:
            yield part.sizing.shortfall
        elif part.lead is not None:
            remedy = f"order more now: its {part.sizing.binding} binds"
            yield from late_order(part.sizing.resource, part.path, part.lead, as_of, what=part.path, remedy=remedy)


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
