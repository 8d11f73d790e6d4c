"""A week of one vertical, by one wall clock: the sessions that its forecast knows, and the floors that its plan sets."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from capacity.lock import VerticalForecast
from capacity.plan import LivePlan
from capacity.scaling import Window
from capacity.simulation.profile import SLOT_MINUTES, known_week

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
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
        for slot in _slots(window, zone, day):
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


def _slots(window: Window, zone: str, day: date) -> list[int]:
    moved = _ahead(zone, day) - _ahead(window.zone, day)
    first = DAYS.index(window.day) * 24 * 60 + _minutes(window.start) - window.lead_seconds / 60 + moved
    last = DAYS.index(window.day) * 24 * 60 + _minutes(window.end) + moved
    slots = range(int(first // SLOT_MINUTES), int(-(-last // SLOT_MINUTES)))
    return [slot % (7 * SLOTS_A_DAY) for slot in slots]


def _ahead(zone: str, day: date) -> int:
    """Return the minutes by which a zone's clocks are ahead of UTC at noon."""
    offset = datetime.combine(day, time(12), ZoneInfo(zone)).utcoffset()
    return 0 if offset is None else round(offset.total_seconds() / 60)


def _minutes(clock: str) -> int:
    hours, minutes = clock.split(":")
    return int(hours) * 60 + int(minutes)
