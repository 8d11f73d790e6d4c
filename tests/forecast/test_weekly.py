"""Weeks, quantiles, burst factor, lag growth and known peaks."""

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headroom.forecast.concurrency import Minutes
from headroom.forecast.history import Coverage
from headroom.forecast.known_peaks import hourly_maxima, known_peaks
from headroom.forecast.lag import lag_growth
from headroom.forecast.quantiles import quantile
from headroom.forecast.weekly import FullWeeks, daily_maxima, last_full_weeks, measured_burst, week_of_peaks
from headroom.forecast.zones import MINUTE_MS, midnight_ms

_ZONE = "America/New_York"


def _flat(first: date, end: date, zone: str = _ZONE) -> Minutes:
    count = (midnight_ms(end, zone) - midnight_ms(first, zone)) // MINUTE_MS
    levels = np.ones(count, dtype=np.int64)
    return Minutes(midnight_ms(first, zone), levels, levels.copy())


def _raise(minutes: Minutes, first_ms: int, count: int, sessions: int) -> None:
    at = (first_ms - minutes.first_ms) // MINUTE_MS
    minutes.maxima[at : at + count] = sessions
    minutes.levels[at : at + count] = sessions


@given(st.lists(st.integers(0, 50), min_size=1, max_size=200), st.sampled_from([500, 990, 999]))
def test_a_quantile_is_the_smallest_value_that_its_share_does_not_exceed(values: list[int], per_mille: int) -> None:
    """Nearest rank: an observed value, with at least that share of the values at or below it."""
    found = quantile(np.array(values, dtype=np.int64), per_mille)
    below = [value for value in values if value < found]
    assert found in values
    assert 1000 * sum(value <= found for value in values) >= per_mille * len(values)
    assert 1000 * len(below) < per_mille * len(values)


def test_no_values_have_no_quantile() -> None:
    """An empty history must not pass for a load of 0."""
    with pytest.raises(ValueError, match=r"^no values, so no quantile$"):
        quantile(np.array([], dtype=np.int64), 990)


def test_incomplete_weeks_are_dropped_and_thirteen_remain() -> None:
    """Of sixteen weeks and a few days the last thirteen from Monday to Sunday count."""
    weeks = last_full_weeks(Coverage(date(2026, 7, 8), date(2026, 11, 5)), _ZONE)
    assert (weeks.mondays[0], weeks.mondays[-1], weeks.end) == (
        date(2026, 8, 3),
        date(2026, 10, 26),
        date(2026, 11, 2),
    )
    assert len(weeks.mondays) == 13


def test_thirteen_days_may_hold_no_full_week_or_one() -> None:
    """Tuesday to the second Sunday is one week; with the Monday before it is two."""
    assert last_full_weeks(Coverage(date(2026, 10, 20), date(2026, 11, 1)), _ZONE).mondays == ()
    assert len(last_full_weeks(Coverage(date(2026, 10, 20), date(2026, 11, 2)), _ZONE).mondays) == 1
    assert len(last_full_weeks(Coverage(date(2026, 10, 19), date(2026, 11, 2)), _ZONE).mondays) == 2


def test_one_per_cent_of_a_week_hides_a_peak_of_100_minutes_and_999_shows_it() -> None:
    """Of 10,080 minutes the 99% leaves out 100, the 99.9% ten."""
    week = _flat(date(2026, 9, 7), date(2026, 9, 14))
    _raise(week, midnight_ms(date(2026, 9, 7), _ZONE), 100, 50)
    _raise(week, midnight_ms(date(2026, 9, 8), _ZONE), 10, 80)
    found = week_of_peaks(week, date(2026, 9, 7), _ZONE)
    assert (found.p99, found.p999, found.maximum) == (50, 50, 80)
    fewer = _flat(date(2026, 9, 7), date(2026, 9, 14))
    _raise(fewer, midnight_ms(date(2026, 9, 7), _ZONE), 100, 50)
    assert week_of_peaks(fewer, date(2026, 9, 7), _ZONE).p99 == 1


def test_days_and_weeks_with_a_change_of_clocks_are_cut_at_midnight() -> None:
    """The last minute of a day of 25 hours belongs to that day, and to its week."""
    minutes = _flat(date(2026, 10, 26), date(2026, 11, 9))
    _raise(minutes, midnight_ms(date(2026, 11, 2), _ZONE) - MINUTE_MS, 1, 9)
    weeks = FullWeeks((date(2026, 10, 26), date(2026, 11, 2)), _ZONE)
    assert daily_maxima(minutes, weeks.days, _ZONE).tolist() == [1, 1, 1, 1, 1, 1, 9, 1, 1, 1, 1, 1, 1, 1]
    assert [week_of_peaks(minutes, monday, _ZONE).maximum for monday in weeks.mondays] == [9, 1]


def test_the_burst_factor_is_peak_over_median_of_the_active_minutes_of_28_days() -> None:
    """Closed hours are not in the median, and what lies further back than 28 days is not in the peak."""
    minutes = _flat(date(2026, 9, 1), date(2026, 11, 2))
    minutes.maxima[:] = 0
    _raise(minutes, midnight_ms(date(2026, 10, 1), _ZONE), 60, 100)
    _raise(minutes, midnight_ms(date(2026, 10, 20), _ZONE), 600, 4)
    _raise(minutes, midnight_ms(date(2026, 10, 21), _ZONE), 5, 10)
    assert measured_burst(minutes, date(2026, 11, 2), _ZONE) == 2.5


def test_no_call_in_28_days_has_no_burst_factor() -> None:
    """A ratio to nothing is not a number."""
    minutes = _flat(date(2026, 9, 1), date(2026, 11, 2))
    minutes.maxima[:] = 0
    assert measured_burst(minutes, date(2026, 11, 2), _ZONE) is None


def test_lag_growth_takes_the_ratio_from_busy_minutes_and_sessions_from_quiet_ones() -> None:
    """A jump from 25 to 75 within the lag is a ratio of 3 at a peak of 100, and 75 sessions at a peak of 101."""
    levels = np.array([25, 75] * 500, dtype=np.int64)
    minutes = Minutes(0, levels, levels.copy())
    busy = lag_growth(minutes, 100, 120.0, "measured", 2)
    assert (busy.ratio, busy.quiet_sessions, busy.seconds) == (3.0, 0, 120.0)
    quiet = lag_growth(minutes, 101, 120.0, "measured", 2)
    assert (quiet.ratio, quiet.quiet_sessions) == (1.0, 75)
    assert quiet.source == "99.9% quantile of the rise within 120 s over the minutes of 2 weeks"


def test_a_lag_ratio_is_rounded_up_and_never_by_a_float() -> None:
    """6/5 stays 1.2, and 4/3 becomes 1.334, not 1.333, for less growth than was seen must not be planned."""
    for low, high, ratio in ((5, 6, 1.2), (3, 4, 1.334)):
        levels = np.array([low, high] * 10, dtype=np.int64)
        assert lag_growth(Minutes(0, levels, levels.copy()), high, 120.0, "measured", 2).ratio == ratio


def test_known_peaks_are_the_runs_of_hours_near_the_highest_one() -> None:
    """Monday 9 to 11 at 100 and 80, every week; the highest of any week is what the floor must hold."""
    mondays = tuple(date(2026, 8, 3) + timedelta(weeks=week) for week in range(13))
    minutes = _flat(mondays[0], date(2026, 11, 2))
    hour = 60 * MINUTE_MS
    for monday in mondays:
        _raise(minutes, midnight_ms(monday, _ZONE) + 9 * hour, 30, 100)
        _raise(minutes, midnight_ms(monday, _ZONE) + 10 * hour, 30, 80)
        _raise(minutes, midnight_ms(monday, _ZONE) + 11 * hour, 30, 79)
    _raise(minutes, midnight_ms(mondays[4], _ZONE) + 10 * hour, 1, 130)
    _raise(minutes, midnight_ms(mondays[5] + timedelta(days=2), _ZONE) + 10 * hour, 1, 500)
    (peak,) = known_peaks(minutes, FullWeeks(mondays, _ZONE))
    assert (peak.day, peak.start, peak.end, peak.zone, peak.sessions) == ("mon", "09:00", "11:00", _ZONE, 130)


def test_a_known_peak_over_midnight_is_two() -> None:
    """Friday 23:00 to Saturday 01:00 ends at 24:00 and goes on at 00:00."""
    mondays = (date(2026, 8, 3), date(2026, 8, 10))
    minutes = _flat(mondays[0], date(2026, 8, 17))
    for monday in mondays:
        _raise(minutes, midnight_ms(monday + timedelta(days=5), _ZONE) - 60 * MINUTE_MS, 120, 10)
    found = known_peaks(minutes, FullWeeks(mondays, _ZONE))
    assert [(peak.day, peak.start, peak.end) for peak in found] == [
        ("fri", "23:00", "24:00"),
        ("sat", "00:00", "01:00"),
    ]


def test_a_skipped_hour_is_missing_and_a_repeated_one_is_one() -> None:
    """On the Sunday when clocks go forward there is no 2 o'clock; in autumn both hours from 1 are that hour."""
    spring = FullWeeks((date(2026, 3, 2),), _ZONE)
    row = hourly_maxima(_flat(date(2026, 3, 2), date(2026, 3, 9)), spring)[0]
    assert np.flatnonzero(row == -1).tolist() == [6 * 24 + 2]
    autumn = FullWeeks((date(2026, 10, 26),), _ZONE)
    minutes = _flat(date(2026, 10, 26), date(2026, 11, 2))
    _raise(minutes, midnight_ms(date(2026, 11, 1), _ZONE) + 150 * MINUTE_MS, 1, 7)
    assert np.flatnonzero(hourly_maxima(minutes, autumn)[0] == 7).tolist() == [6 * 24 + 1]


def test_a_zone_off_the_hour_has_its_own_hours() -> None:
    """In Kolkata, five and a half hours ahead, the peak at 10 o'clock is at 10:00."""
    zone = "Asia/Kolkata"
    mondays = (date(2026, 8, 3), date(2026, 8, 10))
    minutes = _flat(mondays[0], date(2026, 8, 17), zone)
    for monday in mondays:
        _raise(minutes, midnight_ms(monday, zone) + 600 * MINUTE_MS, 60, 10)
    assert [(peak.start, peak.end) for peak in known_peaks(minutes, FullWeeks(mondays, zone))] == [("10:00", "11:00")]


def test_a_week_without_calls_has_no_known_peak() -> None:
    """Four fifths of nothing is not a peak."""
    minutes = _flat(date(2026, 8, 3), date(2026, 8, 17))
    minutes.maxima[:] = 0
    assert known_peaks(minutes, FullWeeks((date(2026, 8, 3), date(2026, 8, 10)), _ZONE)) == ()
