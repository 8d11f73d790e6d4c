"""How the calls of a vertical arrive and how long they hold, with intervals."""

from dataclasses import dataclass
from datetime import date

import numpy as np

from capacity.lock import Demand, Estimate
from headroom.forecast.history import Millis, VerticalHistory
from headroom.forecast.resample import DRAWS, Draws, draw_blocks, estimate, ratio
from headroom.forecast.spread import OpenDays, day_variance, open_days, overdispersion
from headroom.forecast.starts import Arrivals, busy_hour, count_starts, start_rate
from headroom.forecast.survival import Flags, holding_shares
from headroom.forecast.weekly import FullWeeks

LEAST_WEEKS = 4
"""Fewer weeks, drawn again, are too often one and the same week."""


@dataclass(frozen=True)
class Calls:
    """The calls that began in the weeks."""

    starts_ms: Millis
    lengths_ms: Millis
    """Of one that has not ended: how long it had lasted when it was last seen."""
    ended: Flags


def demand(history: VerticalHistory, weeks: FullWeeks, from_day: date, horizon_days: int) -> Demand | None:
    """Return the demand statistics of some full weeks; None with fewer than four of them, no call that ended, or outlines alone.

    Intervals hold 95% of a thousand draws of whole days, each among those of its weekday, with a fixed seed.
    """
    if history.outlined or len(weeks.mondays) < LEAST_WEEKS:
        return None
    arrivals = count_starts(history.starts_ms, weeks)
    begun = (history.starts_ms >= arrivals.marks[0]) & (history.starts_ms < arrivals.marks[-1])
    ended = np.ones(len(history.starts_ms), dtype=np.bool_)
    ended[history.still_open] = False
    calls = Calls(history.starts_ms[begun], (history.ends_ms - history.starts_ms)[begun], ended[begun])
    if not calls.ended.any():
        return None
    days = open_days(arrivals)
    every_day = draw_blocks(np.arange(len(weeks.days), dtype=np.int64) % 7)
    draws = draw_blocks(days.weekday)
    return Demand(
        days=len(days.place),
        starts_per_second=start_rate(arrivals, every_day, from_day, horizon_days),
        holding_seconds=_holding(calls, arrivals, days, draws),
        holding_limit_seconds=int(calls.lengths_ms[calls.ended].max()) / 1000,
        overdispersion=estimate(*ratio(*overdispersion(days), draws)),
        day_cv=_day_cv(days, draws),
        busy_hour=busy_hour(arrivals),
        method=f"{len(weeks.mondays)} full weeks; intervals: 95% of {DRAWS} draws of whole days by weekday",
    )


def _holding(calls: Calls, arrivals: Arrivals, days: OpenDays, draws: Draws) -> Estimate:
    day = np.searchsorted(arrivals.marks, calls.starts_ms, "right") - 1
    shares = np.bincount(day, weights=holding_shares(calls.lengths_ms, calls.ended), minlength=len(arrivals.daily))
    return estimate(*ratio(shares[days.place] / 1000, days.daily.astype(np.float64), draws))


def _day_cv(days: OpenDays, draws: Draws) -> Estimate:
    above, below = day_variance(days)
    if not below.any():
        return Estimate(value=0.0, low=0.0, high=0.0)
    variance, drawn = ratio(above, below, draws)
    return estimate(max(0.0, variance) ** 0.5, np.sqrt(np.maximum(0.0, drawn)))
