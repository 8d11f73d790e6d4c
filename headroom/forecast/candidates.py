"""Ways to bound the next week's peak from the weeks before it."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headroom.forecast.extreme import gumbel, highest_of

SHARE = 0.95
"""Weeks that are to stay at or below a bound."""
WINDOW = 13
_LEAST_KNOWN = 4
"""Weeks that a point forecast is made from at least."""
_SMOOTHING = (0.1, 0.2, 0.3, 0.5, 0.7, 0.9)
HIGHEST = f"highest of the last {WINDOW} weeks"

Peaks = NDArray[np.int64]
"""The 99.9% quantile of each week, oldest first."""


@dataclass(frozen=True)
class Method:
    """A candidate: its name, and its bounds of every week from `first` on, the last of them a week not yet seen."""

    name: str
    bounds: Callable[[Peaks, int], list[float]]


def _highest(weeks: Peaks, first: int) -> list[float]:
    return [float(weeks[max(0, origin - WINDOW) : origin].max()) for origin in range(first, len(weeks) + 1)]


def _gumbel(weeks: Peaks, first: int) -> list[float]:
    windows = [weeks[max(0, origin - WINDOW) : origin] for origin in range(first, len(weeks) + 1)]
    return [highest_of(*gumbel(window), 1, SHARE) for window in windows]


def _last(window: Peaks) -> float:
    return float(window[-1])


def _smoothed(window: Peaks) -> float:
    # The share of the newest week is the one that would have served best within the window.
    best, level_of_best = math.inf, 0.0
    for share in _SMOOTHING:
        level, squares = float(window[0]), 0.0
        for week in window[1:].tolist():
            squares += (week - level) ** 2
            level += share * (week - level)
        if squares < best:
            best, level_of_best = squares, level
    return level_of_best


def _theta(window: Peaks) -> float:
    # Assimakopoulos and Nikolopoulos, International Journal of Forecasting 16, 2000: smoothing with half of the
    # line's slope as drift (so shown by Hyndman and Billah, the same journal 19, 2003).
    place = np.arange(len(window)) - (len(window) - 1) / 2
    slope = float((place * window).sum() / (place**2).sum())
    return _smoothed(window) + slope / 2


def conformal(point: Callable[[Peaks], float]) -> Callable[[Peaks, int], list[float]]:
    """Return the bounds that past errors of a point forecast give it.

    Each earlier week's ratio of what came to what was forecast from the weeks before it is known; the bound is the
    forecast times the ceil(0.95 (n + 1))-th smallest of the n ratios (split conformal: Vovk, Gammerman and Shafer,
    2005). With fewer than 19 it is the largest, which exchangeable weeks pass once in n + 1.
    """

    def bounds(weeks: Peaks, first: int) -> list[float]:
        origins = range(_LEAST_KNOWN, len(weeks) + 1)
        points = [max(1.0, point(weeks[max(0, origin - WINDOW) : origin])) for origin in origins]
        ratios = [week / expected for week, expected in zip(weeks[_LEAST_KNOWN:].tolist(), points, strict=False)]
        found = []
        for origin in range(first, len(weeks) + 1):
            known = sorted(ratios[: origin - _LEAST_KNOWN])
            place = min(len(known), math.ceil(SHARE * (len(known) + 1)))
            found.append(points[origin - _LEAST_KNOWN] * known[place - 1])
        return found

    return bounds


METHODS = (
    Method(HIGHEST, _highest),
    Method(f"Gumbel of the last {WINDOW} weeks", _gumbel),
    Method("last week, conformal", conformal(_last)),
    Method("exponential smoothing, conformal", conformal(_smoothed)),
    Method("Theta, conformal", conformal(_theta)),
)
"""The first one is the baseline: no chosen bound goes below it."""
