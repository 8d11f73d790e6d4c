"""Calls on slots whose number stays: a loss system, worked out from the calls that would be up if none were refused."""

import math
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import cast

import numpy as np
from numpy.typing import NDArray

from capacity.simulation.calls import Calls, Seconds
from capacity.simulation.day import MINUTE_SECONDS

_Numbers = NDArray[np.int64]

_BLOCK = 1 << 14
"""Times that are ranked at once: few enough for the processor's cache."""


@dataclass(frozen=True)
class Played:
    """What became of the calls of a day."""

    taken: NDArray[np.bool_]
    """By call."""
    refused: int
    """Counted as they were refused."""
    levels: NDArray[np.int64]
    """Sessions after each call that was taken."""
    turns: list[float]
    """When the slots became full, had room again, became full, ..."""
    active: list[int]
    """Sessions at the end of each minute."""


def play_fixed(calls: Calls, slots: int, horizon: float) -> Played:
    """Return what `admit_by_slots` would, several times as fast where few calls find the slots nearly full.

    Calls that are up = those that would be up without a limit, which sorting alone tells, less the refused ones that would still
    be up. So only a call that comes when the first are `slots` or more has to be looked at.
    """
    arrive, ends = calls.arrive, calls.arrive + calls.hold
    sorted_ends = np.sort(ends)
    unlimited = np.arange(1, len(arrive) + 1) - ranks(sorted_ends, arrive)
    looked_at = np.flatnonzero(unlimited >= slots)
    refused, filling = _looked_through(arrive[looked_at], ends[looked_at], unlimited[looked_at], slots)
    refused, filling = looked_at[refused], looked_at[filling]
    taken = np.ones(len(arrive), dtype=np.bool_)
    taken[refused] = False
    would_end = np.sort(ends[refused])
    minutes: Seconds = np.arange(1, round(horizon / MINUTE_SECONDS) + 1, dtype=np.float64) * MINUTE_SECONDS
    return Played(
        taken,
        len(refused),
        (unlimited - _up_after_each(arrive, refused, would_end))[taken],
        [0.0] if not slots else _turns(arrive[filling], sorted_ends, would_end, horizon),
        (_up_at(minutes, arrive, sorted_ends) - _up_at(minutes, arrive[refused], would_end)).tolist(),
    )


def _looked_through(arrive: Seconds, ends: Seconds, unlimited: _Numbers, slots: int) -> tuple[_Numbers, _Numbers]:
    """Return which calls are refused, and which take the last slot."""
    refused, filling = list[int](), list[int]()
    still_up, up, soonest = list[float](), 0, math.inf
    for call, (now, level) in enumerate(zip(arrive.tolist(), unlimited.tolist(), strict=True)):
        while soonest <= now:
            heappop(still_up)
            up -= 1
            soonest = still_up[0] if still_up else math.inf
        if level - up > slots:
            refused.append(call)
            heappush(still_up, float(ends[call]))
            up += 1
            soonest = still_up[0]
        elif level - up == slots:
            filling.append(call)
    return np.array(refused, dtype=np.int64), np.array(filling, dtype=np.int64)


def _up_after_each(arrive: Seconds, some: _Numbers, some_ends: Seconds) -> _Numbers:
    """Return how many of some calls are up after each of all."""
    change = np.zeros(len(arrive) + 1, dtype=np.int64)
    change[some] = 1
    np.subtract.at(change, np.searchsorted(arrive, some_ends), 1)
    return np.cumsum(change[:-1])


def _up_at(instants: Seconds, starts: Seconds, ends: Seconds) -> _Numbers:
    begun, over = (np.searchsorted(times, instants, side="right") for times in (starts, ends))
    return np.asarray(begun - over)


def _turns(full: Seconds, ends: Seconds, without: Seconds, horizon: float) -> list[float]:
    """Return when the slots became full, and after each the next end that is not one of those without, if the day has it."""
    number = np.arange(len(without)) - np.searchsorted(without, without)  # of those that end at one instant
    left = np.append(np.delete(ends, np.searchsorted(ends, without) + number), math.inf)
    turns = np.stack([full, left[np.searchsorted(left, full, side="right")]], axis=1).ravel()
    return cast("list[float]", turns[turns <= horizon].tolist())


def ranks(sorted_times: Seconds, instants: Seconds) -> NDArray[np.int64]:
    """Return how many of the times are at or before each of some instants; both are sorted.

    Block by block, for a search through all of a day's times waits for memory.
    """
    counts = np.empty(len(instants), dtype=np.int64)
    begin = 0
    for first in range(0, len(instants), _BLOCK):
        block = instants[first : first + _BLOCK]
        end = begin + int(np.searchsorted(sorted_times[begin:], block[-1], side="right"))
        counts[first : first + _BLOCK] = begin + np.searchsorted(sorted_times[begin:end], block, side="right")
        begin = end
    return counts
