"""How much more than chance the starts vary: from minute to minute, and from day to day."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headroom.forecast.resample import Figures
from headroom.forecast.starts import Arrivals

_LEAST_LEVEL = 0.1


@dataclass(frozen=True)
class OpenDays:
    """The starts of the days with at least one call, and the straight line that they follow over the weeks."""

    place: NDArray[np.int64]
    """Which of the weeks' days each of them is."""
    weekday: NDArray[np.int64]
    level: Figures
    """The line at each day, as a share of the weeks' mean: growth is a trend, and no day's own factor."""
    daily: NDArray[np.int64]
    minutes: NDArray[np.int64]
    """Minutes of each of its 24 hours; so are the sums of starts a minute and of their squares."""
    sums: NDArray[np.int64]
    squares: NDArray[np.int64]


def open_days(arrivals: Arrivals) -> OpenDays:
    """Return the open days of some weeks; there must be a start in them. A day without one was closed."""
    days = len(arrivals.weeks.days)
    place = np.flatnonzero(arrivals.daily)
    daily = arrivals.daily[place]
    weekday = place % 7
    counts, hours = arrivals.by_minute, arrivals.hour_of_minute
    minutes, sums, squares = (
        np.rint(np.bincount(hours, weights=what, minlength=24 * days)).astype(np.int64).reshape(days, 24)[place]
        for what in (np.ones(len(counts)), counts, counts**2)
    )
    return OpenDays(place, weekday, _levels(place, weekday, daily), daily, minutes, sums, squares)


def overdispersion(days: OpenDays) -> tuple[Figures, Figures]:
    """Return what each day adds to the variance and to the mean of the starts a minute, around the hour-of-week profile.

    The variance is the squared distance from the hour's mean, with n / (n - 1) for the n minutes of that hour of the
    week. Variance over mean is 1 if starts are Poisson. A shared day factor adds cv^2 times the starts a minute to it,
    and slopes within an hour add too.
    """
    above = np.zeros(len(days.place))
    for weekday in np.unique(days.weekday).tolist():
        of_day = days.weekday == weekday
        level, minutes, sums, squares = days.level[of_day, None], days.minutes[of_day], days.sums[of_day], days.squares[of_day]
        exposed, count = (level * minutes).sum(axis=0), minutes.sum(axis=0)
        mean = level * np.divide(sums.sum(axis=0), exposed, out=np.zeros(24), where=exposed > 0)
        distance = squares - 2 * mean * sums + mean**2 * minutes
        above[of_day] = (distance * count / np.maximum(1, count - 1)).sum(axis=1)
    return above, days.daily.astype(np.float64)


def day_variance(days: OpenDays) -> tuple[Figures, Figures]:
    """Return what each day adds to the two sums whose ratio is the variance of its own random factor, of mean 1.

    By moments: the squared distance of its calls from its weekday's mean, with n / (n - 1) for n such days, less the
    calls themselves (Poisson counts vary by that much around their mean), over the square of the mean. Busy days weigh
    more. The ratio is below 0 where days vary by less than chance. A weekday that was open once says nothing.
    """
    above, below = np.zeros(len(days.place)), np.zeros(len(days.place))
    for weekday in np.unique(days.weekday).tolist():
        of_day = days.weekday == weekday
        known, level, calls = int(of_day.sum()), days.level[of_day], days.daily[of_day]
        mean = level * calls.sum() / level.sum()
        if known > 1:
            above[of_day] = (calls - mean) ** 2 * known / (known - 1) - calls
            below[of_day] = mean**2
    return above, below


def _levels(place: NDArray[np.int64], weekday: NDArray[np.int64], daily: NDArray[np.int64]) -> Figures:
    # A weekday that was seldom open gets its mean from few weeks; its days then lie on the line by that much less.
    means = np.array([daily[weekday == day].mean() for day in weekday.tolist()])
    middle = (place * means).sum() / means.sum()
    spread = (means * (place - middle) ** 2).sum()
    slope = (means * (place - middle) * (daily / means)).sum() / spread if spread else 0.0
    levels: Figures = np.maximum(_LEAST_LEVEL, 1 + slope * (place - middle))
    return levels
