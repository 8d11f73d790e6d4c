"""The extreme of the days ahead, with published laws and the bank's calls."""

import math
from datetime import date, timedelta

import numpy as np
import pytest

from headroom.forecast.counts import dataset_cells
from headroom.forecast.extreme import busy_weekdays, extreme, gumbel, highest_of

_MONDAY = date(2026, 8, 3)


def _days(weeks: int) -> tuple[date, ...]:
    return tuple(_MONDAY + timedelta(days=day) for day in range(7 * weeks))


def test_l_moments_find_the_law_that_made_the_values() -> None:
    """From the law's own quantiles (location 400, scale 20) both parameters come back within a hundredth."""
    shares = (np.arange(20_000) + 0.5) / 20_000
    values = np.rint(1000 * (400 - 20 * np.log(-np.log(shares)))).astype(np.int64)
    location, scale = gumbel(values)
    assert location / 1000 == pytest.approx(400, abs=0.01)
    assert scale / 1000 == pytest.approx(20, abs=0.01)


def test_the_quantile_of_a_maximum_is_that_of_all_its_days() -> None:
    """The law of each day, to the power of the days, is the share again."""
    level = highest_of(400, 20, 20, 0.95)
    assert math.exp(-math.exp(-(level - 400) / 20)) ** 20 == pytest.approx(0.95)


def test_equal_days_have_no_tail() -> None:
    """With a scale of 0 the quantile is the value itself."""
    days = _days(13)
    found = extreme(days, np.full(len(days), 70, dtype=np.int64), date(2026, 11, 2), 28)
    assert found is not None
    assert (found.q95, found.days_fitted, found.days_ahead) == (70, 91, 28)


def test_quiet_weekdays_and_closed_days_are_not_fitted() -> None:
    """Weekends below half of the busiest weekday are another population; a Monday without a call was a holiday."""
    days = _days(13)
    maxima = np.array([40 if day.weekday() >= 5 else 100 - day.weekday() for day in days], dtype=np.int64)
    maxima[35] = 0
    assert busy_weekdays(days, maxima) == frozenset(range(5))
    found = extreme(days, maxima, date(2026, 11, 2), 28)
    assert found is not None
    assert (found.days_fitted, found.days_ahead) == (64, 20)
    assert found.method == "Gumbel by L-moments on the daily maxima of the busy weekdays; not tried on the past"


def test_a_weekday_at_half_of_the_busiest_is_busy() -> None:
    """The bound itself counts."""
    days = _days(2)
    maxima = np.array([{0: 100, 6: 50, 5: 49}.get(day.weekday(), 10) for day in days], dtype=np.int64)
    assert busy_weekdays(days, maxima) == frozenset({0, 6})


def test_nine_busy_days_are_too_few_for_a_tail() -> None:
    """No quantile is better than one that is made of nothing."""
    days = _days(9)
    maxima = np.array([100 if day.weekday() == 0 else 1 for day in days], dtype=np.int64)
    assert extreme(days, maxima, date(2026, 10, 5), 28) is None


def test_the_banks_daily_maxima_carry_the_tail_that_thirteen_weeks_did_not_show() -> None:
    """Fitted to any 13 weeks of the first seven, the 95% quantile of a quarter covers the 465 that came.

    The highest of the 13 weeks themselves (406 to 408 calls in five minutes) fails each time. Published for a
    likelihood fit: 473 to 485; L-moments give 477 to 495.
    """
    highest: dict[date, int] = {}
    for start, count in dataset_cells("fpp3/bank_calls", "DateTime", "Calls", "test"):
        day = date.fromisoformat(start[:10])
        highest[day] = max(highest.get(day, 0), int(count))
    assert len(highest) == 164
    quantiles = []
    for origin in (date(2003, 6, 2) + timedelta(weeks=week) for week in range(7)):
        quarter = timedelta(weeks=13)
        known = np.array([top for day, top in highest.items() if origin - quarter <= day < origin], dtype=np.int64)
        actual = max(top for day, top in highest.items() if origin <= day < origin + quarter)
        quantiles.append(round(highest_of(*gumbel(known), 65, 0.95)))
        assert known.max() in (406, 408)
        assert actual == 465
    assert quantiles == [477, 495, 491, 486, 484, 481, 492]
