"""What was measured: usage of pods over time, and how long they took to start."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

DAY_S = 86400


@dataclass(frozen=True)
class PodUsage:
    """The pods of one vertical, a row for each pod and instant, sorted by pod and time; NaN is what was not measured."""

    pod: Codes
    """Numbers the pods from 0."""
    time: Floats
    """Seconds since 1970 UTC."""
    sessions: Floats
    """At the instant."""
    mean_sessions: Floats
    """Over the step that ends at the instant, as processor time and tokens are."""
    memory_bytes: Floats
    cpu_cores: Floats
    descriptors: Floats
    tokens_per_minute: Floats


@dataclass(frozen=True)
class Starts:
    """Pods that became ready: when it was seen, and how long after their creation they were."""

    time: Floats
    seconds: Floats


@dataclass(frozen=True)
class VerticalUsage:
    """What was measured of one vertical."""

    rows: PodUsage
    starts: Starts


@dataclass(frozen=True)
class Usage:
    """What was measured of an environment."""

    origin: str
    """Where it comes from, for the spec's `source`; names no credential."""
    verticals: Mapping[str, VerticalUsage]


def groups(values: NDArray[Any]) -> Codes:
    """Return a number from 0 for each distinct value."""
    return np.unique(values, return_inverse=True)[1].astype(np.int64)


def days(time: Floats) -> Codes:
    """Return a number from 0 for the UTC day of each instant; midnight ends a day, for a row is the end of its step."""
    return groups(np.ceil(time / DAY_S))
