"""How far the load rises before a new pod can answer."""

import numpy as np

from capacity.figures import Basis
from capacity.lock import LagGrowth
from headroom.forecast.concurrency import Minutes, Sessions, rise_within
from headroom.forecast.quantiles import quantile, rank

_PER_MILLE = 999


def lag_growth(minutes: Minutes, peak: int, lag_s: float, basis: Basis, weeks: int) -> LagGrowth:
    """Return the growth within the scaling lag: as a ratio from busy minutes, in sessions from quiet ones.

    A minute is busy if at least a quarter of the peak is up at its first instant t. From there the ratio is
    the 99.9% quantile of max over u <= lag of N(t+u) / N(t), rounded up to three decimals; from the quiet
    ones it is that of max N(t+u) itself, since a ratio to almost nothing means nothing. Known peaks are not
    left out: a pre-scaled floor helps there, but is not counted on.
    """
    reached = rise_within(minutes, lag_s)
    from_level = minutes.levels[: len(reached)]
    busy = 4 * from_level >= max(peak, 1)
    return LagGrowth(
        seconds=lag_s,
        ratio=_ratio(reached[busy], from_level[busy]),
        quiet_sessions=quantile(reached[~busy], _PER_MILLE) if (~busy).any() else 0,
        basis=basis,
        source=f"99.9% quantile of the rise within {lag_s:g} s over the minutes of {weeks} weeks",
    )


def _ratio(reached: Sessions, level: Sessions) -> float:
    if not len(reached):
        return 1.0
    at = int(np.argsort(reached / level, kind="stable")[rank(len(reached), _PER_MILLE)])
    # In whole numbers: a float product would round a ratio of 1.2 up to 1.201.
    return max(1000, -(-int(reached[at]) * 1000 // int(level[at]))) / 1000
