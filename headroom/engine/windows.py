"""Whether a moment lies in a peak that the forecast lock declares: nothing is delivered then."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from capacity.lock import WEEKDAYS
from capacity.scaling import Window

_MIDNIGHT = "24:00"


@dataclass(frozen=True)
class InPeak:
    """A peak that a moment lies in."""

    vertical: str
    window: Window
    until: datetime
    """In UTC."""


def peaks_at(windows: Iterable[tuple[str, Window]], moment: datetime) -> tuple[InPeak, ...]:
    """Return the peaks of verticals that a moment lies in, their lead included, the one that ends last first.

    Days and times are of the window's own zone, whatever its clocks do that week; `moment` must know its zone.
    """
    found = []
    for vertical, window in windows:
        zone = ZoneInfo(window.zone)
        today = moment.astimezone(zone).date()
        # A lead may begin the day before.
        for day in (today, today + timedelta(days=1)):
            if WEEKDAYS[day.weekday()] != window.day:
                continue
            start = datetime.combine(day, time.fromisoformat(window.start), zone).astimezone(UTC)
            ends_next_day = window.end == _MIDNIGHT
            last = time() if ends_next_day else time.fromisoformat(window.end)
            end = datetime.combine(day + timedelta(days=ends_next_day), last, zone).astimezone(UTC)
            if start - timedelta(seconds=window.lead_seconds) <= moment < end:
                found.append(InPeak(vertical, window, end))
    return tuple(sorted(found, key=lambda peak: (peak.until, peak.vertical), reverse=True))
