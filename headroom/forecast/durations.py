"""Assumed call lengths."""

import math

import numpy as np
from numpy.random import Generator

from headroom.forecast.history import Millis


def lognormal_ms(rng: Generator, count: int, mean_s: float, cv: float) -> Millis:
    """Return call lengths in milliseconds: lognormal with a mean in seconds and a coefficient of variation.

    sigma^2 = ln(1 + cv^2) and mu = ln(mean) - sigma^2 / 2. Whole seconds and at least one, so that a last bit
    in which two processors' exponentials differ does not reach the forecast's digest.
    """
    variance = math.log1p(cv * cv)
    drawn = np.exp(math.log(mean_s) - variance / 2 + math.sqrt(variance) * rng.standard_normal(count))
    return 1000 * np.maximum(1, np.rint(drawn)).astype(np.int64)


def describe(mean_s: float, cv: float) -> str:
    """Return the assumption as a sentence for the lock."""
    return f"call lengths: lognormal, mean {mean_s:g} s, coefficient of variation {cv:g}"
