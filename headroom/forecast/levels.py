"""Point forecasts of a weekly level: what each week was expected to be, from the weeks before it."""

import numpy as np
from numpy.typing import NDArray

WINDOW = 13
_LEAST_TREND = 4
"""Weeks that a slope is fitted to at least."""
_FADING = 0.97
"""What a week's squared error still counts a week later, where parameters are chosen by past errors."""
_SHARES = np.array([0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9])
_DAMPED = np.array(
    [
        (level, trend, damping)
        for level in (0.05, 0.1, 0.2, 0.4, 0.7)
        for trend in (0.02, 0.05, 0.1, 0.3)
        for damping in (0.8, 0.9, 0.98)
    ]
)

Logs = NDArray[np.float64]
"""Natural logarithms of weekly levels, oldest first: a load grows by shares, and its errors are shares of it."""

# Each function returns one forecast more than there are weeks: place k holds that of week k, made from the k weeks before it
# (place 0 is no number). Parameters are chosen at each origin by the errors known there: no forecast knows what came after it.


def last(weeks: Logs) -> Logs:
    """Return the week before: the seasonal naive forecast of a load that repeats by the week."""
    return np.concatenate(([np.nan], weeks))


def mean(weeks: Logs) -> Logs:
    """Return the mean of the last thirteen weeks."""
    return np.array([np.nan, *(weeks[max(0, origin - WINDOW) : origin].mean() for origin in range(1, len(weeks) + 1))])


def smoothed(weeks: Logs) -> Logs:
    """Return simple exponential smoothing, with the share of the newest week that served best so far."""
    level = np.full(len(_SHARES), weeks[0])
    made = [np.full(len(_SHARES), np.nan), level]
    for known in range(1, len(weeks)):
        level = level + _share(_SHARES, known) * (weeks[known] - level)
        made.append(level)
    return _best(np.array(made), weeks)


def damped(weeks: Logs) -> Logs:
    """Return exponential smoothing with a damped trend (ETS with additive errors), with the parameters that served best so far.

    Gardner and McKenzie, Management Science 31, 1985; in logarithms, so growth by shares that dies out.
    """
    share, trend_share, damping = _DAMPED.T
    level, trend = np.full(len(_DAMPED), weeks[0]), np.zeros(len(_DAMPED))
    made = [np.full(len(_DAMPED), np.nan), level]
    for known in range(1, len(weeks)):
        expected = level + damping * trend
        error = weeks[known] - expected
        newest = _share(share, known)
        level, trend = expected + newest * error, damping * trend + newest * trend_share * error
        made.append(level + damping * trend)
    return _best(np.array(made), weeks)


def theta(weeks: Logs) -> Logs:
    """Return smoothing with half of the slope of the last thirteen weeks as its drift: the Theta method.

    Assimakopoulos and Nikolopoulos, International Journal of Forecasting 16, 2000; so shown by Hyndman and Billah, the
    same journal 19, 2003.
    """
    drift = np.zeros(len(weeks) + 1)
    for origin in range(_LEAST_TREND, len(weeks) + 1):
        window = weeks[max(0, origin - WINDOW) : origin]
        place = np.arange(len(window)) - (len(window) - 1) / 2
        drift[origin] = (place * window).sum() / (place**2).sum() / 2
    return smoothed(weeks) + drift


def _share(share: Logs, known: int) -> Logs:
    # No less than the newest week's part of a plain mean, or the first week would count for months.
    return np.maximum(share, 1 / (known + 1))


def _best(made: NDArray[np.float64], weeks: Logs) -> Logs:
    chosen = np.full(len(weeks) + 1, np.nan)
    squares = np.zeros(made.shape[1])
    for origin in range(1, len(weeks) + 1):
        if origin > 1:
            squares = _FADING * squares + (weeks[origin - 1] - made[origin - 1]) ** 2
        chosen[origin] = made[origin, int(np.argmin(squares))]
    return chosen
