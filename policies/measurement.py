"""What a Deployment says was measured of its sessions, beside the costs that it claims."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from policies import documents
from policies.documents import WrongDocument
from policies.fleet import Live
from policies.stack import WrongField, optional_annotation

COSTS = {
    "session-memory-bytes": "bytes",
    "session-cpu-cores": "cores",
    "session-descriptors": "open files",
    "base-memory-bytes": "bytes",
    "base-cpu-cores": "cores",
    "base-descriptors": "open files",
}
"""The claims that a measurement can stand beside, by the names of their annotations, and their units."""


@dataclass(frozen=True)
class Interval:
    """Where a cost lies with 95% confidence."""

    low: float
    high: float


@dataclass(frozen=True)
class Measurement:
    """Intervals by the claim that they belong to, the last day that was measured, and by what."""

    day: date
    source: str
    intervals: Mapping[str, Interval]


def measurement_of(live: Live) -> Measurement | None:
    """Return the measurement that a Deployment carries, or None; one that cannot be read is `WrongField`."""
    place = optional_annotation(live.deployment, "session-measured")
    if place is None:
        return None
    try:
        document = documents.members(documents.parse(place.text()), "it", frozenset({"date", "source", "intervals"}))
        intervals = documents.members(document["intervals"], "intervals", frozenset(), frozenset(COSTS))
        return Measurement(
            day=documents.day(document["date"], "date"),
            source=documents.text(document["source"], "source"),
            intervals={name: _interval(value, f"intervals.{name}") for name, value in intervals.items()},
        )
    except WrongDocument as error:
        raise WrongField(live.deployment.name, place.path, "a measurement", why=str(error)) from None


def _interval(value: object, where: str) -> Interval:
    bounds = documents.members(value, where, frozenset({"low", "high"}))
    low = documents.number(bounds["low"], f"{where}.low", 0)
    return Interval(low, documents.number(bounds["high"], f"{where}.high", low))
