"""Random arrivals in a fixed time: how many there will hardly ever be more of."""

import math

UNLIKELY = 0.999
"""The quantile of arrivals that a buffer is sized for."""
SUREST = 0.999999
"""A higher quantile may be above what the sum reaches in floats: at a mean of a million it is good to nine digits."""
_MANY = 1e5
"""From this mean on the expansion is closer than the sum, and as quick as for any other."""
_CLOSE = 0.05
"""Of the mean: nearer to it the logarithm is summed as a series, for otherwise digits cancel."""
_AT_MEAN = 1e-3
_NEGLIGIBLE = 1e-18
_NARROW = 1e-10


def poisson_cdf(count: int, mean: float) -> float:
    """Return the chance of at most so many arrivals; exact up to rounding, above a mean of 100,000 to 1e-9 of it.

    Summed from `count` downwards, past the mode where that is below, until terms no longer count; for many by the uniform
    expansion of the incomplete gamma function (Temme, SIAM J. Math. Anal. 10, 1979).

    Raises:
        ValueError: the mean is negative or not finite.

    >>> round(1 - poisson_cdf(30, 30.0), 2)
    0.45
    """
    if not (math.isfinite(mean) and mean >= 0):
        raise ValueError(f"mean must be a finite number, 0 or more, got {mean!r}")
    if count < 0:
        return 0.0
    if mean == 0:
        return 1.0
    if mean >= _MANY:
        return _cdf_of_many(count + 1, mean)
    # More than twelve deviations above the mean nothing is left to sum, and further out the first term would be 0.
    at = min(count, math.ceil(mean + 12 * math.sqrt(mean)) + 40)
    term = math.exp(at * math.log(mean) - mean - math.lgamma(at + 1))
    total = 0.0
    while at >= 0 and (at > mean or term > total * _NEGLIGIBLE):
        total += term
        term *= at / mean
        at -= 1
    return min(1.0, total)


def _cdf_of_many(shape: int, mean: float) -> float:
    """Return Q(shape, mean), the chance of fewer than `shape` arrivals, by the expansion's first two terms."""
    off = (mean - shape) / shape
    half_square = _less_its_logarithm(off)
    eta = math.copysign(math.sqrt(2 * half_square), off)
    first = -1 / 3 + eta / 12 - 2 * eta**2 / 135 if abs(eta) < _AT_MEAN else 1 / off - 1 / eta
    correction = math.exp(-shape * half_square) / math.sqrt(2 * math.pi * shape) * first
    return min(1.0, max(0.0, math.erfc(eta * math.sqrt(shape / 2)) / 2 + correction))


def _less_its_logarithm(off: float) -> float:
    """Return off - ln(1 + off)."""
    if abs(off) > _CLOSE:
        return off - math.log1p(off)
    series = 0.0
    for power in range(16, 1, -1):
        series = 1 / power - series * off
    return off**2 * series


def poisson_quantile(mean: float, probability: float = UNLIKELY) -> int:
    """Return the least number that arrivals stay at or below with this probability.

    Raises:
        ValueError: the mean is negative or not finite, or the probability not above 0 and at most 0.999999.

    >>> poisson_quantile(30.0), poisson_quantile(360.0)
    (48, 420)
    """
    _require_quantile(probability)
    low, high = -1, math.ceil(mean)
    while poisson_cdf(high, mean) < probability:
        low, high = high, high + max(1, math.ceil(math.sqrt(mean)))
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if poisson_cdf(middle, mean) >= probability else (middle, high)
    return high


def poisson_mean(count: int, probability: float = UNLIKELY) -> float:
    """Return the largest mean whose arrivals stay at or below a number with this probability, to 1e-9 of it.

    Raises:
        ValueError: the number is negative, or the probability not above 0 and at most 0.999999.

    >>> round(poisson_mean(48), 1)
    30.2
    """
    if count < 0:
        raise ValueError(f"count must be 0 or more, got {count!r}")
    _require_quantile(probability)
    low, high = 0.0, count + 1.0
    while poisson_cdf(count, high) >= probability:
        low, high = high, 2 * high
    while high - low > _NARROW * high:
        middle = (low + high) / 2
        low, high = (middle, high) if poisson_cdf(count, middle) >= probability else (low, middle)
    return low


def _require_quantile(probability: float) -> None:
    if not 0 < probability <= SUREST:
        raise ValueError(f"probability must be above 0 and at most {SUREST}, got {probability!r}")
