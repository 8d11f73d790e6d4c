"""Ways to bound what the weeks ahead will reach, from the weeks before."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headroom.forecast import levels
from headroom.forecast.daily import DailyLaw, Tops, daily_law, follow
from headroom.forecast.levels import WINDOW, Logs
from headroom.forecast.student import student_quantile

SHARE = 0.95
"""Of what comes, the part that is to stay at or below a bound."""
HIGHEST = f"highest of the last {WINDOW} weeks"
_FIRST_ERROR = 2
"""The first week whose forecast counts: one from a single week says little."""
_FADING = 0.95
"""What an error still counts a week later."""
_PRIOR = 6.0
"""Errors that the spread of single days counts for: few weeks say little of their own spread."""

Peaks = NDArray[np.int64]
"""The 99.9% quantile of each week, oldest first."""


@dataclass(frozen=True)
class Target:
    """What is bounded: the highest load of some time that begins with the week after an origin."""

    base: Logs
    """The weekly level that the point forecasts follow: of each week, its own highest."""
    tops: Tops
    came: NDArray[np.int64]
    """What came, by the number of weeks known at the origin; shorter than the weeks where it needs several of them."""
    days: int

    @property
    def weeks(self) -> int:
        """The weeks after an origin at whose end it is known what came."""
        return -(-self.days // 7)


@dataclass(frozen=True)
class Method:
    """A candidate: its name, and the point forecast that its bounds are made from; None for the law of single days."""

    name: str
    point: Callable[[Logs], Logs] | None


METHODS = (
    Method("last week (seasonal naive)", levels.last),
    Method(f"mean of the last {WINDOW} weeks", levels.mean),
    Method("exponential smoothing", levels.smoothed),
    Method("damped trend (ETS)", levels.damped),
    Method("Theta", levels.theta),
    Method("Gumbel on daily maxima", None),
)


def next_week(peaks: Peaks, tops: Tops) -> Target:
    """Return the next week's peak as a target."""
    return Target(_logs(peaks), tops, peaks, 7)


def horizon(tops: Tops, days: int) -> Target:
    """Return the highest load of some days ahead as a target."""
    flat = tops.ravel()
    came = [int(flat[first : first + days].max()) for first in range(0, len(flat) - days + 1, 7)]
    return Target(_logs(tops.max(axis=1)), tops, np.array(came, dtype=np.int64), days)


def bounds(target: Target, first: int, share: float = SHARE) -> NDArray[np.float64]:
    """Return the bounds of every method (rows) at every origin from `first` on, the last of them with all weeks known.

    The bound of a point forecast is the forecast times exp(t s): t is Student's quantile, s the spread of its errors so far, each
    the logarithm of what came over what was forecast, fading by 5% a week. Errors over several weeks overlap, and count
    for one in that many. To s belongs what the law of single days says of it, as if that were six errors more: with eight weeks
    known a spread from these alone would be a guess. It also says by how much the highest of several weeks is above that of one.
    """
    origins = range(first, len(target.base) + 1)
    points = [method.point(target.base) for method in METHODS if method.point is not None]
    errors = [_logs(target.came) - point[: len(target.came)] for point in points]
    found = np.empty((len(METHODS), len(origins)))
    for place, origin in enumerate(origins):
        one, ahead = _laws(target, origin)
        # The single days' maxima may lie above the weekly statistic that is bounded (99.9% of its minutes).
        window = slice(max(0, origin - WINDOW), origin)
        lower = float(np.mean(target.base[window] - _logs(target.tops[window].max(axis=1))))
        above = math.log(ahead.quantile(0.5) / one.quantile(0.5)) if target.weeks > 1 else 0.0
        known = max(_FIRST_ERROR, min(origin - target.weeks + 1, len(target.came)))
        for row, (point, error) in enumerate(zip(points, errors, strict=True)):
            margin = _margin(error[_FIRST_ERROR:known] - above, ahead.spread, target.weeks, share)
            found[row, place] = math.exp(point[origin] + above + margin)
        found[-1, place] = ahead.quantile(share) * math.exp(lower)
    return found


def _laws(target: Target, origin: int) -> tuple[DailyLaw, DailyLaw]:
    followed = follow(target.tops[:origin])
    if followed is None:
        nothing = DailyLaw(1.0, 1e-9, np.ones(1), np.ones(1, dtype=np.int64))
        return nothing, nothing
    return daily_law(followed, 1, 7), daily_law(followed, target.weeks, target.days)


def _margin(errors: Logs, spread: float, weeks: int, share: float) -> float:
    fading = _FADING ** np.arange(len(errors))[::-1]
    total = fading.sum()
    worth = float(total**2 / (fading**2).sum()) / weeks if len(errors) else 0.0
    variance = float((fading * errors**2).sum() / total) if len(errors) else 0.0
    deviation = math.sqrt((worth * variance + _PRIOR * spread**2) / (worth + _PRIOR))
    return student_quantile(share, worth + _PRIOR) * deviation


def _logs(sessions: NDArray[np.int64]) -> Logs:
    logs: Logs = np.log(np.maximum(sessions, 1))
    return logs
