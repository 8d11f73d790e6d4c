"""How far the extreme could be off: days drawn again, and everything fitted anew."""

import numpy as np

from headroom.forecast.backtest import FIRST_ORIGIN, Trial, combined
from headroom.forecast.candidates import bounds, horizon
from headroom.forecast.daily import Tops, follow

_DRAWS = 100
_SEED = 20031
"""Any fixed number: the same history must give the same bytes."""
_FIRST_WEEK = 2
"""A level is followed from here on; the days before keep what they had."""


def redrawn(ahead: Trial) -> tuple[float, float]:
    """Return how far nine tenths of the bounds that other days would have given lie around their median, as multiples of it.

    A day's own part, what it was over its weekday's profile and the level expected of its week, is drawn among those of its
    weekday; profile and level stay, so a load that moves keeps moving. Closed days stay closed, quiet weekdays as they were.
    The candidates keep their weights. Multiples, for drawn weeks are rougher than real ones and bounded higher.
    """
    target, origin = ahead.target, FIRST_ORIGIN + ahead.now
    weights = ahead.weights(ahead.now)
    rng = np.random.default_rng(_SEED)
    drawn = [
        combined(bounds(horizon(tops, target.days), origin)[:, 0], weights)
        for tops in (_other_days(target.tops, rng) for _ in range(_DRAWS))
    ]
    low, middle, high = np.quantile(drawn, (0.05, 0.5, 0.95), method="inverted_cdf")
    return float(low / middle), float(high / middle)


def _other_days(tops: Tops, rng: np.random.Generator) -> Tops:
    followed = follow(tops)
    if followed is None:
        return tops
    drawn = tops.copy()
    expected = followed.levels[_FIRST_WEEK:-1]
    for place, weekday in enumerate(followed.busy.tolist()):
        over = followed.over[_FIRST_WEEK:, place]
        opened = np.isfinite(over)
        own = (over - expected)[opened]
        other = followed.profile[place] + expected[opened] + rng.choice(own, len(own))
        drawn[_FIRST_WEEK:, weekday][opened] = np.maximum(1, np.rint(np.exp(other))).astype(np.int64)
    return drawn
