"""The weeks of a history and what each of them reached."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from capacity.lock import WeekOfPeaks
from headroom.forecast.concurrency import Minutes, Sessions
from headroom.forecast.history import Coverage
from headroom.forecast.quantiles import quantile
from headroom.forecast.zones import MINUTE_MS, midnight_ms

WEEKS = 13
BURST_DAYS = 28


@dataclass(frozen=True)
class FullWeeks:
    """The last full weeks of a history, oldest first, as their Mondays."""

    mondays: tuple[date, ...]
    zone: str

    @property
    def end(self) -> date:
        """The Monday after the last of them."""
        return self.mondays[-1] + timedelta(days=7)

    @property
    def days(self) -> tuple[date, ...]:
        """Every day of them."""
        return tuple(monday + timedelta(days=day) for monday in self.mondays for day in range(7))


def last_full_weeks(covers: Coverage, zone: str, most: int = WEEKS) -> FullWeeks:
    """Return the last thirteen weeks (or another number), or as many as there are, that are covered from Monday to Sunday.

    A week that was only partly recorded would show too low a peak.
    """
    first = covers.first + timedelta(days=-covers.first.weekday() % 7)
    count = max(0, (covers.end - first).days // 7)
    mondays = tuple(first + timedelta(weeks=week) for week in range(max(0, count - most), count))
    return FullWeeks(mondays, zone)


def without_days(minutes: Minutes, days: frozenset[date], zone: str) -> Minutes:
    """Return the minutes with those of some days as if nobody had called: a closed day says nothing of an open one."""
    levels, maxima = minutes.levels.copy(), minutes.maxima.copy()
    last_ms = minutes.first_ms + MINUTE_MS * len(maxima)
    for day in days:
        first_ms, end_ms = midnight_ms(day, zone), midnight_ms(day + timedelta(days=1), zone)
        if minutes.first_ms <= first_ms and end_ms <= last_ms:
            part = slice((first_ms - minutes.first_ms) // MINUTE_MS, (end_ms - minutes.first_ms) // MINUTE_MS)
            levels[part] = maxima[part] = 0
    return Minutes(minutes.first_ms, levels, maxima)


def week_of_peaks(minutes: Minutes, monday: date, zone: str) -> WeekOfPeaks:
    """Return one week's 99% and 99.9% quantiles and maximum of its minutes' maxima.

    The week runs from Monday to Monday, midnight in the zone: 167 or 169 hours when the clocks change. One
    per cent of a week is 101 minutes, which is most of a Monday-morning peak: hence the 99.9%.
    """
    week = minutes.between(midnight_ms(monday, zone), midnight_ms(monday + timedelta(days=7), zone))
    return WeekOfPeaks(
        week=monday,
        p99=quantile(week.maxima, 990),
        p999=quantile(week.maxima, 999),
        maximum=int(week.maxima.max()),
    )


def daily_maxima(minutes: Minutes, days: tuple[date, ...], zone: str) -> Sessions:
    """Return the highest concurrency of each day."""
    marks = np.array([(midnight_ms(day, zone) - minutes.first_ms) // MINUTE_MS for day in days], dtype=np.int64)
    last = (midnight_ms(days[-1] + timedelta(days=1), zone) - minutes.first_ms) // MINUTE_MS
    highest: Sessions = np.maximum.reduceat(minutes.maxima[:last], marks)
    return highest


def mean_sessions(minutes: Minutes, end: date, zone: str) -> float:
    """Return the sessions on average over every minute of the 28 days before a day, with three decimals."""
    first_ms = max(minutes.first_ms, midnight_ms(end - timedelta(days=BURST_DAYS), zone))
    return round(float(minutes.between(first_ms, midnight_ms(end, zone)).levels.mean()), 3)


def measured_burst(minutes: Minutes, end: date, zone: str) -> float | None:
    """Return the peak as a multiple of the median over the 28 days before a day; None if no call was up.

    It has three decimals. The median is that of the maxima of the minutes with at least one session: with
    closed hours counted in, a business that opens ten hours a day would have a median of 0.
    """
    first_ms = max(minutes.first_ms, midnight_ms(end - timedelta(days=BURST_DAYS), zone))
    recent = minutes.between(first_ms, midnight_ms(end, zone)).maxima
    active = recent[recent > 0]
    if not len(active):
        return None
    return round(int(active.max()) / quantile(active, 500), 3)
