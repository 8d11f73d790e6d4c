"""The candidates for the next week's peak, and what they would have said."""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capacity.lock import ForecastLock
from headroom.forecast.backtest import FIRST_ORIGIN, Trial, backtest, pinball, trial, whole
from headroom.forecast.candidates import HIGHEST, METHODS, Peaks, conformal
from headroom.forecast.extreme import gumbel, highest_of

_ROOT = Path(__file__).parents[2]
_MONDAY = date(2026, 3, 2)
_histories = st.lists(st.integers(0, 400), min_size=9, max_size=30).map(lambda weeks: np.array(weeks, dtype=np.int64))


def _tried(weeks: Peaks) -> Trial:
    found = trial(weeks)
    assert found is not None
    return found


def _steady(rng: np.random.Generator, weeks: int, growth: float = 1.0) -> Peaks:
    days = np.exp(rng.normal(0, 0.09, (weeks, 5))).max(axis=1)
    mean = 300 * growth ** (np.arange(weeks) / 13) * days
    peaks: Peaks = np.rint(mean + np.sqrt(mean) * (3 + rng.gumbel(0, 1, weeks))).astype(np.int64)
    return peaks


def _held(histories: list[Peaks]) -> tuple[float, float]:
    """Return the shares of weeks that the baseline and the forecast peak held."""
    baseline, peak = [], []
    for weeks in histories:
        tried = _tried(weeks)
        baseline += [came <= bound for bound, came in zip(tried.bounds[0], tried.came, strict=False)]
        peak += [came <= tried.peak(origin) for origin, came in enumerate(tried.came)]
    return sum(baseline) / len(baseline), sum(peak) / len(peak)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(_histories, st.integers(0, 400))
def test_a_forecast_knows_nothing_of_the_weeks_after_it(weeks: Peaks, last: int) -> None:
    """With another last week, every bound and peak that was forecast up to it stays what it was."""
    other = np.array([*weeks[:-1], last], dtype=np.int64)
    first, second = _tried(weeks), _tried(other)
    origins = len(weeks) - FIRST_ORIGIN
    assert [bounds[:origins] for bounds in first.bounds] == [bounds[:origins] for bounds in second.bounds]
    assert [first.peak(origin) for origin in range(origins)] == [second.peak(origin) for origin in range(origins)]


@settings(max_examples=100, deadline=None, derandomize=True)
@given(_histories)
def test_no_peak_is_below_the_highest_of_the_last_13_weeks(weeks: Peaks) -> None:
    """At each origin, and so in the lock: whichever candidate is chosen, today's rule is the floor."""
    tried = _tried(weeks)
    for origin in range(len(tried.came) + 1):
        known = weeks[: FIRST_ORIGIN + origin][-13:]
        assert tried.bounds[0][origin] == known.max()
        assert tried.peak(origin) >= known.max()


def test_eight_weeks_are_too_few_to_look_back() -> None:
    """The first week that can be forecast is the ninth."""
    assert trial(np.full(8, 100, dtype=np.int64)) is None
    assert _tried(np.full(9, 100, dtype=np.int64)).came == (100,)


def test_equal_weeks_are_forecast_as_they_are_and_the_baseline_is_kept() -> None:
    """Every candidate says 100, none beats another, and the first one stands."""
    weeks = np.full(20, 100, dtype=np.int64)
    record = backtest(_tried(weeks), _MONDAY, np.full(140, 100, dtype=np.int64), 28)
    assert {(one.score, one.held, one.bound) for one in record.candidates} == {(0.0, 12, 100)}
    assert (record.chosen, record.weeks, record.origins, record.held) == (HIGHEST, 20, 12, 12)
    assert record.first_origin == _MONDAY + timedelta(weeks=8)
    assert (record.extreme_origins, record.extreme_held) == (9, 9)


def test_the_pinball_loss_counts_a_session_too_low_19_times_one_too_high() -> None:
    """0.95 and 0.05 a session: its mean is least at the 95% quantile."""
    assert pinball(100, 110) == pytest.approx(9.5)
    assert pinball(110, 100) == pytest.approx(0.5)
    came = np.arange(1, 101)
    losses = [sum(pinball(bound, int(value)) for value in came) for bound in range(1, 101)]
    assert 1 + int(np.argmin(losses)) == 95


def test_the_first_bounds_are_what_one_computes_by_hand() -> None:
    """The last week is 120, and it came to at most 1.25 times the week before in the four that are known."""
    weeks = np.array([100, 100, 100, 80, 100, 90, 99, 100, 120, 95], dtype=np.int64)
    tried = _tried(weeks)
    by_name = {method.name: bounds for method, bounds in zip(METHODS, tried.bounds, strict=True)}
    assert by_name["last week, conformal"] == pytest.approx((125.0, 150.0, 118.75))
    assert by_name[HIGHEST] == (100, 120, 120)
    assert by_name["Gumbel of the last 13 weeks"][2] == pytest.approx(highest_of(*gumbel(weeks), 1, 0.95))
    assert tried.scores(2)[0] == pytest.approx((0.95 * 20 + 0.05 * 25) / 2)


def test_a_straight_line_is_followed_by_theta() -> None:
    """From 100 by 10 a week: smoothing lags behind, half of the slope is added, and past errors make up the rest."""
    weeks = np.arange(100, 300, 10, dtype=np.int64)
    theta = next(method for method in METHODS if method.name.startswith("Theta")).bounds(weeks, 20)[0]
    assert 300 <= theta <= 310


def test_with_19_errors_the_conformal_bound_is_their_quantile() -> None:
    """With n ratios known it is the ceil(0.95 (n + 1))-th smallest: the largest up to 38, then the second largest."""
    weeks = np.full(60, 100, dtype=np.int64)
    weeks[30] = 300
    bounds = conformal(lambda _: 100.0)(weeks, 8)
    assert bounds[: 31 - 8] == [100.0] * 23
    # At origin 43 the ratios of weeks 4 to 42 are known: 39 of them.
    assert bounds[31 - 8 : 43 - 8] == [300.0] * 12
    assert bounds[43 - 8 :] == [100.0] * 18


def test_the_choice_waits_for_four_origins_and_then_falls_on_the_least_loss() -> None:
    """Before, a lucky week or two would decide."""
    bounds = ((100.0,) * 5, (50.0,) * 5, (60.0,) * 5, (70.0,) * 5, (80.0,) * 5)
    tried = Trial(bounds, (50, 50, 50, 50))
    assert [tried.chosen(origins) for origins in range(5)] == [0, 0, 0, 0, 1]


def test_steady_weeks_stay_below_the_peak_more_often_than_below_todays_rule() -> None:
    """On 100 histories of 40 weeks: 93% below the highest of 13 weeks (13 of 14 in theory), 94% below the peak."""
    rng = np.random.default_rng(11)
    baseline, peak = _held([_steady(rng, 40) for _ in range(100)])
    assert baseline == pytest.approx(0.93, abs=0.01)
    assert peak == pytest.approx(0.943, abs=0.01)


def test_a_load_that_doubles_in_a_quarter_is_followed() -> None:
    """The highest of past weeks holds a third of the next ones; the peak six of seven, first origins included."""
    rng = np.random.default_rng(12)
    baseline, peak = _held([_steady(rng, 40, growth=2.0) for _ in range(100)])
    assert baseline < 0.4
    assert peak > 6 / 7


def test_the_extreme_is_held_against_the_horizon_after_each_origin() -> None:
    """One day of 900 in the last four weeks: from the origins that could not know it the quantile fails, from the others not."""
    tops = np.array([100 + place % 7 for place in range(7 * 20)], dtype=np.int64)
    weeks = np.full(20, 100, dtype=np.int64)
    assert backtest(_tried(weeks), _MONDAY, tops, 28).extreme_held == 9
    tops[7 * 17 + 2] = 900
    record = backtest(_tried(weeks), _MONDAY, tops, 28)
    # Origins are weeks 8 to 16; from 14 on the four weeks ahead hold the day in week 17.
    assert (record.extreme_origins, record.extreme_held) == (9, 6)


def test_the_banks_record_stands_in_the_lock() -> None:
    """34 weeks, 26 origins: the peak held 24 of the next weeks (92%), the extreme 19 of 23 horizons (83%), not 95%."""
    text = (_ROOT / "stacks/local.forecast.json").read_text(encoding="utf-8")
    record = ForecastLock.model_validate_json(text).verticals["sales"].backtest
    assert record is not None
    assert (record.weeks, record.origins, record.held) == (34, 26, 24)
    assert (record.extreme_origins, record.extreme_held) == (23, 19)
    assert [one.name for one in record.candidates] == [method.name for method in METHODS]
    assert record.chosen == "Gumbel of the last 13 weeks"
    assert min(one.score for one in record.candidates) == pytest.approx(3.996)


def test_bounds_become_whole_sessions_upward() -> None:
    """A float's last bit makes no session more."""
    assert (whole(100.0000000001), whole(100.01), whole(0.0)) == (100, 101, 0)
