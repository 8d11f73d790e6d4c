"""The candidates for what the weeks ahead will reach, and what they would have said."""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capacity.lock import ForecastLock
from headroom.forecast.backtest import FIRST_ORIGIN, Trial, backtest, combined, floors, pinball, trial, whole
from headroom.forecast.candidates import HIGHEST, METHODS, Peaks, Target, horizon, next_week
from headroom.forecast.daily import Tops

_ROOT = Path(__file__).parents[2]
_MONDAY = date(2026, 3, 2)
_PROFILE = np.array([1.0, 0.95, 0.9, 0.9, 0.85, 0.4, 0.3])
_days = st.lists(st.lists(st.integers(0, 400), min_size=7, max_size=7), min_size=9, max_size=20).map(
    lambda weeks: np.array(weeks, dtype=np.int64)
)


def _tried(target: Target) -> Trial:
    found = trial(target)
    assert found is not None
    return found


def _weekly(tops: Tops) -> Target:
    return next_week(tops.max(axis=1), tops)


def _flat(weeks: int, sessions: int = 100) -> Tops:
    return np.full((weeks, 7), sessions, dtype=np.int64)


def _steady(rng: np.random.Generator, weeks: int, growth: float = 1.0) -> Tops:
    day = np.exp(rng.normal(0, 0.09, (weeks, 7)))
    mean = 300 * (growth ** (np.arange(weeks) / 13))[:, None] * _PROFILE * day
    tops: Tops = np.rint(mean + np.sqrt(mean) * (2.5 + 0.6 * rng.gumbel(0, 1, (weeks, 7)))).astype(np.int64)
    return tops


def _held(histories: list[Tops], ahead: int) -> tuple[float, float]:
    """Return the shares of histories whose last week, and whose last weeks together, stayed at or below what was said of them."""
    week: list[bool] = []
    weeks: list[bool] = []
    for tops in histories:
        known, came = tops[:-ahead], tops[-ahead:]
        for target, highest, found in ((_weekly(known), came[0].max(), week), (horizon(known, 7 * ahead), came.max(), weeks)):
            tried = _tried(target)
            found.append(bool(highest <= tried.bound(tried.now)))
    return float(np.mean(week)), float(np.mean(weeks))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(_days, st.integers(0, 400))
def test_a_forecast_knows_nothing_of_the_weeks_after_it(tops: Tops, last: int) -> None:
    """With another last week, every bound and weight that was there before it stays what it was."""
    other = np.concatenate((tops[:-1], np.full((1, 7), last, dtype=np.int64)))
    origins = len(tops) - FIRST_ORIGIN
    for days in (7, 28):
        first, second = _tried(horizon(tops, days)), _tried(horizon(other, days))
        assert np.array_equal(first.bounds[:, :origins], second.bounds[:, :origins])
        assert [first.bound(origin) for origin in range(origins)] == [second.bound(origin) for origin in range(origins)]


@settings(max_examples=40, deadline=None, derandomize=True)
@given(_days)
def test_every_history_gives_finite_bounds_in_order(tops: Tops) -> None:
    """Closed days, closed weeks and wild ones: bounds are numbers above zero, and nine tenths lie below the upper one."""
    for target in (_weekly(tops), horizon(tops, 28)):
        tried = _tried(target)
        low, high = tried.interval()
        assert np.isfinite(tried.bounds).all()
        assert 0 < low <= high


def test_eight_weeks_are_too_few_to_look_back() -> None:
    """The first week that can be forecast is the ninth."""
    assert trial(_weekly(_flat(8))) is None
    assert _tried(_weekly(_flat(9))).came.tolist() == [100]


def test_equal_weeks_are_forecast_as_they_are_and_count_alike() -> None:
    """Every candidate says 100 of weeks and horizons, and none earns weight over another."""
    tops = _flat(20)
    record = backtest(_tried(_weekly(tops)), _tried(horizon(tops, 28)), _MONDAY)
    assert {(one.held, one.bound) for one in record.candidates} == {(12, 100)}
    assert max(one.score for one in record.candidates) < 0.001
    assert (record.weeks, record.origins, record.held, record.bound_held) == (20, 12, 12, 12)
    assert record.first_origin == _MONDAY + timedelta(weeks=8)
    assert (record.extreme_origins, record.extreme_held) == (9, 9)
    assert record.candidates[0].name == HIGHEST
    assert record.candidates[0].weight == 0


def test_the_pinball_loss_counts_a_session_too_low_19_times_one_too_high() -> None:
    """0.95 and 0.05 a session: its mean is least at the 95% quantile."""
    came = np.arange(1, 101)
    assert pinball(np.array([100.0, 110.0]), np.array([110, 100])) == pytest.approx([9.5, 0.5])
    losses = [float(pinball(np.full(100, float(bound)), came).sum()) for bound in range(1, 101)]
    assert 1 + int(np.argmin(losses)) == 95


def test_weight_follows_the_losses_that_are_known() -> None:
    """Losses 1 and 3 are -0.5 and +0.5 of their mean: a week later the better one is ahead by exp(0.05)."""
    target = Target(np.zeros(10), _flat(10), np.array([*[0] * 8, 0, 0]), 7)
    tried = Trial(target, np.array([[20.0, 20.0, 20.0], [60.0, 60.0, 60.0]]))
    assert tried.weights(0).tolist() == [0.5, 0.5]
    first, second = tried.weights(1).tolist()
    assert first / second == pytest.approx(np.exp(0.05))
    assert tried.weights(2)[0] / tried.weights(2)[1] == pytest.approx(np.exp(0.1))


def test_a_horizons_losses_are_known_when_it_is_over() -> None:
    """With four weeks ahead the first origin's loss counts at the fourth origin after it, not before."""
    target = Target(np.zeros(20), _flat(20), np.zeros(17, dtype=np.int64), 28)
    tried = Trial(target, np.array([np.full(13, 20.0), np.full(13, 60.0)]))
    assert tried.weights(3).tolist() == [0.5, 0.5]
    assert tried.weights(4)[0] > 0.5


def test_bounds_are_averaged_by_weight_in_logarithms() -> None:
    """100 and 400 in equal parts are 200."""
    assert combined(np.array([100.0, 400.0]), np.array([0.5, 0.5])) == pytest.approx(200)


def test_the_floor_is_the_highest_of_thirteen_weeks() -> None:
    """At each origin from the ninth week on, that of the week after the data last."""
    weeks: Peaks = np.array([500, *range(1, 20)], dtype=np.int64)
    assert floors(weeks).tolist() == [500] * 6 + [13, 14, 15, 16, 17, 18, 19]


def test_the_horizons_maximum_is_that_of_its_days() -> None:
    """Ten days from each Monday on, as far as they are known; what is to be known of them takes two weeks."""
    tops = np.arange(28, dtype=np.int64).reshape(4, 7)
    target = horizon(tops, 10)
    assert (target.came.tolist(), target.weeks) == ([9, 16, 23], 2)


def test_nineteen_of_twenty_steady_weeks_and_horizons_are_held() -> None:
    """On 200 histories of 21 weeks; the highest of 13 weeks holds 13 of 14 of the next weeks, and no claim of four."""
    rng = np.random.default_rng(11)
    week, weeks = _held([_steady(rng, 25) for _ in range(200)], 4)
    assert week == pytest.approx(0.95, abs=0.03)
    assert weeks == pytest.approx(0.95, abs=0.03)


def test_a_load_that_doubles_in_a_quarter_is_followed() -> None:
    """On 80 such histories the highest of past weeks would hold a third of the next ones; nine in ten are held here."""
    rng = np.random.default_rng(12)
    histories = [_steady(rng, 25, growth=2.0) for _ in range(80)]
    week, weeks = _held(histories, 4)
    assert np.mean([tops[-4].max() <= tops[:-4].max() for tops in histories]) < 0.45
    assert week > 0.88
    assert weeks > 0.85


def test_the_extreme_is_held_against_the_horizon_after_each_origin() -> None:
    """One day of 900 in the last four weeks: from the origins that could not know it the quantile fails, from the others not."""
    tops = _flat(20) + np.arange(140).reshape(20, 7) % 7
    before = _tried(horizon(tops, 28))
    assert (before.came <= before.said() + 1e-6).all()
    tops[17, 2] = 900
    after = _tried(horizon(tops, 28))
    # Origins are weeks 8 to 16; from 14 on the four weeks ahead hold the day in week 17.
    assert (after.came > after.said()).tolist() == [False] * 6 + [True] * 3


def test_the_banks_record_stands_in_the_lock() -> None:
    """34 weeks, 26 origins: the peak held 24 of the next weeks, the extreme 19 of 23 horizons: one day is missed from four."""
    text = (_ROOT / "stacks/local.forecast.json").read_text(encoding="utf-8")
    sales = ForecastLock.model_validate_json(text).verticals["sales"]
    record = sales.backtest
    assert record is not None
    assert (record.weeks, record.origins, record.held, record.bound_held) == (34, 26, 24, 24)
    assert (record.extreme_origins, record.extreme_held) == (23, 19)
    assert [one.name for one in record.candidates] == [HIGHEST, *(method.name for method in METHODS)]
    assert sum(one.weight for one in record.candidates) == pytest.approx(1, abs=0.003)
    assert record.bound_score == pytest.approx(3.747)
    assert sales.extreme is not None
    assert "held 19 of 23 past horizons, 95% aimed at" in sales.extreme.method


def test_bounds_become_whole_sessions_upward() -> None:
    """A float's last bit makes no session more."""
    assert (whole(100.0000000001), whole(100.01), whole(0.0)) == (100, 101, 0)
