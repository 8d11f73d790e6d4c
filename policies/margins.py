"""Margins that count: the stricter of what the stack claims and what the organisation demands."""

from dataclasses import dataclass
from datetime import date

from policies.floors import Floors
from policies.lock import Load, Lock
from policies.stack import Stack, field

ROOT = "headroom:stack:Voice"

ALERT_UTILISATION = 0.70
"""The highest threshold of the headroom alert (design, S4)."""
TOLERANCE = 0.1
"""The autoscaler does nothing within this share of its target: the default of kube-controller-manager."""
_QUARTER_DAYS = 91


@dataclass(frozen=True)
class Margins:
    """What is kept in hand."""

    burst: float
    growth_per_quarter: float
    safe_utilisation: float
    alert_utilisation: float
    """At most 1/burst: above it a burst no longer fits."""
    tolerance: float


def margins(stack: Stack, floors: Floors) -> Margins:
    """Return the margins that count for a stack; raise `Unreadable` where its root does not say its own."""
    root = stack.the_one(ROOT)
    burst = max(field(root, "burst").number(), floors.minimum_burst)
    return Margins(
        burst=burst,
        growth_per_quarter=max(field(root, "growthPerQuarter").number(), floors.minimum_growth_per_quarter),
        safe_utilisation=min(field(root, "safeUtilisation").number(), floors.maximum_safe_utilisation),
        alert_utilisation=min(field(root, "alertUtilisation").number(), ALERT_UTILISATION, 1 / burst),
        tolerance=field(root, "tolerance").number(),
    )


def growth(lock: Lock, day: date, kept: Margins) -> float:
    """Return the load on a day as a multiple of the load at the lock's data end.

    The path is geometric: the growth of a quarter is reached after 91 days. A day before the data end counts as it.
    """
    return float(kept.growth_per_quarter ** (max(0, (day - lock.data_end).days) / _QUARTER_DAYS))


def required(lock: Lock, load: Load, day: date, kept: Margins) -> float:
    """Return the sessions that a vertical must hold on a day: max(burst x growth x peak, extreme quantile)."""
    return max(kept.burst * growth(lock, day, kept) * load.peak, load.extreme)
