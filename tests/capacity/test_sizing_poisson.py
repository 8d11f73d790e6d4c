"""Quantiles of random arrivals."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capacity.sizing.poisson import poisson_cdf, poisson_mean, poisson_quantile


def test_a_mean_is_too_little_every_other_time() -> None:
    """Pipecat's 30 agents for a call a second: P(Poisson(30) > 30) = 45%, and 99.9% need 48."""
    assert round(1 - poisson_cdf(30, 30), 2) == 0.45
    assert poisson_quantile(30) == 48


def test_starts_within_a_lag_are_420_not_360() -> None:
    """Two calls a second for three minutes: 360 on average, 420 with 99.9%."""
    assert poisson_quantile(2 * 180) == 420


@given(count=st.integers(0, 60), mean=st.floats(0.01, 60))
def test_the_sum_is_that_of_the_terms(count: int, mean: float) -> None:
    """The chance agrees with adding e^-m m^k / k! one by one."""
    terms = math.fsum(math.exp(k * math.log(mean) - mean - math.lgamma(k + 1)) for k in range(count + 1))
    assert poisson_cdf(count, mean) == pytest.approx(min(1.0, terms), rel=1e-11, abs=1e-300)


@pytest.mark.parametrize("deviations", [-6, -3, -0.5, 0, 0.001, 2, 3.09, 4.75])
def test_the_expansion_for_many_meets_the_sum(deviations: float) -> None:
    """Where the two meet, adding a hundred thousand arrivals' terms upwards gives the same chance."""
    mean = 100_000.0
    count = int(mean + deviations * math.sqrt(mean))
    terms = math.fsum(math.exp(k * math.log(mean) - mean - math.lgamma(k + 1)) for k in range(95_000, count + 1))
    assert poisson_cdf(count, mean) == pytest.approx(terms, rel=1e-8)


@given(mean=st.floats(1e5, 1e14), deviations=st.floats(-5, 5))
def test_many_arrivals_are_nearly_normal(mean: float, deviations: float) -> None:
    """Whatever the mean, the chance is that of a normal distribution but for its skewness of 1 / sqrt(mean)."""
    count = int(mean + deviations * math.sqrt(mean))
    assert poisson_cdf(count, mean) == pytest.approx(math.erfc(-deviations / math.sqrt(2)) / 2, abs=1e-9 + 1 / math.sqrt(mean))


def test_a_quantile_of_very_many_arrivals_takes_no_time() -> None:
    """A load that grows a hundredfold a quarter is asked of two years on: the steps go with the digits, not with the load."""
    assert poisson_quantile(1e18) == pytest.approx(1e18 + 3.0902 * 1e9, rel=1e-12)


@given(mean=st.floats(0, 1e6), probability=st.floats(0.001, 0.999999))
def test_the_quantile_is_the_least_number_that_holds(mean: float, probability: float) -> None:
    """At the quantile the chance is reached, one below it is not."""
    quantile = poisson_quantile(mean, probability)
    assert poisson_cdf(quantile, mean) >= probability > poisson_cdf(quantile - 1, mean)


@given(count=st.integers(0, 100_000), probability=st.floats(0.5, 0.9999))
def test_the_mean_is_the_inverse_of_the_quantile(count: int, probability: float) -> None:
    """The largest mean keeps its quantile at the number, a little more does not."""
    mean = poisson_mean(count, probability)
    assert poisson_cdf(count, mean) >= probability > poisson_cdf(count, mean * (1 + 1e-8) + 1e-12)


def test_arguments_are_judged() -> None:
    """A negative mean, a negative number and a chance that no finite number gives are errors."""
    with pytest.raises(ValueError, match="mean"):
        poisson_cdf(1, -1)
    with pytest.raises(ValueError, match="probability"):
        poisson_quantile(1, 1 - 1e-15)
    with pytest.raises(ValueError, match="count"):
        poisson_mean(-1)
    with pytest.raises(ValueError, match="probability"):
        poisson_mean(1, 0)
    assert (poisson_cdf(-1, 3), poisson_cdf(0, 0)) == (0, 1)
