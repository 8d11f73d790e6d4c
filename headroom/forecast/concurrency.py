"""Exact concurrency: how many calls were up, computed from their starts and ends."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headroom.forecast.history import Millis
from headroom.forecast.zones import MINUTE_MS

Sessions = NDArray[np.int64]
"""Numbers of concurrent sessions, one a minute."""


@dataclass(frozen=True)
class Minutes:
    """The concurrency of every minute from `first_ms` on, minutes without any event included."""

    first_ms: int
    levels: Sessions
    """N at each minute's first instant."""
    maxima: Sessions
    """The highest N within each minute, the calls carried into it included."""

    def between(self, first_ms: int, last_ms: int) -> "Minutes":
        """Return the minutes of a part of this time, both ends on whole minutes of it."""
        part = slice((first_ms - self.first_ms) // MINUTE_MS, (last_ms - self.first_ms) // MINUTE_MS)
        return Minutes(first_ms, self.levels[part], self.maxima[part])


def count_minutes(starts_ms: Millis, ends_ms: Millis, first_ms: int, last_ms: int) -> Minutes:
    """Return the concurrency of every minute of the half-open time [first, last).

    N(t) is the number of calls with start <= t < end: an end frees its place before a start at the same
    instant takes it, and a call of no length is never up. N rises at starts only, so the maximum of a minute
    is the higher of the calls carried into it and of N at each start within it. Two sorts; nothing is
    sampled.
    """
    if last_ms < first_ms or (last_ms - first_ms) % MINUTE_MS:
        raise ValueError(f"from {first_ms} ms to {last_ms} ms is not a whole number of minutes")
    up = (ends_ms > starts_ms) & (ends_ms > first_ms) & (starts_ms < last_ms)
    starts, ends = np.sort(starts_ms[up]), np.sort(ends_ms[up])
    marks = np.arange(first_ms, last_ms, MINUTE_MS, dtype=np.int64)
    levels = (np.searchsorted(starts, marks, "right") - np.searchsorted(ends, marks, "right")).astype(np.int64)
    within = starts[np.searchsorted(starts, first_ms) :]
    before = len(starts) - len(within)
    at_starts = np.arange(before + 1, len(starts) + 1, dtype=np.int64) - np.searchsorted(ends, within, "right")
    maxima = levels.copy()
    if len(within):
        minute = (within - first_ms) // MINUTE_MS
        heads = np.flatnonzero(np.diff(minute, prepend=-1))
        touched = minute[heads]
        maxima[touched] = np.maximum(maxima[touched], np.maximum.reduceat(at_starts, heads))
    return Minutes(first_ms, levels, maxima)


def minute_maxima(starts_ms: Millis, ends_ms: Millis, first_ms: int, last_ms: int) -> Sessions:
    """Return the highest concurrency within every minute of [first, last), by `count_minutes`."""
    return count_minutes(starts_ms, ends_ms, first_ms, last_ms).maxima


def rise_within(minutes: Minutes, lag_s: float) -> Sessions:
    """Return the highest concurrency within a lag from each minute's first instant on.

    A lag is rounded up to whole minutes, so that nothing within it is missed. The last minutes, whose lag
    ends after the data, are left out: the result is shorter than the minutes by the lag, less one.
    """
    span = max(1, -int(-lag_s // (MINUTE_MS / 1000)))
    reached = max(0, len(minutes.maxima) - span + 1)
    highest = minutes.maxima[:reached].copy()
    for step in range(1, span):
        np.maximum(highest, minutes.maxima[step : step + reached], out=highest)
    return highest
