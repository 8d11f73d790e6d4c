"""Calls that nobody made, for examples and tests."""

from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from capacity.lock import WEEKDAYS
from headroom.forecast.calls import Spans
from headroom.forecast.durations import lognormal_ms
from headroom.forecast.history import Coverage
from headroom.forecast.manifest import GeneratedSource
from headroom.forecast.zones import DAY_MS, MINUTE_MS, midnight_ms, to_local

_HOURS = 168
_THURSDAY_MS = 3 * DAY_MS
"""1970-01-01 was a Thursday."""


def generate(source: GeneratedSource, as_of: date) -> tuple[Spans, Coverage]:
    """Return the calls of a source's full weeks up to a day, and the days they cover.

    Arrivals are Poisson by the minute: the rate is sessions / mean duration (Little) times the profile at
    that minute, along straight lines between full hours, times the day's random factor of mean 1. The same
    source and day give the same calls.
    """
    end = as_of - timedelta(days=as_of.weekday())
    first = end - timedelta(weeks=source.weeks)
    rng = np.random.default_rng(source.seed)
    begin_ms = midnight_ms(first, source.zone)
    minutes = np.arange(begin_ms, midnight_ms(end, source.zone), MINUTE_MS, dtype=np.int64)
    shown = to_local(minutes + MINUTE_MS // 2, source.zone)
    hour_of_week = ((shown + _THURSDAY_MS) % (7 * DAY_MS)) / 3_600_000
    profile = np.interp(hour_of_week, np.arange(_HOURS + 1), _weekly_profile(source))
    factors = _day_factors(rng, source.weeks * 7, source.day_cv)
    day = np.clip(shown // DAY_MS - (first - date(1970, 1, 1)).days, 0, len(factors) - 1)
    per_minute = source.sessions / source.duration.mean * 60 * profile * factors[day]
    begins = np.repeat(minutes, rng.poisson(per_minute))
    starts = np.sort(begins + rng.integers(0, MINUTE_MS, len(begins), dtype=np.int64))
    lengths = lognormal_ms(rng, len(starts), source.duration.mean, source.duration.cv)
    return Spans(starts, starts + lengths), Coverage(first, end)


def _weekly_profile(source: GeneratedSource) -> NDArray[np.float64]:
    week = [hour * source.days.get(day, 0.0) for day in WEEKDAYS for hour in source.hours]
    for surge in source.surges:
        for hour in range(surge.first, surge.last + 1):
            week[WEEKDAYS.index(surge.day) * 24 + hour] *= surge.factor
    return np.array([*week, week[0]])


def _day_factors(rng: np.random.Generator, count: int, cv: float) -> NDArray[np.float64]:
    variance = np.log1p(cv * cv)
    factors: NDArray[np.float64] = np.exp(np.sqrt(variance) * rng.standard_normal(count) - variance / 2)
    return factors
