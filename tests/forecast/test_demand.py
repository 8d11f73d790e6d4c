"""How calls arrive and how long they hold, against loops and known laws."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capacity.lock import Demand, Estimate
from headroom.forecast.demand import demand
from headroom.forecast.history import Coverage, Millis, VerticalHistory
from headroom.forecast.resample import DRAWS, draw_blocks, estimate, ratio
from headroom.forecast.spread import day_variance, open_days, overdispersion
from headroom.forecast.starts import Arrivals, busy_hour, count_starts, start_rate
from headroom.forecast.weekly import FullWeeks
from headroom.forecast.zones import DAY_MS, MINUTE_MS, from_local, midnight_ms, to_local

_ZONE = "America/New_York"
_AUTUMN = date(2026, 10, 26)
"""Its Sunday has 25 hours in New York."""


def _weeks(count: int, zone: str = "UTC", first: date = date(2026, 6, 1)) -> FullWeeks:
    return FullWeeks(tuple(first + timedelta(weeks=week) for week in range(count)), zone)


def _history(starts: Millis, weeks: FullWeeks, lengths_s: float = 60.0) -> VerticalHistory:
    covers = Coverage(weeks.mondays[0], weeks.end)
    return VerticalHistory(weeks.zone, covers, starts, starts + round(lengths_s * 1000), "measured", "test")


def _poisson(rng: np.random.Generator, weeks: FullWeeks, rates: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Millis:
    """Return starts at a rate for each of some equal slots of the weeks."""
    first, last = (midnight_ms(day, weeks.zone) for day in (weeks.mondays[0], weeks.end))
    slot = (last - first) // len(rates)
    begins = np.repeat(first + slot * np.arange(len(rates), dtype=np.int64), rng.poisson(rates))
    return np.sort(begins + rng.integers(0, slot, len(begins), dtype=np.int64))


def _demand(history: VerticalHistory, weeks: FullWeeks) -> Demand:
    found = demand(history, weeks, weeks.end, 28)
    assert found is not None
    return found


def _holds(found: Estimate, truth: float) -> bool:
    return found.low <= truth <= found.high


_offsets = st.lists(st.integers(0, 30 * 1000 - 1), max_size=60)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(_offsets, st.integers(-1, 1))
def test_starts_are_counted_as_a_loop_counts_them(offsets: list[int], beside: int) -> None:
    """By second, minute and day, over midnight, in a week of 169 hours; starts beside the weeks are left out."""
    weeks = _weeks(1, _ZONE, _AUTUMN)
    first, last = midnight_ms(weeks.mondays[0], _ZONE), midnight_ms(weeks.end, _ZONE)
    sunday = midnight_ms(date(2026, 11, 1), _ZONE)
    starts = [sunday - 15_000 + offset for offset in offsets] + [first + beside, last - 1 - beside]
    inside = [start for start in starts if first <= start < last]
    arrivals = count_starts(np.array(starts, dtype=np.int64), weeks)
    assert arrivals.by_minute.tolist() == np.bincount([(x - first) // 60_000 for x in inside], minlength=169 * 60).tolist()
    for day in range(7):
        begin = midnight_ms(weeks.days[day], _ZONE)
        end = midnight_ms(weeks.days[day] + timedelta(days=1), _ZONE)
        seconds = np.bincount([(x - begin) // 1000 for x in inside if begin <= x < end], minlength=(end - begin) // 1000)
        assert arrivals.daily[day] == seconds.sum()
        expected = np.bincount(seconds, minlength=arrivals.by_second.shape[1])
        assert arrivals.by_second[day].tolist() == expected.tolist()


def test_the_quantile_of_a_second_is_by_nearest_rank_over_all_seconds() -> None:
    """Of 2,419,200 seconds (four weeks) 2,419 may lie above it: so many with three starts leave it at 1, one more does not."""
    weeks = _weeks(4)
    first = midnight_ms(weeks.mondays[0], "UTC")
    every = first + 1000 * np.arange(4 * 604_800, dtype=np.int64)
    for busy, value in ((2420, 3), (2419, 1)):
        starts = np.sort(np.concatenate([every, np.repeat(every[:busy], 2)]))
        arrivals = count_starts(starts, weeks)
        rate = start_rate(arrivals, draw_blocks(np.arange(28, dtype=np.int64) % 7), weeks.end, 28)
        assert (rate.p999.value, rate.maximum) == (value, 3)
        assert rate.p999.low <= value <= rate.p999.high


def test_the_spread_of_minutes_is_what_two_loops_find() -> None:
    """Around the mean of its hour of the week, scaled by the day's level; n / (n - 1) for the minutes of that hour."""
    weeks = _weeks(5, _ZONE, date(2026, 10, 5))
    rng = np.random.default_rng(2)
    arrivals = count_starts(_poisson(rng, weeks, rng.uniform(0, 3, 5 * 7 * 24)), weeks)
    days = open_days(arrivals)
    cells: dict[int, list[tuple[float, int]]] = {}
    for hour, count in zip(arrivals.hour_of_minute.tolist(), arrivals.by_minute.tolist(), strict=True):
        cells.setdefault(hour % 168, []).append((float(days.level[hour // 24]), count))
    above = 0.0
    for cell in cells.values():
        mean = sum(count for _, count in cell) / sum(level for level, _ in cell)
        above += sum((count - mean * level) ** 2 for level, count in cell) * len(cell) / (len(cell) - 1)
    found, below = overdispersion(days)
    assert float(found.sum()) == pytest.approx(above)
    assert below.sum() == arrivals.by_minute.sum()


def test_chance_alone_is_no_spread() -> None:
    """Poisson starts along a weekly profile: every ratio holds 1, the day factor is near 0, the rate and length are right."""
    weeks = _weeks(13)
    profile = np.tile(np.repeat([0.2, 1.0, 3.0, 2.0, 1.0, 0.5], 4), 7)
    profile[33] = 4.0
    starts = _poisson(np.random.default_rng(3), weeks, np.tile(profile * 60, 13))
    found = _demand(_history(starts, weeks), weeks)
    assert _holds(found.overdispersion, 1.0)
    assert found.day_cv.value < 0.01
    assert found.busy_hour is not None
    assert (found.busy_hour.day, found.busy_hour.start, found.busy_hour.zone) == ("tue", "09:00", "UTC")
    assert _holds(found.busy_hour.starts_per_minute, 4.0)
    assert [window.window_seconds for window in found.busy_hour.peakedness] == [60, 300]
    assert all(_holds(window.ratio, 1.0) for window in found.busy_hour.peakedness)
    assert (found.holding_seconds.low, found.holding_seconds.value, found.holding_seconds.high) == (60, 60, 60)
    assert (found.holding_limit_seconds, found.days) == (60, 91)


def test_a_random_day_effect_is_found_and_growth_is_none() -> None:
    """Days that vary by 10% have a coefficient of 0.1, also where the load doubles over the weeks; without, it is near 0."""
    weeks = _weeks(13)
    rng = np.random.default_rng(4)
    line = 1 + np.arange(91) / 91
    factor = np.exp(rng.normal(-0.005, 0.1, 91))
    for days, truth in ((factor, 0.1), (factor * line, 0.1)):
        found = _demand(_history(_poisson(rng, weeks, 1500 * days), weeks), weeks)
        assert _holds(found.day_cv, truth)
        assert found.day_cv.value == pytest.approx(truth, abs=0.02)
    assert _demand(_history(_poisson(rng, weeks, 1500 * line), weeks), weeks).day_cv.value < 0.02


def test_bursts_show_in_both_windows_and_the_day_effect_in_neither() -> None:
    """A rate that switches between 2 and 6 a minute: IDC(T) = 1 + 2 p q (6 - 2)^2 / (4 r) (1 - (1 - e^(-rT)) / (rT)).

    So 1.74 in a minute and 2.60 in five where each state lasts two minutes (r = 1); days vary by 20% besides.
    """
    weeks = _weeks(13)
    rng = np.random.default_rng(5)
    slots = 13 * 7 * 1440 * 12
    state = np.cumsum(rng.random(slots) < 0.5 / 12) % 2
    day = np.exp(rng.normal(-0.02, 0.2, 91))[np.arange(slots) // (1440 * 12)]
    found = _demand(_history(_poisson(rng, weeks, np.where(state, 6.0, 2.0) / 12 * day), weeks), weeks)
    assert found.busy_hour is not None
    minute, five = (window.ratio for window in found.busy_hour.peakedness)
    assert _holds(minute, 1.74)
    assert _holds(five, 2.60)
    assert minute.low > 1
    assert found.overdispersion.value > 1.7


def test_peakedness_is_chi_square_over_its_degrees_of_freedom() -> None:
    """Four weeks whose busy hour has 2, 2, ... and 1, 3, 1, 3, ... starts in its minutes, by turns."""
    weeks = _weeks(4)
    first = midnight_ms(weeks.mondays[0], "UTC")
    starts = [
        first + week * 7 * DAY_MS + minute * MINUTE_MS + call
        for week in range(4)
        for minute in range(60)
        for call in range(2 if week % 2 else 1 + 2 * (minute % 2))
    ]
    found = busy_hour(count_starts(np.array(starts, dtype=np.int64), weeks))
    assert found is not None
    assert (found.day, found.start, found.starts_per_minute.value) == ("mon", "00:00", 2.0)
    # Columns hold 6 and 10, so 1.5 and 2.5 are expected in each row: all are 0.5 off.
    chi_square = 4 * 30 * (0.25 / 1.5 + 0.25 / 2.5)
    assert found.peakedness[0].ratio.value == pytest.approx(chi_square / (3 * 59), abs=1e-4)


def test_a_busy_hour_that_clocks_repeat_or_that_was_closed_is_left_out() -> None:
    """Of five Sundays at 1 o'clock, one has 120 minutes and one no call: three are too few, with another one they do."""
    weeks = _weeks(5, _ZONE, date(2026, 9, 28))
    for more in (0, 1):
        weeks = _weeks(5 + more, _ZONE, date(2026, 9, 28) - timedelta(weeks=more))
        sundays = [monday + timedelta(days=6) for monday in weeks.mondays]
        open_ones = [sunday for sunday in sundays if sunday != date(2026, 10, 11)]
        starts = [midnight_ms(sunday, _ZONE) + 3_600_000 + 20_000 * call for sunday in open_ones for call in range(100)]
        found = busy_hour(count_starts(np.array(starts, dtype=np.int64), weeks))
        assert (found is None) == (more == 0)


def test_a_profile_of_local_hours_stays_one_over_a_change_of_clocks() -> None:
    """Nine o'clock is nine o'clock before and after; in UTC the same calls would look overdispersed."""
    weeks = _weeks(8, _ZONE, date(2026, 10, 5))
    rng = np.random.default_rng(6)
    shown_first = int(to_local(np.array([midnight_ms(weeks.mondays[0], _ZONE)]), _ZONE)[0])
    nines = [shown_first + day * DAY_MS + 9 * 3_600_000 for day in range(56)]
    shown = np.concatenate([nine + rng.integers(0, 3_600_000, rng.poisson(600)) for nine in nines])
    starts = np.sort(from_local(shown, _ZONE))
    local = _demand(_history(starts, weeks), weeks)
    assert _holds(local.overdispersion, 1.0)
    assert _demand(_history(starts, replace(weeks, zone="UTC")), replace(weeks, zone="UTC")).overdispersion.value > 2


def test_the_holding_time_counts_open_calls_in() -> None:
    """Calls of 300 s on average, one in ten seen only in part: the estimate holds the truth, the ended ones' mean does not."""
    weeks = _weeks(6)
    rng = np.random.default_rng(8)
    starts = _poisson(rng, weeks, np.full(42, 2000.0))
    lengths = rng.exponential(300_000, len(starts)).astype(np.int64)
    seen = np.where(rng.random(len(starts)) < 0.2, rng.uniform(0, 600_000, len(starts)), 1e9).astype(np.int64)
    still_open = np.flatnonzero(lengths > seen)
    history = _history(starts, weeks)
    found = _demand(replace(history, ends_ms=starts + np.minimum(lengths, seen), still_open=still_open), weeks)
    assert _holds(found.holding_seconds, 300.0)
    assert np.delete(lengths, still_open).mean() < 1000 * found.holding_seconds.low


def test_three_weeks_and_calls_that_never_ended_give_no_statistics() -> None:
    """Intervals of three weeks would be no intervals, and a length that nobody saw is not known."""
    starts = _poisson(np.random.default_rng(9), _weeks(4), np.full(28, 50.0))
    history = _history(starts, _weeks(4))
    assert demand(history, _weeks(4), date(2026, 6, 29), 28) is not None
    assert demand(history, _weeks(3), date(2026, 6, 22), 28) is None
    all_open = replace(history, still_open=np.arange(len(starts)))
    assert demand(all_open, _weeks(4), date(2026, 6, 29), 28) is None


def test_statistics_do_not_depend_on_the_order_of_the_calls() -> None:
    """Same calls, same figures, twice."""
    weeks = _weeks(4)
    rng = np.random.default_rng(10)
    history = _history(_poisson(rng, weeks, np.full(28 * 24, 20.0)), weeks)
    order = rng.permutation(len(history.starts_ms))
    mixed = replace(history, starts_ms=history.starts_ms[order], ends_ms=history.ends_ms[order])
    assert _demand(mixed, weeks) == _demand(history, weeks) == _demand(history, weeks)


def test_starts_within_one_window_have_no_peakedness() -> None:
    """A table of one column has no degree of freedom: nothing is said rather than a division by nothing."""
    weeks = _weeks(4)
    starts = [midnight_ms(monday, "UTC") + 36_000_000 + call for monday in weeks.mondays for call in range(5)]
    found = busy_hour(count_starts(np.array(starts, dtype=np.int64), weeks))
    assert found is not None
    assert (found.start, found.peakedness) == ("10:00", ())


_rare = st.lists(st.tuples(st.integers(0, 4 * 7 * 24 * 60 - 1), st.integers(0, 90), st.booleans()), min_size=1, max_size=40)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(_rare)
def test_the_rarest_calls_have_finite_statistics_or_none(calls: list[tuple[int, int, bool]]) -> None:
    """One call, all at once, of no length, most of them open: no error, and a mean length between none and the longest."""
    weeks = _weeks(4)
    begun = np.array(sorted(minute for minute, _, _ in calls), dtype=np.int64) * MINUTE_MS
    history = _history(midnight_ms(weeks.mondays[0], "UTC") + begun, weeks)
    lengths = np.array([length for _, length, _ in calls], dtype=np.int64) * MINUTE_MS
    still_open = np.flatnonzero([is_open for _, _, is_open in calls])
    found = demand(replace(history, ends_ms=history.starts_ms + lengths, still_open=still_open), weeks, weeks.end, 28)
    assert (found is None) == (len(still_open) == len(calls))
    if found is not None:
        assert 0 <= found.holding_seconds.value <= found.holding_limit_seconds
        assert found.starts_per_second.maximum >= 1


def test_days_are_drawn_among_those_of_their_weekday() -> None:
    """Each draw has as many of each weekday as there are, and all of a thousand draws are not the same."""
    kinds = np.array([0, 1, 2, 0, 1, 0], dtype=np.int64)
    times = draw_blocks(kinds).times
    assert times.shape == (DRAWS, 6)
    for kind, count in ((0, 3), (1, 2), (2, 1)):
        assert (times[:, kinds == kind].sum(axis=1) == count).all()
    assert len({tuple(row) for row in times.tolist()}) > 10


def test_the_mean_of_normal_blocks_has_students_interval() -> None:
    """With 13 blocks the range is t(12) = 2.18 standard errors to either side, within a tenth: 95%, not what 13 draws show."""
    blocks = np.random.default_rng(1).normal(100, 10, 13)
    value, drawn = ratio(blocks, np.ones(13), draw_blocks(np.zeros(13, dtype=np.int64)))
    found = estimate(value, drawn)
    expected = 2 * 2.179 * float(blocks.std(ddof=1)) / 13**0.5
    assert found.high - found.low == pytest.approx(expected, rel=0.1)
    assert found.value == pytest.approx(float(blocks.mean()), rel=1e-3)


def test_the_day_factor_is_what_a_loop_finds() -> None:
    """Squared distances with n / (n - 1), less the calls, over squared means; a weekday that was open once is left out."""
    weeks = _weeks(4)
    daily = [[100, 90, 0, 0, 0, 0, 7], [120, 80, 0, 0, 0, 0, 0], [110, 110, 0, 0, 0, 0, 0], [90, 100, 0, 0, 0, 0, 0]]
    starts = [
        midnight_ms(weeks.mondays[week], "UTC") + day * DAY_MS + 1000 * call
        for week in range(4)
        for day in range(7)
        for call in range(daily[week][day])
    ]
    arrivals: Arrivals = count_starts(np.array(starts, dtype=np.int64), weeks)
    days = open_days(arrivals)
    assert arrivals.daily.tolist() == [count for week in daily for count in week]
    assert len(days.place) == 9
    above, below = day_variance(days)
    expected_above, expected_below = 0.0, 0.0
    for weekday in (0, 1):
        level = [float(days.level[days.place == 7 * week + weekday][0]) for week in range(4)]
        share = sum(daily[week][weekday] for week in range(4)) / sum(level)
        for week in range(4):
            mean = share * level[week]
            expected_above += (daily[week][weekday] - mean) ** 2 * 4 / 3 - daily[week][weekday]
            expected_below += mean**2
    assert float(above.sum()) == pytest.approx(expected_above)
    assert float(below.sum()) == pytest.approx(expected_below)
