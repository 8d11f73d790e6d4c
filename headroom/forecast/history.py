"""What every reader of call history hands on: calls by vertical, and an account of the rows behind them."""

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from capacity.figures import Basis
from capacity.lock import DataSource

Millis = NDArray[np.int64]
"""Instants in milliseconds since 1970-01-01T00:00Z."""


@dataclass(frozen=True)
class Coverage:
    """The days for which a source holds every call: from `first` up to, but not including, `end`."""

    first: date
    end: date


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


@dataclass(frozen=True)
class History:
    """All that a forecast is made from."""

    verticals: dict[str, VerticalHistory]
    sources: tuple[DataSource, ...]
