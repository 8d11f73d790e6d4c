"""The organisation's floors: what no environment may go below, whatever its plan claims."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from policies import documents

HEALTH_DATA_STAYS = ("us",)
"""Where the edge keeps calls with health data, unless the organisation says otherwise of an environment."""


@dataclass(frozen=True)
class SessionCost:
    """What one live session costs its pod."""

    memory_bytes: float
    cpu_cores: float
    descriptors: float


@dataclass(frozen=True)
class Losses:
    """Machines that may be gone, and zones that they are spread over."""

    nodes: int
    zones: int


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
    maximum_limit_age_days: int | None = None
    """Limits of others' accounts that somebody saw must not have been seen longer ago; None: however long."""
    assumed_limits: bool = True
    """Whether a limit may be one that nobody saw."""
    longest_waiver_days: int | None = None
    """How long a waiver may last from the day of the judgement on."""
    longest_adoption_days: int | None = None
    """How long an adoption plan may last from the day of its record on."""
    maximum_first_token_seconds: float | None = None
    maximum_first_audio_seconds: float | None = None
    """What a latency budget may be at most; None: whatever it claims."""
    health_data_jurisdictions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By environment, where the edge may keep calls with health data; an empty list: anywhere. Others: `HEALTH_DATA_STAYS`."""
    minimum_losses: Mapping[str, "Losses"] = field(default_factory=dict)
    """What the machines of an environment must survive, by environment; what they claim counts where that is more."""

    def jurisdictions(self, environment: str) -> tuple[str, ...]:
        """Return where the edge of an environment may keep calls with health data; nothing where it may be anywhere."""
        return self.health_data_jurisdictions.get(environment, HEALTH_DATA_STAYS)

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
        frozenset({"minimum_session_by_vertical", *_OPTIONAL}),
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
        **{name: read(document[name], name) for name, read in _OPTIONAL.items() if name in document},
    )


def _days(value: Any, where: str) -> int:
    return documents.integer(value, where, 1)


def _seconds(value: Any, where: str) -> float:
    return documents.number(value, where, 0)


def _flag(value: Any, where: str) -> bool:
    if not isinstance(value, bool):
        raise documents.WrongDocument(f"{where} is not true or false")
    return value


def _jurisdictions(value: Any, where: str) -> dict[str, tuple[str, ...]]:
    found = {}
    for name, given in documents.mapping(value, where).items():
        listed = documents.items(given, f"{where}.{name}")
        found[name] = tuple(documents.text(one, f"{where}.{name}[{index}]") for index, one in enumerate(listed))
    return found


def _losses(value: Any, where: str) -> dict[str, Losses]:
    found = {}
    for name, given in documents.mapping(value, where).items():
        least = documents.members(given, f"{where}.{name}", frozenset({"nodes", "zones"}))
        nodes = documents.integer(least["nodes"], f"{where}.{name}.nodes", 0)
        found[name] = Losses(nodes, documents.integer(least["zones"], f"{where}.{name}.zones", 1))
    return found


def _session(value: Any, where: str) -> SessionCost:
    cost = documents.members(value, where, frozenset({"memory_bytes", "cpu_cores", "descriptors"}))
    return SessionCost(
        memory_bytes=documents.number(cost["memory_bytes"], f"{where}.memory_bytes", 1),
        cpu_cores=documents.number(cost["cpu_cores"], f"{where}.cpu_cores", 1e-6),
        descriptors=documents.number(cost["descriptors"], f"{where}.descriptors", 1),
    )


_OPTIONAL: Mapping[str, Callable[[Any, str], Any]] = {
    "maximum_measurement_age_days": _days,
    "maximum_limit_age_days": _days,
    "assumed_limits": _flag,
    "longest_waiver_days": _days,
    "longest_adoption_days": _days,
    "maximum_first_token_seconds": _seconds,
    "maximum_first_audio_seconds": _seconds,
    "health_data_jurisdictions": _jurisdictions,
    "minimum_losses": _losses,
}
"""What a floors file may leave out, and how each is read."""
