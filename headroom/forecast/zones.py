"""Instants and the wall clocks of time zones."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from headroom.forecast.history import Millis

MINUTE_MS = 60_000
DAY_MS = 86_400_000
_QUARTER_MS = 900_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC).replace(tzinfo=None)


def midnight_ms(day: date, zone: str) -> int:
    """Return the instant at which a day begins in a zone, in milliseconds since 1970.

    >>> (midnight_ms(date(2026, 11, 2), "Europe/Paris") - midnight_ms(date(2026, 10, 25), "Europe/Paris")) // 3_600_000
    193
    """
    return round(datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).timestamp()) * 1000


def local_day(instant_ms: int, zone: str) -> date:
    """Return the date that a zone's clocks show at an instant."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=instant_ms)).astimezone(ZoneInfo(zone)).date()


def to_local(instants: Millis, zone: str) -> Millis:
    """Return what a zone's clocks show at some instants, in milliseconds since 1970 on those clocks."""
    clock = ZoneInfo(zone)
    return instants + _offsets(instants, lambda moment: moment.replace(tzinfo=UTC).astimezone(clock).utcoffset())


def from_local(shown: Millis, zone: str) -> Millis:
    """Return the instants at which a zone's clocks show some times; of a repeated hour, the first one."""
    clock = ZoneInfo(zone)
    return shown - _offsets(shown, lambda moment: moment.replace(tzinfo=clock).utcoffset())


def shift_weeks(instants: Millis, weeks: int, zone: str) -> Millis:
    """Return instants moved by whole weeks of a zone's clocks: nine stays nine in summer and winter."""
    return from_local(to_local(instants, zone) + weeks * 7 * DAY_MS, zone) if weeks else instants


def _offsets(times: Millis, offset_at: Callable[[datetime], timedelta | None]) -> Millis:
    # Clocks change on whole quarters of an hour, and a history has few of those: one look-up each.
    quarters, back = np.unique(times // _QUARTER_MS, return_inverse=True)
    offsets = [(offset_at(_EPOCH + timedelta(milliseconds=int(quarter) * _QUARTER_MS)) or timedelta()) for quarter in quarters]
    return np.array([round(offset.total_seconds() * 1000) for offset in offsets], dtype=np.int64)[back]
