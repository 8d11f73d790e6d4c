"""An autoscaler's week: the floor that its annotation promises at every minute."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from policies import documents
from policies.documents import WrongDocument
from policies.stack import Resource, WrongField, annotation
from policies.week import STRETCH_KEYS, Stretch, stretch

_WINDOW_KEYS = STRETCH_KEYS | {"leadSeconds", "replicas"}
_WEEK = timedelta(days=7)
_DAY_SECONDS = 86_400
"""The longest lead: the pre-scale job looks at the windows of its day and of the next one."""


@dataclass(frozen=True)
class Window:
    """A stretch of the week with a floor of its own, which stands some time before the stretch begins."""

    stretch: Stretch
    lead_seconds: float
    replicas: int


@dataclass(frozen=True)
class Schedule:
    """The floor of a week: a baseline, and windows that raise it."""

    baseline: int
    windows: tuple[Window, ...]

    @property
    def highest(self) -> int:
        """The highest floor of the week."""
        return max([self.baseline, *(window.replicas for window in self.windows)])


def schedule_of(autoscaler: Resource) -> Schedule:
    """Return the schedule that an autoscaler carries as its annotation."""
    place = annotation(autoscaler, "schedule")
    try:
        document = documents.members(documents.parse(place.text()), "the week", frozenset({"baseline", "windows"}))
        windows = documents.items(document["windows"], "windows")
        return Schedule(
            baseline=documents.integer(document["baseline"], "baseline", 1),
            windows=tuple(_window(value, f"windows[{index}]") for index, value in enumerate(windows)),
        )
    except WrongDocument as error:
        raise WrongField(autoscaler.name, place.path, "a schedule", why=str(error)) from None


def _window(value: object, where: str) -> Window:
    window = documents.members(value, where, _WINDOW_KEYS)
    return Window(
        stretch=stretch(window, where),
        lead_seconds=documents.number(window["leadSeconds"], f"{where}.leadSeconds", 0, _DAY_SECONDS),
        replicas=documents.integer(window["replicas"], f"{where}.replicas", 1),
    )


@dataclass(frozen=True)
class Standing:
    """How a schedule meets one stretch, in the worst of its weeks."""

    floor: int
    """The lowest floor within the stretch."""
    lead_seconds: float
    """How long before its start a floor of some height stands without a break."""


def standing(schedule: Schedule, busy: Stretch, replicas: int, *, lead: timedelta, first: date, last: date) -> Standing:
    """Return the lowest floor within a stretch from a day to a day, and for how long before it `replicas` stand.

    Every concrete week is looked at, in UTC, as the pre-scale job does it: daylight saving moves a window against a stretch
    of another zone. The lead is looked at as far back as `lead`.
    """
    floors: list[int] = []
    leads: list[float] = []
    for day in _days_of(busy, first, max(last, first + _WEEK - timedelta(days=1))):
        start, end = _instant(day, busy.start, busy.zone), _instant(day, busy.end, busy.zone)
        around = list(_around(schedule, day))
        floors.append(min(_floor(schedule, around, at) for at in _turns(around, start, end)))
        leads.append(_standing_before(schedule, around, replicas, start, lead))
    return Standing(min(floors), min(leads))


def _instant(day: date, minute: int, zone: str) -> datetime:
    # Midnight of the next day is minute 1440: added before the zone, so that the wall clock counts.
    local = datetime.combine(day, time()) + timedelta(minutes=minute)
    return local.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def _days_of(busy: Stretch, first: date, last: date) -> Iterator[date]:
    day = first + timedelta(days=(busy.weekday - first.weekday()) % 7)
    while day <= last:
        yield day
        day += _WEEK


def _around(schedule: Schedule, day: date) -> Iterator[tuple[datetime, datetime, int]]:
    for window in schedule.windows:
        for occurrence in _days_of(window.stretch, day - _WEEK, day + _WEEK):
            yield (
                _instant(occurrence, window.stretch.start, window.stretch.zone) - timedelta(seconds=window.lead_seconds),
                _instant(occurrence, window.stretch.end, window.stretch.zone),
                window.replicas,
            )


def _floor(schedule: Schedule, around: list[tuple[datetime, datetime, int]], at: datetime) -> int:
    return max([schedule.baseline, *(replicas for start, end, replicas in around if start <= at < end)])


def _turns(around: list[tuple[datetime, datetime, int]], start: datetime, end: datetime) -> list[datetime]:
    # A floor falls only where a window ends, so these are all the instants that can be lowest.
    return [start, *(turn for _, turn, _ in around if start < turn < end)]


def _standing_before(
    schedule: Schedule, around: list[tuple[datetime, datetime, int]], replicas: int, start: datetime, lead: timedelta
) -> float:
    if schedule.baseline >= replicas:
        return lead.total_seconds()
    since = start
    # Windows may follow each other without a gap: walk back from one to the one before it.
    while earlier := [begin for begin, end, height in around if height >= replicas and begin < since <= end]:
        since = min(earlier)
    return min(lead, start - since).total_seconds()
