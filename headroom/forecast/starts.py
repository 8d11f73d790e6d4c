"""Call starts: how many begin in a second, a minute, a busy hour."""

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from capacity.lock import WEEKDAYS, BusyHour, Peakedness, StartRate
from headroom.forecast.extreme import extreme
from headroom.forecast.history import Millis
from headroom.forecast.resample import Draws, Figures, draw_blocks, estimate, ratio
from headroom.forecast.weekly import FullWeeks
from headroom.forecast.zones import DAY_MS, MINUTE_MS, midnight_ms, to_local

_WINDOW_MINUTES = (1, 5)
"""A short and a long one tell how long bursts last. Five minutes are about a call, and divide an hour."""
_LEAST_WEEKS = 4
_HOUR = 60
"""Minutes of an hour whose clocks do not change."""


@dataclass(frozen=True)
class Arrivals:
    """The starts of some full weeks, counted."""

    weeks: FullWeeks
    marks: Millis
    """The midnights at which its days begin, and that at which the last one ends."""
    daily: NDArray[np.int64]
    """Calls that began on each day."""
    by_second: NDArray[np.int64]
    """Seconds of each day (rows) in which 0, 1, 2, ... calls began."""
    by_minute: NDArray[np.int64]
    """Calls that began in each minute of the weeks."""
    hour_of_minute: NDArray[np.int64]
    """Each minute's hour since the first day, 24 to a day: in autumn one has 120 minutes, in spring one has none."""


def count_starts(starts_ms: Millis, weeks: FullWeeks) -> Arrivals:
    """Return the starts that fall into some full weeks, counted by second, minute and day of the zone's clocks."""
    days = weeks.days
    marks = np.array([midnight_ms(day, weeks.zone) for day in (*days, weeks.end)], dtype=np.int64)
    starts = np.sort(starts_ms[(starts_ms >= marks[0]) & (starts_ms < marks[-1])])
    minutes = int(marks[-1] - marks[0]) // MINUTE_MS
    instants = marks[0] + MINUTE_MS * np.arange(minutes, dtype=np.int64)
    first_hour = 24 * (days[0] - date(1970, 1, 1)).days
    return Arrivals(
        weeks,
        marks,
        np.diff(np.searchsorted(starts, marks)),
        _by_second(starts, marks),
        np.bincount((starts - marks[0]) // MINUTE_MS, minlength=minutes),
        to_local(instants, weeks.zone) // (DAY_MS // 24) - first_hour,
    )


def start_rate(arrivals: Arrivals, draws: Draws, from_day: date, horizon_days: int) -> StartRate:
    """Return how many calls begin within a second: a quantile with its interval, the highest, and that of the days ahead."""
    histogram = arrivals.by_second
    tops = histogram.shape[1] - 1 - np.argmax(histogram[:, ::-1] > 0, axis=1)
    seen = _quantiles(histogram.sum(axis=0)[None, :])
    return StartRate(
        p999=estimate(float(seen[0]), _quantiles(draws.times @ histogram).astype(np.float64)),
        maximum=int(tops.max()),
        extreme=extreme(arrivals.weeks.days, tops.astype(np.int64), from_day, horizon_days),
    )


def busy_hour(arrivals: Arrivals) -> BusyHour | None:
    """Return the hour of the week with the most starts; None where fewer than four weeks have a call in it.

    Peakedness is the chi-square of the table of weeks by windows over its degrees of freedom: variance over mean after
    each week's own level of the hour and the hour's own shape are taken out. By chance alone it is 1, whatever these are.
    For a process that switches between two rates, two windows give strength and length of its bursts, and so the
    peakedness Z at any holding time.
    """
    sums = np.bincount(arrivals.hour_of_minute, weights=arrivals.by_minute, minlength=24 * len(arrivals.weeks.days))
    place = int(np.argmax(sums.reshape(-1, 168).sum(axis=0)))
    rows = [arrivals.by_minute[arrivals.hour_of_minute == hour] for hour in range(place, len(sums), 168)]
    whole = [row for row in rows if len(row) == _HOUR and row.any()]
    if len(whole) < _LEAST_WEEKS:
        return None
    table = np.stack(whole)
    draws = draw_blocks(np.zeros(len(table), dtype=np.int64))
    ratios = []
    for minutes in _WINDOW_MINUTES:
        distances, freedom = _distances(table.reshape(len(table), -1, minutes).sum(axis=2))
        if freedom.any():
            ratios.append(Peakedness(window_seconds=60 * minutes, ratio=estimate(*ratio(distances, freedom, draws))))
    levels = table.mean(axis=1)
    return BusyHour(
        day=WEEKDAYS[place // 24],
        start=f"{place % 24:02}:00",
        zone=arrivals.weeks.zone,
        starts_per_minute=estimate(*ratio(levels, np.ones(len(levels)), draws)),
        peakedness=tuple(ratios),
    )


def _by_second(starts: Millis, marks: Millis) -> NDArray[np.int64]:
    seconds = starts // 1000
    heads = np.flatnonzero(np.diff(seconds, prepend=-1))
    calls = np.diff(heads, append=len(seconds))
    most = int(calls.max(initial=0))
    day = np.searchsorted(marks, starts[heads], "right") - 1
    histogram = np.bincount(day * (most + 1) + calls, minlength=(len(marks) - 1) * (most + 1)).reshape(-1, most + 1)
    histogram[:, 0] = np.diff(marks) // 1000 - histogram.sum(axis=1)
    return histogram


def _quantiles(histograms: NDArray[np.int64]) -> NDArray[np.int64]:
    # The nearest rank, as in quantiles.py, of values that are given by how often each of 0, 1, 2, ... occurs.
    upto = np.cumsum(histograms, axis=1)
    ranks = np.maximum(1, -(-upto[:, -1:] * 999 // 1000))
    values: NDArray[np.int64] = np.argmax(upto >= ranks, axis=1)
    return values


def _distances(table: NDArray[np.int64]) -> tuple[Figures, Figures]:
    # What each row adds to chi-square and to its degrees of freedom, (rows - 1) x (columns - 1).
    seen = table[:, table.any(axis=0)]
    expected = np.outer(seen.sum(axis=1), seen.sum(axis=0)) / seen.sum()
    rows, columns = seen.shape
    distances: Figures = ((seen - expected) ** 2 / expected).sum(axis=1)
    return distances, np.full(rows, (rows - 1) * (columns - 1) / rows)
