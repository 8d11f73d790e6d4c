"""Exact concurrency: how many calls were up, computed from their starts and ends."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headroom.forecast.history import Millis
from headroom.forecast.zones import MINUTE_MS

Sessions = NDArray[np.int64]
"""Numbers of concurrent sessions, one a minute."""

_MINUTE_CODES = 2 * MINUTE_MS
_SLICE_MINUTES = 7 * 24 * 60
"""Up to almost 25 days would fit 32 bits; a week's sort asks for less memory."""
_CHUNK_CALLS = 2**16


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
    is the higher of the calls carried into it and of N after each start within it. Every start and end is
    sorted; nothing is sampled. Calls may come in any order. Beside the input it takes about as much memory again
    at its height, less for longer times.

    Raises:
        ValueError: the time is not a whole number of minutes.
    """
    if last_ms < first_ms or (last_ms - first_ms) % MINUTE_MS:
        raise ValueError(f"from {first_ms} ms to {last_ms} ms is not a whole number of minutes")
    minutes = (last_ms - first_ms) // MINUTE_MS
    levels, maxima = np.empty(minutes, dtype=np.int64), np.empty(minutes, dtype=np.int64)
    slices = _event_slices(starts_ms, ends_ms, first_ms, -(-minutes // _SLICE_MINUTES))
    carried = 0
    for place, pieces in enumerate(slices):
        events = np.concatenate(pieces) if pieces else np.empty(0, dtype=np.uint32)
        pieces.clear()
        events.sort()
        part = slice(place * _SLICE_MINUTES, min((place + 1) * _SLICE_MINUTES, minutes))
        marks = np.arange(part.stop - part.start + 1, dtype=np.uint32) * np.uint32(_MINUTE_CODES)
        n = np.zeros(len(events) + 1, dtype=np.int32)
        np.cumsum(1 - 2 * (events.astype(np.int8) & 1), out=n[1:])
        n += carried
        # n[heads] holds what is carried into each minute, for an end on its first instant has the code before the mark's.
        heads = np.searchsorted(events, marks)
        levels[part] = n[np.searchsorted(events, marks[:-1], "right")]
        # From the carried level up to the last event but one, and that after the last, which the next minute carries.
        maxima[part] = np.maximum(np.maximum.reduceat(n, heads)[:-1], n[heads[1:]])
        carried = int(n[heads[-1]])
    return Minutes(first_ms, levels, maxima)


def _event_slices(starts_ms: Millis, ends_ms: Millis, first_ms: int, slices: int) -> list[list[NDArray[np.uint32]]]:
    """Return the events from `first_ms` on as codes, by slice of the time; unsorted, in pieces.

    The code of a start at t is 2t, that of an end 2t - 1, so that one sort of numbers puts ends first. Counted from its slice's
    begin, a code takes half the memory of a time and half the time to sort. A call up before `first_ms` starts on it.
    """
    found: list[list[NDArray[np.uint32]]] = [[] for _ in range(slices)]
    bounds = np.arange(slices + 1, dtype=np.int64) * (_SLICE_MINUTES * _MINUTE_CODES)
    for begin in range(0, len(starts_ms), _CHUNK_CALLS):
        starts = np.maximum(starts_ms[begin : begin + _CHUNK_CALLS], first_ms)
        ends = ends_ms[begin : begin + _CHUNK_CALLS]
        up = ends > starts
        # A sort within the processor's cache and cuts are quicker than a mask a slice.
        codes = np.concatenate([2 * (starts[up] - first_ms), 2 * (ends[up] - first_ms) - 1])
        codes.sort()
        cuts = np.searchsorted(codes, bounds)
        for place in range(slices):
            found[place].append((codes[cuts[place] : cuts[place + 1]] - bounds[place]).astype(np.uint32))
    return found


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
