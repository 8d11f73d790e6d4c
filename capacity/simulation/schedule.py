"""Calls' beginnings and ends in the order of time, before it is known which calls find room."""

from bisect import bisect_right
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from capacity.simulation.calls import Seconds

Events = tuple[list[float], list[int]]
"""Times, and what happens then: call k comes (k) or would end (~k)."""

_BLOCK = 1 << 14
"""Calls merged at once: few enough for the processor's cache, enough to make a block's fixed cost small."""


class Schedule:
    """All events of a day, handed out up to one instant after another."""

    def __init__(self, arrive: Seconds, end: Seconds, horizon: float) -> None:
        self._blocks = _blocks(arrive, end, horizon)
        self._times: list[float] = []
        self._codes: list[int] = []
        self._next = 0

    def until(self, now: float) -> Iterator[Events]:
        """Yield what happens up to and at an instant and was not handed out before."""
        while True:
            stop = bisect_right(self._times, now, lo=self._next)
            if stop > self._next:
                yield self._times[self._next : stop], self._codes[self._next : stop]
                self._next = stop
            if stop < len(self._times) or not self._advance():
                return

    def _advance(self) -> bool:
        """Merge the next block; false where there is none."""
        block = next(self._blocks, None)
        if block is None:
            return False
        self._next = 0
        self._times, self._codes = block
        return True


def _blocks(arrive: Seconds, end: Seconds, horizon: float) -> Iterator[Events]:
    """Yield the events block by block. Ends go before beginnings of the same instant: they make room."""
    waiting_ends = np.empty(0)
    waiting: NDArray[np.int64] = np.empty(0, dtype=np.int64)
    for first in range(0, len(arrive), _BLOCK):
        last = min(first + _BLOCK, len(arrive))
        until = arrive[last] if last < len(arrive) else horizon
        ends = np.concatenate([waiting_ends, end[first:last]])
        calls = np.concatenate([waiting, np.arange(first, last)])
        within = ends <= until
        waiting_ends, waiting = ends[~within], calls[~within]
        ends, calls = ends[within], calls[within]
        order = np.argsort(ends)
        ends = ends[order]
        begins = np.searchsorted(ends, arrive[first:last], side="right") + np.arange(last - first)
        is_end = np.ones(len(ends) + last - first, dtype=bool)
        is_end[begins] = False
        times, codes = np.empty(len(is_end)), np.empty(len(is_end), dtype=np.int64)
        times[begins], codes[begins] = arrive[first:last], np.arange(first, last)
        times[is_end], codes[is_end] = ends, ~calls[order]
        yield times.tolist(), codes.tolist()
