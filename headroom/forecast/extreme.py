"""The highest load that the days ahead may bring, from the highest of each day so far."""

import math
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from capacity.lock import Extreme
from headroom.forecast.concurrency import Sessions
from headroom.forecast.quantiles import quantile

LEAST_DAYS = 10
"""Fewer daily maxima say nothing about a tail."""
_EULER = 0.5772156649015329


def gumbel(maxima: NDArray[np.int64]) -> tuple[float, float]:
    """Return location and scale of the Gumbel law of some maxima, by L-moments.

    beta = l2 / ln 2 and mu = l1 - 0.5772 beta (Hosking, Journal of the Royal Statistical Society B 52, 1990),
    where l1 is the mean and l2 half the mean difference of two of the values. Two moments of order statistics
    are steadier on a few dozen days than a likelihood, and a free shape is not to be had from them at all.
    """
    ordered = sorted(int(value) for value in maxima)
    count = len(ordered)
    mean = sum(ordered) / count
    weighted = sum(place * value for place, value in enumerate(ordered)) / (count * (count - 1))
    scale = (2 * weighted - mean) / math.log(2)
    return mean - _EULER * scale, scale


def highest_of(location: float, scale: float, days: int, share: float) -> float:
    """Return the quantile of the highest of some days, each of them Gumbel and on its own.

    q = mu - beta ln(-ln(share^(1/days))), for the maximum's law is the day's law to the power of the days.
    """
    return location - scale * math.log(-math.log(share) / days)


def busy_weekdays(days: tuple[date, ...], maxima: Sessions) -> frozenset[int]:
    """Return the weekdays (Monday is 0) whose median daily maximum is at least half of the busiest one's."""
    weekdays = np.array([day.weekday() for day in days])
    medians = {weekday: quantile(maxima[weekdays == weekday], 500) for weekday in sorted(set(weekdays.tolist()))}
    return frozenset(weekday for weekday, median in medians.items() if median > 0 and 2 * median >= max(medians.values()))


def extreme(days: tuple[date, ...], maxima: Sessions, from_day: date, horizon_days: int) -> Extreme | None:
    """Return the 95% quantile of the highest load in the days ahead; None where too few busy days are known.

    A Gumbel law is fitted to the daily maxima of the busy weekdays, quiet weekends being another population.
    A day without a single call was closed (a holiday), which says nothing about a day that is open.
    """
    busy = busy_weekdays(days, maxima)
    fitted = np.array(
        [top for day, top in zip(days, maxima, strict=True) if day.weekday() in busy and top > 0],
        dtype=np.int64,
    )
    ahead = sum((from_day + timedelta(days=step)).weekday() in busy for step in range(horizon_days))
    if len(fitted) < LEAST_DAYS or not ahead:
        return None
    location, scale = gumbel(fitted)
    return Extreme(
        # Less a hair, so that a float's last bit does not make one session more.
        q95=math.ceil(highest_of(location, scale, ahead, 0.95) - 1e-9),
        days_fitted=len(fitted),
        days_ahead=ahead,
        method="Gumbel by L-moments on the daily maxima of the busy weekdays; not tried on the past",
    )
