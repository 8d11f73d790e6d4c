"""What the forecast would have said in past weeks, beside what came."""

import math
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from capacity.lock import Backtest, Candidate
from headroom.forecast.candidates import HIGHEST, METHODS, SHARE, Peaks, Target, bounds
from headroom.forecast.levels import WINDOW

FIRST_ORIGIN = 8
"""Weeks known at the first origin."""
_RATE = 0.05
"""How fast the better candidates gain weight."""

Figures = NDArray[np.float64]


@dataclass(frozen=True)
class Trial:
    """Every candidate's bound of what came after each origin, today's last."""

    target: Target
    bounds: Figures
    """By method, in the order of `METHODS`, and origin: the ninth week's on."""

    @property
    def came(self) -> NDArray[np.int64]:
        """What came after the origins, as far as it is known."""
        return self.target.came[FIRST_ORIGIN:]

    def weights(self, origin: int) -> Figures:
        """Return what each candidate counts for at an origin, by its losses known there.

        exp(-0.05 x sum of its losses / mean loss of all): the exponential weights of Vovk (Journal of Computer and System
        Sciences 56, 1998). All count alike at first; after thirteen weeks one that loses twice the mean counts for half of
        one at the mean. Taking the best so far instead is taking the luckiest: it held 93% where 95% was aimed at.
        """
        known = max(0, min(origin - self.target.weeks + 1, len(self.came)))
        losses = pinball(self.bounds[:, :known], self.came[:known])
        if not losses.any():
            return np.full(len(self.bounds), 1 / len(self.bounds))
        total = losses.sum(axis=1)
        weights = np.exp(-_RATE * (total - total.min()) / losses.mean())
        shares: Figures = weights / weights.sum()
        return shares

    def bound(self, origin: int) -> float:
        """Return the forecast made at an origin from what was known there: the candidates' weighted geometric mean."""
        return combined(self.bounds[:, origin], self.weights(origin))

    @property
    def now(self) -> int:
        """The origin after the last week."""
        return len(self.bounds[0]) - 1

    def interval(self) -> tuple[float, float]:
        """Return what nine of ten should lie between: today's bound, and that from below by the same candidates and weights."""
        lower = bounds(self.target, FIRST_ORIGIN + self.now, 1 - SHARE)[:, 0]
        high = self.bound(self.now)
        return min(combined(lower, self.weights(self.now)), high), high

    def said(self) -> Figures:
        """Return the bound of every origin after which it is known what came."""
        return np.array([self.bound(origin) for origin in range(len(self.came))])


def trial(target: Target) -> Trial | None:
    """Return what each candidate would have said of each week from the ninth on; None where there is no such week."""
    if len(target.base) <= FIRST_ORIGIN:
        return None
    return Trial(target, bounds(target, FIRST_ORIGIN))


def combined(found: Figures, weights: Figures) -> float:
    """Return the weighted geometric mean of some bounds."""
    return math.exp(float((weights * np.log(np.maximum(found, 1e-9))).sum()))


def pinball(bound: Figures, came: NDArray[np.int64]) -> Figures:
    """Return the losses of upper bounds, in sessions: the proper score of the 95% quantile."""
    losses: Figures = np.where(came > bound, SHARE * (came - bound), (1 - SHARE) * (bound - came))
    return losses


def floors(weeks: Peaks) -> NDArray[np.int64]:
    """Return the highest of the last thirteen weeks at each origin: no peak is below it."""
    origins = range(FIRST_ORIGIN, len(weeks) + 1)
    return np.array([weeks[max(0, origin - WINDOW) : origin].max() for origin in origins], dtype=np.int64)


def whole(bound: float) -> int:
    """Return a bound in whole sessions, upward, less a hair in which a float's last bit may differ."""
    return max(0, math.ceil(bound - 1e-6))


def backtest(peaks: Trial, ahead: Trial, monday: date) -> Backtest:
    """Return the record of the next week's peak, and of the highest over the horizon; `monday` is that of the first week."""
    came, said, weights = peaks.came, peaks.said(), peaks.weights(peaks.now)
    floor = floors(peaks.target.came)
    rows = [(HIGHEST, floor.astype(np.float64), 0.0)]
    rows += [(method.name, found, float(weight)) for method, found, weight in zip(METHODS, peaks.bounds, weights, strict=True)]
    ahead_said = ahead.said()
    return Backtest(
        weeks=FIRST_ORIGIN + len(came),
        first_origin=monday + timedelta(weeks=FIRST_ORIGIN),
        origins=len(came),
        candidates=tuple(
            Candidate(
                name=name,
                score=_score(found[:-1], came),
                held=_held(found[:-1], came),
                bound=whole(found[-1]),
                weight=round(weight, 3),
            )
            for name, found, weight in rows
        ),
        chosen=METHODS[int(np.argmax(weights))].name,
        bound_score=_score(said, came),
        bound_held=_held(said, came),
        held=_held(np.maximum(said, floor[:-1]), came),
        extreme_origins=len(ahead.came),
        extreme_score=_score(ahead_said, ahead.came),
        extreme_held=_held(ahead_said, ahead.came),
    )


def _score(said: Figures, came: NDArray[np.int64]) -> float:
    return round(float(pinball(said, came).mean()), 3) if len(came) else 0.0


def _held(said: Figures, came: NDArray[np.int64]) -> int:
    # A bound that is what came but for a float's last bit holds it.
    return int((came <= said + 1e-6).sum())
