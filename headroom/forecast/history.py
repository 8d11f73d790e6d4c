"""What every reader of call history hands on: calls by vertical, and an account of the rows behind them."""

from dataclasses import dataclass, field
from datetime import date

import numpy as np
from numpy.typing import NDArray

from capacity.figures import Basis
from capacity.lock import DataSource

Millis = NDArray[np.int64]
"""Instants in milliseconds since 1970-01-01T00:00Z."""
Places = NDArray[np.int64]
"""Places in an array of calls."""


def no_places() -> Places:
    """Return no places."""
    return np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class Coverage:
    """The days for which a source holds every call: from `first` up to, but not including, `end`."""

    first: date
    end: date


@dataclass(frozen=True)
class HolidayRule:
    """Whose public holidays they are, and how busy one is assumed to be."""

    country: str
    subdivision: str | None
    multiplier: float
    """The load of a holiday as a multiple of that of the same weekday."""


@dataclass(frozen=True)
class VerticalHistory:
    """The calls of one vertical; the two arrays go together and are sorted by start."""

    zone: str
    """Its weeks begin on Monday, midnight in this zone."""
    covers: Coverage
    starts_ms: Millis
    ends_ms: Millis
    basis: Basis
    source: str
    still_open: Places = field(default_factory=no_places)
    """Calls that had not ended when the data did; their `ends_ms` is when they were last seen."""
    outlined: bool = False
    """They are no calls, but spans with the same concurrency in every minute: starts and lengths say nothing."""
    holidays: frozenset[date] = frozenset()
    """Its days that were holidays: no weekly figure is taken from them."""
    holiday_rule: HolidayRule | None = None


@dataclass(frozen=True)
class History:
    """All that a forecast is made from."""

    verticals: dict[str, VerticalHistory]
    sources: tuple[DataSource, ...]
