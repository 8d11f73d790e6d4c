"""The organisation's floors: what no environment may go below, whatever its plan claims."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from policies import documents


@dataclass(frozen=True)
class SessionCost:
    """What one live session costs its pod."""

    memory_bytes: float
    cpu_cores: float
    descriptors: float


@dataclass(frozen=True)
class Floors:
    """Margins and costs that claims are held against: the stricter of claim and floor counts."""

    minimum_burst: float
    """Over the forecast peak."""
    minimum_growth_per_quarter: float
    """Load after 91 days as a multiple of the load at the lock's data end."""
    maximum_safe_utilisation: float
    """Share of a hard ceiling that may be planned with."""
    maximum_forecast_age_days: int
    """Days from the lock's data end."""
    minimum_tokens_per_session_minute: float
    minimum_session: SessionCost
    minimum_session_by_vertical: Mapping[str, SessionCost]
    """Whole costs of single verticals, instead of `minimum_session`."""
    maximum_measurement_age_days: int | None = None
    """Session costs must be measured, and not longer ago; None: they need not be."""

    def session(self, vertical: str) -> SessionCost:
        """Return the least that a session of a vertical can cost."""
        return self.minimum_session_by_vertical.get(vertical, self.minimum_session)


def read_floors(source: str) -> Floors:
    """Return the floors of a JSON text; raise `documents.WrongDocument` with the path to what is wrong."""
    document = documents.members(
        documents.parse(source),
        "the floors file",
        frozenset(
            {
                "minimum_burst",
                "minimum_growth_per_quarter",
                "maximum_safe_utilisation",
                "maximum_forecast_age_days",
                "minimum_tokens_per_session_minute",
                "minimum_session",
            }
        ),
        frozenset({"minimum_session_by_vertical", "maximum_measurement_age_days"}),
    )
    by_vertical = documents.mapping(document.get("minimum_session_by_vertical", {}), "minimum_session_by_vertical")
    return Floors(
        minimum_burst=documents.number(document["minimum_burst"], "minimum_burst", 1),
        minimum_growth_per_quarter=documents.number(document["minimum_growth_per_quarter"], "minimum_growth_per_quarter", 1),
        maximum_safe_utilisation=documents.number(document["maximum_safe_utilisation"], "maximum_safe_utilisation", 0.01, 1),
        maximum_forecast_age_days=documents.integer(document["maximum_forecast_age_days"], "maximum_forecast_age_days", 1),
        minimum_tokens_per_session_minute=documents.number(
            document["minimum_tokens_per_session_minute"], "minimum_tokens_per_session_minute", 0
        ),
        minimum_session=_session(document["minimum_session"], "minimum_session"),
        minimum_session_by_vertical={
            name: _session(value, f"minimum_session_by_vertical.{name}") for name, value in by_vertical.items()
        },
        maximum_measurement_age_days=(
            documents.integer(document["maximum_measurement_age_days"], "maximum_measurement_age_days", 1)
            if "maximum_measurement_age_days" in document
            else None
        ),
    )


def _session(value: Any, where: str) -> SessionCost:
    cost = documents.members(value, where, frozenset({"memory_bytes", "cpu_cores", "descriptors"}))
    return SessionCost(
        memory_bytes=documents.number(cost["memory_bytes"], f"{where}.memory_bytes", 1),
        cpu_cores=documents.number(cost["cpu_cores"], f"{where}.cpu_cores", 1e-6),
        descriptors=documents.number(cost["descriptors"], f"{where}.descriptors", 1),
    )
