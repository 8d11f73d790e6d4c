"""Exact concurrency against its definition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headroom.forecast.concurrency import count_minutes, minute_maxima, rise_within
from headroom.forecast.history import Millis
from headroom.forecast.zones import DAY_MS, MINUTE_MS

# A coarse grid of instants, so that ties, calls of no length and calls over many minutes are common.
_GRID_MS = 10_000
_instant = st.integers(-20, 80).map(lambda place: place * _GRID_MS)
_calls = st.lists(st.tuples(_instant, st.integers(0, 40).map(lambda length: length * _GRID_MS)), max_size=30)


def _arrays(calls: list[tuple[int, int]]) -> tuple[Millis, Millis]:
    starts = np.array([start for start, _ in calls], dtype=np.int64)
    return starts, starts + np.array([length for _, length in calls], dtype=np.int64)


def _n(calls: list[tuple[int, int]], instant: int) -> int:
    return sum(start <= instant < start + length for start, length in calls)


@settings(max_examples=1000, deadline=None, derandomize=True)
@given(_calls, st.integers(0, 8))
def test_brute_force_agrees_on_1000_random_histories(calls: list[tuple[int, int]], length: int) -> None:
    """Levels and maxima are those of N(t) = #{start <= t < end}, looked at in every instant where it can change."""
    minutes = count_minutes(*_arrays(calls), 0, length * MINUTE_MS)
    for minute in range(length):
        instants = range(minute * MINUTE_MS, (minute + 1) * MINUTE_MS, _GRID_MS)
        assert minutes.levels[minute] == _n(calls, minute * MINUTE_MS)
        assert minutes.maxima[minute] == max(_n(calls, instant) for instant in instants)
    assert len(minutes.levels) == len(minutes.maxima) == length


@settings(max_examples=200, deadline=None, derandomize=True)
@given(_calls, _calls)
def test_more_calls_never_lower_a_minute(calls: list[tuple[int, int]], more: list[tuple[int, int]]) -> None:
    """Every minute's maximum with further calls is at least what it was without them."""
    fewer = minute_maxima(*_arrays(calls), 0, 8 * MINUTE_MS)
    assert (minute_maxima(*_arrays(calls + more), 0, 8 * MINUTE_MS) >= fewer).all()


def test_an_end_frees_its_place_before_a_start_at_the_same_instant() -> None:
    """Two calls that touch are never up together."""
    assert minute_maxima(*_arrays([(0, 30_000), (30_000, 30_000)]), 0, MINUTE_MS).tolist() == [1]


def test_a_call_of_no_length_is_never_up() -> None:
    """N(t) counts start <= t < end, which no t satisfies when both are equal."""
    assert minute_maxima(*_arrays([(1000, 0), (1000, 0)]), 0, MINUTE_MS).tolist() == [0]


def test_a_minute_without_an_event_holds_what_was_carried_into_it() -> None:
    """A call over three minutes is seen in all of them, also when it began before the window."""
    assert minute_maxima(*_arrays([(-5000, 3 * MINUTE_MS)]), 0, 4 * MINUTE_MS).tolist() == [1, 1, 1, 0]


def test_a_call_that_ends_as_a_minute_begins_is_not_in_it() -> None:
    """The window and its minutes are half-open."""
    assert minute_maxima(*_arrays([(0, MINUTE_MS), (2 * MINUTE_MS, 1)]), 0, 2 * MINUTE_MS).tolist() == [1, 0]


def test_a_window_of_half_a_minute_is_refused() -> None:
    """A partial minute would have a maximum of a shorter time than the others."""
    with pytest.raises(ValueError, match=r"^from 0 ms to 90000 ms is not a whole number of minutes$"):
        minute_maxima(*_arrays([]), 0, 90_000)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(_calls, st.integers(1, 5))
def test_the_rise_within_a_lag_is_the_highest_level_from_each_minute_on(calls: list[tuple[int, int]], lag: int) -> None:
    """The value at each minute's first instant t is max over t <= u < t + lag of N(u)."""
    minutes = count_minutes(*_arrays(calls), 0, 8 * MINUTE_MS)
    reached = rise_within(minutes, lag * 60.0)
    assert len(reached) == 8 - lag + 1
    for minute, highest in enumerate(reached.tolist()):
        instants = range(minute * MINUTE_MS, (minute + lag) * MINUTE_MS, _GRID_MS)
        assert highest == max(_n(calls, instant) for instant in instants)


def test_a_lag_is_rounded_up_to_whole_minutes() -> None:
    """61 s look two minutes ahead, so that nothing within the lag is missed."""
    minutes = count_minutes(*_arrays([(MINUTE_MS, MINUTE_MS)]), 0, 4 * MINUTE_MS)
    assert rise_within(minutes, 61.0).tolist() == [1, 1, 0]
    assert rise_within(minutes, 60.0).tolist() == [0, 1, 0, 0]


def test_a_history_of_many_weeks_and_calls_is_that_of_its_parts() -> None:
    """Sorted by the week, in pieces of 65,536 calls: three weeks are those of two ranks over all calls."""
    generator = np.random.default_rng(1)
    last = 3 * 7 * 24 * 60 * MINUTE_MS
    starts = generator.integers(-DAY_MS, last + DAY_MS, 200_000)
    ends = starts + generator.integers(-1000, 3 * DAY_MS, len(starts)) * (generator.random(len(starts)) < 0.1)
    starts[:2] = ends[:2] = 7 * 24 * 60 * MINUTE_MS  # of no length, where one week ends
    minutes = count_minutes(starts, ends, 0, last)
    up = ends > starts
    begun, gone = np.sort(starts[up]), np.sort(ends[up])
    marks = np.arange(0, last, MINUTE_MS)
    levels = np.searchsorted(begun, marks, "right") - np.searchsorted(gone, marks, "right")
    maxima = levels.copy()
    within = begun[(begun >= 0) & (begun < last)]
    at_starts = np.searchsorted(begun, within, "right") - np.searchsorted(gone, within, "right")
    np.maximum.at(maxima, within // MINUTE_MS, at_starts)
    assert (minutes.levels == levels).all()
    assert (minutes.maxima == maxima).all()
