"""A week of one vertical, by one wall clock: the sessions that its forecast knows, and the floors that its plan sets."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from capacity.lock import VerticalForecast
from capacity.plan import LivePlan
from capacity.simulation.profile import SLOT_MINUTES, known_week, slots_of

SLOTS_A_DAY = 24 * 60 // SLOT_MINUTES


@dataclass(frozen=True)
class Week:
    """A week from Monday, midnight, in quarters of an hour."""

    sessions: tuple[float, ...]
    """At the data end, before growth."""
    basis: str
    """What the sessions rest on."""
    floors: tuple[int, ...]
    """Replicas that stand at least."""
    prescaled: tuple[bool, ...]
    """Whether a pre-scale window holds the floor up."""


def week_of(live: LivePlan, forecast: VerticalForecast, zone: str, day: date) -> Week:
    """Return the week of a vertical. Clocks of other zones are moved by what they differ on `day`; a slot counts whole."""
    profile = known_week(forecast, zone, day)
    floors = [live.scaling.baseline] * len(profile.shares)
    prescaled = [False] * len(floors)
    for window in live.scaling.windows:
        for slot in slots_of(window, zone, day, lead_seconds=window.lead_seconds):
            floors[slot] = max(floors[slot], window.replicas)
            prescaled[slot] = True
    sessions = tuple(share * live.peak for share in profile.shares)
    return Week(sessions, profile.basis, tuple(floors), tuple(prescaled))


def runs(values: tuple[float, ...] | tuple[bool, ...]) -> Iterator[tuple[int, int, float]]:
    """Yield where each stretch of equal values begins, how long it is, and its value.

    >>> list(runs((1.0, 1.0, 3.0)))
    [(0, 2, 1.0), (2, 1, 3.0)]
    """
    start = 0
    for place in range(1, len(values) + 1):
        if place == len(values) or values[place] != values[start]:
            yield start, place - start, float(values[start])
            start = place
