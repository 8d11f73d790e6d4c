"""Replicas over the week: target, maximum, floors and pre-scale windows."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from capacity.autoscaling import Scaling
from capacity.ceiling import PodCeiling, floor_sessions
from capacity.lock import VerticalForecast, Weekday
from capacity.spec import Alert, Margins
from capacity.traffic.erlang import servers_for_blocking
from capacity.verticals import Pins

LEAST_REPLICAS = 2
"""One pod alone is gone with its node."""


@dataclass(frozen=True)
class Target:
    """The sessions a pod that the autoscaler aims at, with each bound on it."""

    sessions: int
    binding: str
    by_lag: int
    """target x (1 + tolerance) x lag growth <= what a pod is guaranteed and admits."""
    by_alert: int
    """target x (1 + tolerance) < alert threshold x hard ceiling, or the alert would always fire."""


@dataclass(frozen=True)
class Window:
    """A floor that stands through a known peak."""

    day: Weekday
    start: str
    end: str
    zone: str
    lead_seconds: float
    replicas: int


@dataclass(frozen=True)
class ScalingPlan:
    """The bounds of one autoscaler and its week."""

    baseline: int
    """The floor outside every window: it holds what a quiet minute can grow to within the lag."""
    maximum: int
    target: Target
    windows: tuple[Window, ...]
    alert_utilisation: float


def alert_threshold(alert: Alert, burst: float) -> float:
    """Return the utilisation above which the headroom alert fires.

    Above 1/burst a burst no longer fits, so a higher threshold would come too late.

    >>> round(alert_threshold(Alert(), 1.5), 3)
    0.667
    """
    return min(alert.utilisation, 1 / burst)


def target_sessions(
    ceiling: PodCeiling, takes: PodCeiling, *, lag_ratio: float, tolerance: float, alert_utilisation: float, pins: Pins
) -> Target:
    """Return the autoscaler's target for one pod, which takes what it holds and admits; at least 1, even where nothing fits."""
    by_lag = floor_sessions(takes.guaranteed / ((1 + tolerance) * lag_ratio))
    by_alert = max(0, math.ceil(alert_utilisation * ceiling.hard / (1 + tolerance) - 1e-9) - 1)
    binding = "growth within the lag" if by_lag <= by_alert else "alert"
    sessions = max(1, min(by_lag, by_alert))
    if pins.target is not None:
        sessions, binding = pins.target, "pinned"
    return Target(sessions, binding, by_lag, by_alert)


def scale(
    forecast: VerticalForecast,
    ceiling: PodCeiling,
    *,
    admitted: int,
    required_sessions: float,
    growth: float,
    by_then: Callable[[float], float],
    margins: Margins,
    alert: Alert,
    scaling: Scaling,
    pins: Pins,
) -> ScalingPlan:
    """Return the replicas of one vertical over the week, for pods that take what their requests guarantee and they admit.

    The maximum holds the ratio (what is required at the safe ceiling) and the blocking probability (Erlang B of the grown peak
    on all sessions). `required_sessions` and `growth` are those of the lock's last valid day: bounds must hold until then.
    `by_then` gives what a peak of the forecast has become on it, new customers included.
    """
    threshold = alert_threshold(alert, margins.burst)
    takes = ceiling.admitting(admitted)
    target = target_sessions(
        ceiling, takes, lag_ratio=forecast.lag.ratio, tolerance=scaling.tolerance, alert_utilisation=threshold, pins=pins
    )
    quiet = replicas_for(forecast.lag.quiet_sessions * growth, takes.guaranteed)
    enough = replicas_for(required_sessions, takes.guaranteed_safe)
    unblocked = replicas_for(servers_for_blocking(by_then(forecast.peak), margins.blocking), takes.guaranteed)
    maximum = pins.maximum or max(LEAST_REPLICAS, enough, unblocked, quiet)
    baseline = min(maximum, pins.minimum or max(LEAST_REPLICAS, quiet))
    windows = tuple(
        Window(
            day=peak.day,
            start=peak.start,
            end=peak.end,
            zone=peak.zone,
            lead_seconds=scaling.prescale_lead,
            replicas=min(maximum, pins.prescale_floor or replicas_for(by_then(peak.sessions), target.sessions)),
        )
        for peak in forecast.known_peaks
    )
    above = tuple(window for window in windows if window.replicas > baseline)
    return ScalingPlan(baseline, maximum, target, above, threshold)


def replicas_for(sessions: float, per_pod: int) -> int:
    """Return the pods that hold some sessions; 1 where a pod holds none, for no number of them would do.

    >>> replicas_for(1485.3, 72)
    21
    """
    return max(1, math.ceil(sessions / per_pod - 1e-9)) if per_pod else 1
