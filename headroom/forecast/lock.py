"""From a history to the forecast lock."""

import json
import math
import os
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from capacity.lock import Backtest, Extreme, ForecastLock, Interval, VerticalForecast, WeekOfPeaks
from headroom.forecast.backtest import Trial, backtest, trial, whole
from headroom.forecast.calendars import holidays_ahead, with_holidays
from headroom.forecast.candidates import METHODS, horizon, next_week
from headroom.forecast.concurrency import count_minutes
from headroom.forecast.demand import demand
from headroom.forecast.errors import NotEnoughHistory
from headroom.forecast.extreme import extreme
from headroom.forecast.history import Coverage, History, VerticalHistory
from headroom.forecast.known_peaks import known_peaks
from headroom.forecast.lag import lag_growth
from headroom.forecast.load import load_history
from headroom.forecast.redraw import redrawn
from headroom.forecast.weekly import (
    WEEKS,
    FullWeeks,
    daily_maxima,
    last_full_weeks,
    mean_sessions,
    measured_burst,
    week_of_peaks,
    without_days,
)
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
    lag_of: Callable[[ForecastLock], float] = lambda _: 0.0,
    zone: str,
    known_verticals: frozenset[str],
    valid_days: int = 28,
    progress: Callable[[str], None],
) -> ForecastLock:
    """Return the sealed lock of an environment from a history file, by `load_history` and `forecast`.

    The scaling lag can depend on how many replicas the load asks for: where `lag_of` a lock is longer than the `lag_s` that it
    was made with, it is made again with that.
    """
    history = load_history(path, as_of=as_of, zone=zone, known_verticals=known_verticals, progress=progress)
    silent = sorted(known_verticals - history.verticals.keys())
    if silent:
        progress(f"{', '.join(silent)}: no history, so not in the lock")
    lock = forecast(environment, history, as_of=as_of, lag_s=lag_s, valid_days=valid_days)
    while (longer := lag_of(lock)) > lag_s:
        lag_s = longer
        lock = forecast(environment, history, as_of=as_of, lag_s=lag_s, valid_days=valid_days)
    return lock


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
    ordinary = without_days(recorded, history.holidays, history.zone)
    first_ms, end_ms = midnight_ms(weeks.mondays[0], history.zone), midnight_ms(weeks.end, history.zone)
    every_week = tuple(week_of_peaks(ordinary, monday, history.zone) for monday in known.mondays)
    weekly = every_week[-len(weeks.mondays) :]
    tops = daily_maxima(ordinary, known.days, history.zone)
    by_week = tops.reshape(-1, 7)
    tried = trial(next_week(np.array([week.p999 for week in every_week], dtype=np.int64), by_week))
    ahead = trial(horizon(by_week, valid_days))
    record = backtest(tried, ahead, known.mondays[0]) if tried and ahead else None
    peak, statistic = _peak(name, weekly, tried)
    found = extreme(weeks.days, tops[-len(weeks.days) :], data_end, valid_days)
    forecast = VerticalForecast(
        basis=history.basis,
        source=history.source,
        peak=peak,
        statistic=statistic,
        weekly=weekly,
        next_week=_interval(*tried.interval()) if tried else None,
        extreme=_tried_extreme(found, ahead, record) if found and ahead and record else found,
        measured_burst=measured_burst(ordinary, history.covers.end, history.zone),
        mean_sessions=mean_sessions(recorded, history.covers.end, history.zone),
        lag=lag_growth(recorded.between(first_ms, end_ms), peak, lag_s, history.basis, len(weekly)),
        known_peaks=known_peaks(ordinary.between(first_ms, end_ms), weeks),
        demand=demand(history, weeks, data_end, valid_days),
        backtest=record,
    )
    return with_holidays(forecast, holidays_ahead(history.holiday_rule, data_end, valid_days, name))


def _tried_extreme(found: Extreme, ahead: Trial, record: Backtest) -> Extreme:
    q95, (low, high) = ahead.bound(ahead.now), redrawn(ahead)
    most = METHODS[int(np.argmax(ahead.weights(ahead.now)))].name
    held = f"held {record.extreme_held} of {record.extreme_origins} past horizons, 95% aimed at"
    if not record.extreme_origins:
        held = "no past horizon to try it on"
    return found.model_copy(
        update={
            "q95": whole(q95),
            "interval": _interval(q95 * low, q95 * high),
            "method": f"mean of {len(METHODS)} candidates by their weights, most on {most}; {held}",
        }
    )


def _interval(low: float, high: float) -> Interval:
    return Interval(low=math.floor(low + 1e-6), high=whole(high))


def _peak(name: str, weekly: tuple[WeekOfPeaks, ...], tried: Trial | None) -> tuple[int, str]:
    last = weekly[-1].week + timedelta(days=6)
    span = f"the last {len(weekly)} full weeks, {weekly[0].week} to {last}"
    highest = max(week.p999 for week in weekly)
    if not highest and not any(week.maximum for week in weekly):
        raise NotEnoughHistory(name, f"it has no call in {span}", "Give newer history, or take the vertical out of it.")
    bound = whole(tried.bound(tried.now)) if tried else 0
    if tried and bound > highest:
        most = METHODS[int(np.argmax(tried.weights(tried.now)))].name
        return bound, (
            f"95% bound of the next week's 99.9% quantile of the minutes' maxima: mean of {len(METHODS)} candidates by their"
            f" weights, most on {most}; the highest in {span}, is {highest}"
        )
    if highest:
        return highest, f"highest weekly 99.9% quantile of the minutes' maxima in {span}"
    return 1, f"one session: calls are up in fewer than eleven minutes of each week of {span}, and that quantile is 0"
