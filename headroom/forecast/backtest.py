"""What the forecast would have said in past weeks, beside what came."""

import math
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from capacity.lock import Backtest, Candidate
from headroom.forecast.candidates import METHODS, SHARE, WINDOW, Peaks
from headroom.forecast.concurrency import Sessions
from headroom.forecast.extreme import extreme

FIRST_ORIGIN = 8
"""Weeks known at the first origin: four for the first point forecast, and four of its errors."""
LEAST_ORIGINS = 4
"""Origins behind a choice at least; before that the baseline is taken."""


@dataclass(frozen=True)
class Trial:
    """Every candidate's bound of every week from the first origin on, the week after the data last."""

    bounds: tuple[tuple[float, ...], ...]
    """By method, in the order of `METHODS`."""
    came: tuple[int, ...]
    """The peaks of the weeks that were forecast."""

    def scores(self, origins: int) -> list[float]:
        """Return each candidate's mean pinball loss over the first origins."""
        return [sum(map(pinball, bounds[:origins], self.came[:origins])) / origins for bounds in self.bounds]

    def chosen(self, origins: int) -> int:
        """Return the place of the candidate with the least loss over the first origins: the baseline while they are few."""
        if origins < LEAST_ORIGINS:
            return 0
        scores = self.scores(origins)
        return scores.index(min(scores))

    def peak(self, origin: int) -> float:
        """Return the forecast made at an origin from what was known there: never below the baseline.

        The candidate that did best so far was partly lucky, and holds fewer of the next weeks than its record says: taken
        alone it held 93% of steady weeks, with the baseline as its floor 94% (docs/history.md).
        """
        return max(self.bounds[0][origin], self.bounds[self.chosen(origin)][origin])


def pinball(bound: float, came: int) -> float:
    """Return the loss of an upper bound, in sessions: the proper score of the 95% quantile."""
    return SHARE * (came - bound) if came > bound else (1 - SHARE) * (bound - came)


def trial(weeks: Peaks) -> Trial | None:
    """Return what each candidate would have said of each week from the ninth on; None where there is no such week."""
    if len(weeks) <= FIRST_ORIGIN:
        return None
    bounds = tuple(tuple(method.bounds(weeks, FIRST_ORIGIN)) for method in METHODS)
    return Trial(bounds, tuple(weeks[FIRST_ORIGIN:].tolist()))


def whole(bound: float) -> int:
    """Return a bound in whole sessions, upward, less a hair in which a float's last bit may differ."""
    return max(0, math.ceil(bound - 1e-6))


def backtest(tried: Trial, monday: date, tops: Sessions, horizon_days: int) -> Backtest:
    """Return the record of a trial, and that of the extreme quantile, which is compared with the horizon after each origin.

    `monday` is that of the first week of history, and `tops` are the maxima of all its days.
    """
    origins = len(tried.came)
    scores = tried.scores(origins)
    held = _extremes(monday, tops, horizon_days)
    return Backtest(
        weeks=FIRST_ORIGIN + origins,
        first_origin=monday + timedelta(weeks=FIRST_ORIGIN),
        origins=origins,
        candidates=tuple(
            Candidate(
                name=method.name,
                score=round(score, 3),
                held=sum(came <= bound for bound, came in zip(bounds, tried.came, strict=False)),
                bound=whole(bounds[-1]),
            )
            for method, bounds, score in zip(METHODS, tried.bounds, scores, strict=True)
        ),
        chosen=METHODS[tried.chosen(origins)].name,
        held=sum(came <= tried.peak(origin) for origin, came in enumerate(tried.came)),
        extreme_origins=len(held),
        extreme_held=sum(held),
    )


def _extremes(monday: date, tops: Sessions, horizon_days: int) -> list[bool]:
    days = tuple(monday + timedelta(days=day) for day in range(len(tops)))
    held = []
    for origin in range(7 * FIRST_ORIGIN, len(tops) - horizon_days + 1, 7):
        known = slice(max(0, origin - 7 * WINDOW), origin)
        said = extreme(days[known], tops[known], days[0] + timedelta(days=origin), horizon_days)
        if said is not None:
            held.append(int(np.max(tops[origin : origin + horizon_days])) <= said.q95)
    return held
