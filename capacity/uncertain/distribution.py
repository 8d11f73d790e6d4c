"""The distribution of a figure of which a low, a middle and a high value are known.

J-QPD-S, a Johnson quantile-parameterised distribution (Hadlock and Bickel, "Johnson quantile-parameterized distributions",
Decision Analysis 14, 2017): for every low < middle < high above its lower bound there is exactly one, its density is smooth, its
moments are finite, and it has the three quantiles that were stated, not nearly those. Where the middle is the geometric mean of
the other two (counted from the lower bound) it is the lognormal.
"""

import math
from collections.abc import Iterable
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from capacity.uncertain.interval import Quantiles

Array = NDArray[np.float64]


def at_chances(known: Quantiles, chances: Iterable[float]) -> Array:
    """Return the values that the figure is below with such chances, each strictly between 0 and 1.

    Q(p) = least + theta exp(lambda sinh(arsinh(delta z) + arsinh(n c delta))), z the normal quantile of p and c that of the upper
    limit; theta, lambda, delta and n follow from the logarithms of the three values above `least`.

    >>> known = Quantiles(low=90.0, middle=120.0, high=200.0, confidence=0.9)
    >>> [round(float(value), 6) for value in at_chances(known, (0.05, 0.5, 0.95))]
    [90.0, 120.0, 200.0]
    """
    normal = NormalDist()
    scores = np.fromiter(map(normal.inv_cdf, chances), dtype=np.float64)
    limit = normal.inv_cdf((1 + known.confidence) / 2)
    low, middle, high = (math.log(value - known.least) for value in (known.low, known.middle, known.high))
    down, up = middle - low, high - middle
    narrow = min(down, up)
    ratio = (high - low) / (2 * narrow)
    if ratio <= 1 + 1e-12:  # as far down as up: the limit of the formula, for delta is 0 here
        return known.least + np.exp(middle + scores * (up / limit))
    skew = math.acosh(ratio)
    delta = math.sinh(skew) / limit
    side = 1.0 if up > down else -1.0
    start = low if up > down else high
    power = narrow / (delta * limit) * np.sinh(np.arcsinh(delta * scores) + side * skew)
    return known.least + np.exp(start + power)
