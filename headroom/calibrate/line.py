"""Quantile lines: how a pod's usage grows with its sessions, and how sure that is."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from headroom.calibrate.usage import Codes, Floats

CONFIDENCE = 0.95
DRAWS = 400
_SEED = 20261102
_PRECISION, _PRECISION_OF_A_DRAW = 1e-7, 1e-4
_DOUBLINGS = _HALVINGS = 60


@dataclass(frozen=True)
class Line:
    """Usage = base + slope x sessions."""

    base: float
    slope: float


@dataclass(frozen=True)
class Interval:
    """A figure between two bounds."""

    low: float
    high: float


@dataclass(frozen=True)
class Points:
    """Sessions of a pod (x), and what it used with them (y)."""

    x: Floats
    y: Floats


def quantile_line(points: Points, weights: Floats, quantile: float, near: Interval | None = None) -> Line:
    """Return the line below which a weighted share of the points lies: linear quantile regression, one regressor.

    It minimises the check loss of Koenker and Bassett (Econometrica 46, 1978), exactly but for the precision of a bisection.
    For a fixed slope the best base is the quantile of y - slope x, and the loss is convex in the slope: it is least where
    the points below the line have the mean x of all points. `near` is where the slope of a draw is sought first, less exactly.
    """
    x, y = points.x, points.y
    centred = x - np.average(x, weights=weights)
    share = quantile * float(weights.sum())

    def below(slope: float) -> tuple[float, float]:
        residuals = y - slope * x
        order = np.argsort(residuals)
        mass = np.cumsum(weights[order])
        last = min(int(np.searchsorted(mass, share)), len(order) - 1)
        whole = order[:last]
        part = share - (mass[last - 1] if last else 0.0)
        pull = float(weights[whole] @ centred[whole] + part * centred[order[last]])
        return pull, float(residuals[order[last]])

    low, high = _bracket(lambda slope: below(slope)[0], near or _least_squares(points, weights))
    precision = _PRECISION if near is None else _PRECISION_OF_A_DRAW
    for _ in range(_HALVINGS):  # a slope of zero has no relative precision
        if high - low <= precision * max(abs(low), abs(high)):
            break
        middle = (low + high) / 2
        if below(middle)[0] > 0:
            high = middle
        else:
            low = middle
    slope = (low + high) / 2
    return Line(below(slope)[1], slope)


def check_loss(points: Points, line: Line, quantile: float) -> float:
    """Return the mean check loss of a line: what its quantile regression makes least."""
    residuals = points.y - line.base - line.slope * points.x
    return float(np.mean(np.where(residuals >= 0, quantile * residuals, (quantile - 1) * residuals)))


def resampled(pods: Codes, days: Codes, draws: int = DRAWS) -> Iterator[Floats]:
    """Yield the weight of every point in each draw of a bootstrap over pods and days, always the same.

    A point counts as often as its pod was drawn times as often as its day was (the pigeonhole bootstrap: Owen, Annals of Applied
    Statistics 1, 2007): points of one pod share its state, points of one day its traffic, and neighbours in time share both. It
    errs on the wide side. With one pod, only days are drawn.
    """
    generator = np.random.default_rng(_SEED)
    for _ in range(draws):
        yield _drawn(generator, pods) * _drawn(generator, days)


def percentile_interval(values: Floats) -> Interval:
    """Return the middle 95% of bootstrap values."""
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(values, (tail, 1 - tail))
    return Interval(float(low), float(high))


def line_interval(points: Points, pods: Codes, days: Codes, quantile: float, line: Line) -> tuple[Interval, Interval]:
    """Return the 95% intervals of a fitted line's base and slope, by bootstrap over pods and days."""
    width = max(abs(line.slope) * 0.05, 1e-12)
    near = Interval(line.slope - width, line.slope + width)
    found = []
    for weights in resampled(pods, days):
        drawn = weights > 0
        if len(np.unique(points.x[drawn])) > 1:
            found.append(quantile_line(Points(points.x[drawn], points.y[drawn]), weights[drawn], quantile, near))
    bases, slopes = (np.array([getattr(each, name) for each in found]) for name in ("base", "slope"))
    return percentile_interval(bases), percentile_interval(slopes)


def _drawn(generator: np.random.Generator, codes: Codes) -> Floats:
    groups = int(codes.max()) + 1
    if groups == 1:
        return np.ones(len(codes))
    return generator.multinomial(groups, np.full(groups, 1 / groups)).astype(float)[codes]


def _least_squares(points: Points, weights: Floats) -> Interval:
    x, y = points.x, points.y
    centred = x - np.average(x, weights=weights)
    slope = float((weights * centred) @ y / ((weights * centred) @ centred))
    width = max(abs(slope) * 0.1, 1e-12)
    return Interval(slope - width, slope + width)


def _bracket(pull: Callable[[float], float], start: Interval) -> tuple[float, float]:
    low, high = start.low, start.high
    for _ in range(_DOUBLINGS):
        if pull(low) <= 0:
            break
        low, high = low - 2 * (high - low), low
    for _ in range(_DOUBLINGS):
        if pull(high) > 0:
            break
        low, high = high, high + 2 * (high - low)
    return low, high
