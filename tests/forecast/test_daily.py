"""The law of a day's highest load around the level of its week."""

import math

import numpy as np
import pytest

from headroom.forecast.daily import DailyLaw, daily_law, follow, upper_half
from headroom.forecast.student import student_quantile


def _law(expected: list[float], days: list[int]) -> DailyLaw:
    return DailyLaw(1.0, 0.05, np.array(expected), np.array(days, dtype=np.int64))


def test_the_upper_half_finds_the_law_that_made_the_values() -> None:
    """From the law's own quantiles (location 400, scale 20) both come back, whatever the quiet half is."""
    shares = (np.arange(2000) + 0.5) / 2000
    values = 400 - 20 * np.log(-np.log(shares))
    quiet = np.where(shares < 0.5, values - 300, values)
    for given in (values, quiet):
        location, scale = upper_half(given)
        assert location == pytest.approx(400, rel=0.001)
        assert scale == pytest.approx(20, rel=0.01)


def test_one_wild_day_gives_no_law_below_zero() -> None:
    """Of eleven days at 1 and one at 100 on one weekday: the location is zero, and the median of the week ahead is a load."""
    location, scale = upper_half(np.array([1.0] * 11 + [100.0]))
    assert location == 0
    assert DailyLaw(location, scale, np.ones(1), np.ones(1, dtype=np.int64)).quantile(0.5) > 0


def test_the_quantile_of_one_kind_of_day_is_gumbels() -> None:
    """It is expected x (location - scale ln(-ln(share) / days)): the maximum's law is the day's law to the power of the days."""
    assert _law([300], [20]).quantile(0.95) == pytest.approx(300 * (1 - 0.05 * math.log(-math.log(0.95) / 20)))


@pytest.mark.parametrize("share", [0.05, 0.5, 0.95, 0.999])
def test_the_quantile_of_several_kinds_is_held_by_their_product(share: float) -> None:
    """The chances of all days to stay at or below it, multiplied, are the share."""
    law = _law([300, 290, 150, 20], [4, 4, 4, 3])
    at = law.quantile(share)
    chances = np.exp(-np.exp(-(at / law.expected - 1.0) / 0.05)) ** law.days
    assert float(chances.prod()) == pytest.approx(share, abs=1e-9)


def test_days_are_compared_with_the_level_expected_of_their_week() -> None:
    """A load that grows by the same share each week has no tail once smoothing has caught up; without the level it would."""
    tops = np.rint(1000 * 1.02 ** np.arange(30)[:, None] * np.array([1, 0.9, 0.9, 0.9, 0.8, 0.3, 0.2])).astype(np.int64)
    followed = follow(tops)
    assert followed is not None
    assert followed.busy.tolist() == [0, 1, 2, 3, 4]
    law = daily_law(followed, 1, 7)
    assert law.scale < 0.005
    assert law.quantile(0.95) == pytest.approx(1000 * 1.02**30, rel=0.02)


def test_closed_days_and_weeks_say_nothing() -> None:
    """A holiday, and a week without a call, leave the bound of equal days where it is."""
    tops = np.full((20, 7), 100, dtype=np.int64)
    tops[5, 3] = 0
    tops[11] = 0
    followed = follow(tops)
    assert followed is not None
    assert daily_law(followed, 4, 28).quantile(0.95) == pytest.approx(100, abs=0.01)
    assert follow(np.zeros((9, 7), dtype=np.int64)) is None


def test_days_ahead_count_from_a_monday() -> None:
    """Thirty days from a Monday hold five Mondays and Tuesdays, four of each other day."""
    followed = follow(np.full((10, 7), 50, dtype=np.int64))
    assert followed is not None
    assert daily_law(followed, 5, 30).days.tolist() == [5, 5, 4, 4, 4, 4, 4]


@pytest.mark.parametrize(
    ("share", "freedom", "published"),
    [(0.95, 6, 1.943), (0.95, 10, 1.812), (0.95, 30, 1.697), (0.975, 4, 2.776), (0.975, 12, 2.179)],
)
def test_students_quantiles_are_the_published_ones(share: float, freedom: float, published: float) -> None:
    """Those of every table, within 0.7%."""
    assert student_quantile(share, freedom) == pytest.approx(published, rel=0.007)
