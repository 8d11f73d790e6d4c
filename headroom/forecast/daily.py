"""The law of a day's highest load around the level that its week was expected to have."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headroom.forecast.levels import WINDOW, smoothed

_FIRST_WEEK = 2
"""Weeks that a level is followed over before days are compared with it."""
_STEPS = 8
_EULER = 0.5772156649015329

Tops = NDArray[np.int64]
"""The highest load of each day: rows are weeks, Monday first; 0 is a day without a call, which was closed."""


@dataclass(frozen=True)
class Followed:
    """The busy days of some weeks, in logarithms around their weekday and week."""

    busy: NDArray[np.int64]
    """The weekdays whose median is at least half of the busiest one's; Monday is 0."""
    profile: NDArray[np.float64]
    """The logarithm of each busy weekday's median over the last thirteen weeks."""
    levels: NDArray[np.float64]
    """What each week was expected to add to it, from the weeks before; the last one is the week after them."""
    over: NDArray[np.float64]
    """What each day was over its weekday's profile; not a number where it was closed."""


@dataclass(frozen=True)
class DailyLaw:
    """The Gumbel law of the highest load of a day as a multiple of what was expected of it, and the days ahead."""

    location: float
    scale: float
    expected: NDArray[np.float64]
    """Of each busy weekday ahead, in sessions."""
    days: NDArray[np.int64]
    """How often each of them comes."""

    def quantile(self, share: float) -> float:
        """Return the quantile of the highest of all days ahead, in sessions, each being on its own.

        The root q of sum over days of exp(-(q / expected - location) / scale) = -ln(share). By Newton's method on the
        logarithm of both sides, from the highest single day's quantile: convex, so that each step stays below the root.
        """
        level = math.log(-math.log(share))
        found = float((self.expected * (self.location - self.scale * (level - np.log(self.days)))).max())
        for _ in range(_STEPS):
            terms = self.days * np.exp(-(found / self.expected - self.location) / self.scale - level)
            total = float(terms.sum())
            found += math.log(total) * total / float((terms / (self.expected * self.scale)).sum())
        return found

    @property
    def spread(self) -> float:
        """The standard deviation of that highest load over its mean, all days taken for alike."""
        return math.pi / math.sqrt(6) * self.scale / (self.location + self.scale * (_EULER + math.log(self.days.sum())))


def follow(tops: Tops) -> Followed | None:
    """Return the busy days of some weeks around profile and level; None where no weekday was open twice in thirteen weeks."""
    recent = tops[-WINDOW:]
    medians = np.array([float(np.median(day[day > 0])) if (day > 0).sum() > 1 else 0.0 for day in recent.T])
    busy = np.flatnonzero((medians > 0) & (2 * medians >= medians.max()))
    if not len(busy):
        return None
    profile = np.log(medians[busy])
    days = tops[:, busy]
    over = np.where(days > 0, np.log(np.maximum(days, 1)) - profile, np.nan)
    opened = np.isfinite(over).sum(axis=1)
    sums = np.nansum(over, axis=1)
    # A week that was closed says nothing of the level; the mean of all stands in for it.
    weekly = np.where(opened > 0, sums / np.maximum(opened, 1), sums.sum() / opened.sum())
    return Followed(busy, profile, smoothed(weekly), over)


def daily_law(followed: Followed, weeks: int, days: int) -> DailyLaw:
    """Return the law of the days of some weeks after those that were followed, `days` of them counted from a Monday.

    Each day of the last thirteen weeks is compared with the level forecast at its own week's origin and at those of the
    weeks before it, up to `weeks`, as far ahead as the law is for: so what a level may do within that time is in it.
    """
    known = len(followed.over)
    apart = [
        (followed.over[origin : origin + weeks] - followed.levels[origin]).ravel()
        for origin in range(max(_FIRST_WEEK, known - WINDOW), known)
    ]
    ratios = np.exp(np.concatenate(apart))
    location, scale = upper_half(ratios[np.isfinite(ratios)])
    ahead = np.array([days // 7 + (weekday < days % 7) for weekday in followed.busy.tolist()], dtype=np.int64)
    return DailyLaw(location, scale, np.exp(followed.profile + followed.levels[-1]), np.maximum(ahead, 1))


def upper_half(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return location and scale of the Gumbel law through the upper half of some values, by least squares.

    Against the plotting positions of Gringorten (Journal of Geophysical Research 68, 1963). Only that half speaks of the tail:
    fitted to all of them, quiet days widen it (98% of steady weeks were held where 95% was aimed at).
    """
    ordered = np.sort(values)
    count = len(ordered)
    places = -np.log(-np.log((np.arange(1, count + 1) - 0.44) / (count + 0.12)))
    values, places = ordered[count // 2 :], places[count // 2 :]
    apart = places - places.mean()
    scale = max(1e-9, float((apart * (values - values.mean())).sum() / (apart**2).sum()))
    location = float(values.mean()) - scale * float(places.mean())
    # One wild day among few can tilt the line to below zero, where no load is: then it starts there.
    return (location, scale) if location > 0 else (0.0, float(values.mean() / places.mean()))
