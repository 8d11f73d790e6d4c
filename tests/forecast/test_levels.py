"""Point forecasts of a weekly level, by hand and beside what they should follow."""

from collections.abc import Callable

import numpy as np
import pytest

from headroom.forecast import levels
from headroom.forecast.levels import Logs

_ALL = (levels.last, levels.mean, levels.smoothed, levels.damped, levels.theta)


@pytest.mark.parametrize("method", _ALL)
def test_equal_weeks_are_forecast_as_they_are(method: Callable[[Logs], Logs]) -> None:
    """From the second week on; before the first there is no number."""
    made = method(np.full(20, 3.5))
    assert len(made) == 21
    assert np.isnan(made[0])
    assert made[1:] == pytest.approx(3.5)


@pytest.mark.parametrize("method", _ALL)
def test_no_forecast_knows_what_came_after_it(method: Callable[[Logs], Logs]) -> None:
    """Those of a history's first weeks are the same whatever follows."""
    weeks = np.random.default_rng(1).normal(5, 0.2, 40)
    for known in (1, 5, 20):
        assert np.array_equal(method(weeks)[1 : known + 1], method(weeks[:known])[1:])


def test_the_last_week_and_the_mean_of_thirteen_are_what_they_say() -> None:
    """Of 0, 1, ... 19: the week before, and the mean of the thirteen before."""
    weeks: Logs = np.arange(20.0)
    assert levels.last(weeks)[[1, 10, 20]].tolist() == [0, 9, 19]
    assert levels.mean(weeks)[[1, 3, 20]].tolist() == [0, 1, 13]


def test_smoothing_takes_the_share_that_served_best() -> None:
    """A level that jumps and stays wants a large share, noise around a level a small one."""
    jump = np.concatenate((np.zeros(10), np.ones(10)))
    noise = np.random.default_rng(2).normal(0, 1, 60)
    assert levels.smoothed(jump)[-1] > 0.99
    assert abs(levels.smoothed(noise)[-1]) < 0.3


def test_a_straight_line_is_followed_by_trend_and_drift() -> None:
    """From 0 by 0.05 a week: half of the slope is added to the smoothed level, and a damped trend comes nearer still."""
    weeks: Logs = 0.05 * np.arange(40.0)
    assert levels.theta(weeks)[-1] - levels.smoothed(weeks)[-1] == pytest.approx(0.025)
    assert levels.damped(weeks)[-1] == pytest.approx(2.0, abs=0.01)
