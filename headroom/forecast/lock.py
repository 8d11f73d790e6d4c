"""From a history to the forecast lock."""

import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from capacity.lock import ForecastLock, VerticalForecast, WeekOfPeaks
from headroom.forecast.backtest import Trial, backtest, trial, whole
from headroom.forecast.candidates import METHODS
from headroom.forecast.concurrency import count_minutes
from headroom.forecast.demand import demand
from headroom.forecast.errors import NotEnoughHistory
from headroom.forecast.extreme import extreme
from headroom.forecast.history import Coverage, History, VerticalHistory
from headroom.forecast.known_peaks import known_peaks
from headroom.forecast.lag import lag_growth
from headroom.forecast.load import load_history
from headroom.forecast.weekly import WEEKS, FullWeeks, daily_maxima, last_full_weeks, mean_sessions, measured_burst, week_of_peaks
from headroom.forecast.zones import midnight_ms

LEAST_WEEKS = 2
BACKTEST_WEEKS = 52
"""Older weeks say little about how well the next one is forecast."""


def forecast_from(
    path: Path,
    environment: str,
    *,
    as_of: date,
    lag_s: float,
    zone: str,
    known_verticals: frozenset[str],
    valid_days: int = 28,
    progress: Callable[[str], None],
) -> ForecastLock:
    """Return the sealed lock of an environment from a history file, by `load_history` and `forecast`."""
    history = load_history(path, as_of=as_of, zone=zone, known_verticals=known_verticals, progress=progress)
    silent = sorted(known_verticals - history.verticals.keys())
    if silent:
        progress(f"{', '.join(silent)}: no history, so not in the lock")
    return forecast(environment, history, as_of=as_of, lag_s=lag_s, valid_days=valid_days)


def forecast(environment: str, history: History, *, as_of: date, lag_s: float, valid_days: int = 28) -> ForecastLock:
    """Return the sealed lock of an environment: the load of each vertical with a history.

    `lag_s` is the scaling lag in seconds; history from the day `as_of` on is not used, for that day is not
    over. The lock's data end on the earliest day at whose start some vertical's history ends, for growth
    counts from there. It holds no creation time: the same history gives the same bytes. A lock is `measured`
    as a whole; what was assumed or generated in it is marked at its vertical and its source.

    Raises NotEnoughHistory for a vertical without two full weeks or without a call in them.
    """
    cut = {name: _until(vertical, as_of) for name, vertical in sorted(history.verticals.items())}
    data_end = min(vertical.covers.end for vertical in cut.values())
    verticals = {name: _forecast_vertical(name, vertical, data_end, lag_s, valid_days) for name, vertical in cut.items()}
    return ForecastLock(
        version=1,
        environment=environment,
        kind="measured",
        data_start=min(vertical.covers.first for vertical in cut.values()),
        data_end=data_end,
        valid_days=valid_days,
        sources=history.sources,
        verticals=verticals,
    ).sealed()


def lock_text(lock: ForecastLock) -> str:
    """Return a lock as its file holds it: sorted keys, two spaces, one newline at the end."""
    content = {**lock.without_digest(), "digest": lock.digest}
    return json.dumps(content, indent=2, sort_keys=True, allow_nan=False) + "\n"


def write_lock(lock: ForecastLock, path: Path) -> None:
    """Write a lock to its file: whole or not at all."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(lock_text(lock))
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink()
        raise


def _until(vertical: VerticalHistory, as_of: date) -> VerticalHistory:

    return replace(vertical, covers=Coverage(vertical.covers.first, min(vertical.covers.end, as_of)))


def _forecast_vertical(name: str, history: VerticalHistory, data_end: date, lag_s: float, valid_days: int) -> VerticalForecast:
    known = last_full_weeks(history.covers, history.zone, BACKTEST_WEEKS)
    weeks = FullWeeks(known.mondays[-WEEKS:], history.zone)
    if len(weeks.mondays) < LEAST_WEEKS:
        raise NotEnoughHistory(
            name,
            f"its history covers {history.covers.first} up to {history.covers.end},"
            f" with {len(weeks.mondays)} full weeks from Monday to Sunday in {history.zone}",
            f"A forecast needs {LEAST_WEEKS}; give more history, or declare the vertical's peak in the lock.",
        )
    known_ms = midnight_ms(known.mondays[0], history.zone)
    recorded = count_minutes(history.starts_ms, history.ends_ms, known_ms, midnight_ms(history.covers.end, history.zone))
    minutes = recorded.between(midnight_ms(weeks.mondays[0], history.zone), midnight_ms(weeks.end, history.zone))
    every_week = tuple(week_of_peaks(recorded, monday, history.zone) for monday in known.mondays)
    weekly = every_week[-len(weeks.mondays) :]
    tried = trial(np.array([week.p999 for week in every_week], dtype=np.int64))
    peak, statistic = _peak(name, weekly, tried)
    tops = daily_maxima(recorded, known.days, history.zone)
    return VerticalForecast(
        basis=history.basis,
        source=history.source,
        peak=peak,
        statistic=statistic,
        weekly=weekly,
        extreme=extreme(weeks.days, tops[-len(weeks.days) :], data_end, valid_days),
        measured_burst=measured_burst(recorded, history.covers.end, history.zone),
        mean_sessions=mean_sessions(recorded, history.covers.end, history.zone),
        lag=lag_growth(minutes, peak, lag_s, history.basis, len(weekly)),
        known_peaks=known_peaks(minutes, weeks),
        demand=demand(history, weeks, data_end, valid_days),
        backtest=backtest(tried, known.mondays[0], tops, valid_days) if tried else None,
    )


def _peak(name: str, weekly: tuple[WeekOfPeaks, ...], tried: Trial | None) -> tuple[int, str]:
    last = weekly[-1].week + timedelta(days=6)
    span = f"the last {len(weekly)} full weeks, {weekly[0].week} to {last}"
    highest = max(week.p999 for week in weekly)
    if not highest and not any(week.maximum for week in weekly):
        raise NotEnoughHistory(name, f"it has no call in {span}", "Give newer history, or take the vertical out of it.")
    origins = len(tried.came) if tried else 0
    bound = whole(tried.peak(origins)) if tried else 0
    if tried and bound > highest:
        chosen = METHODS[tried.chosen(origins)].name
        return bound, (
            f"bound of the next week's 99.9% quantile of the minutes' maxima by the best of {len(METHODS)} candidates"
            f" ({chosen}); the highest in {span}, is {highest}"
        )
    if highest:
        return highest, f"highest weekly 99.9% quantile of the minutes' maxima in {span}"
    return 1, f"one session: calls are up in fewer than eleven minutes of each week of {span}, and that quantile is 0"
