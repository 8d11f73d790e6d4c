"""The forecast lock as the gate reads it: by its own few lines, apart from the planner's."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from headroom.blueprint import digest
from policies import documents
from policies.documents import WrongDocument
from policies.week import STRETCH_KEYS, Stretch, stretch

_VALID_DAYS = 28
"""How long a lock is valid that does not say it (a lock leaves out what it need not say)."""

_LONGEST_DAYS = 91
"""Growth is a figure for a quarter: no lock looks further."""
_DAY_SECONDS = 86_400


@dataclass(frozen=True)
class KnownPeak:
    """A stretch of the week that is known to be busy, and its sessions at the end of the data."""

    stretch: Stretch
    sessions: int


@dataclass(frozen=True)
class Load:
    """The load of one vertical."""

    peak: int
    """Concurrent sessions at the forecast peak, at the end of the data."""
    extreme: float
    """The 95% quantile of the maximum over the horizon; zero where the lock has none."""
    lag_seconds: float
    lag_ratio: float
    """Growth of a busy load within the lag."""
    quiet_sessions: int
    """Sessions reached within the lag from a quiet minute."""
    known_peaks: tuple[KnownPeak, ...]


@dataclass(frozen=True)
class Lock:
    """The load of every live vertical of an environment, and what the lock says of itself."""

    environment: str
    kind: str
    data_end: date
    valid_until: date
    verticals: Mapping[str, Load]
    claimed_digest: str
    actual_digest: str


def read_lock(source: str) -> Lock:
    """Return the lock of a JSON text; raise `WrongDocument` with the path to what is wrong.

    A digest that does not fit is no error here: `claims-match-lock` refuses it, and the other rules can still speak.
    """
    document = documents.members(
        documents.parse(source),
        "the lock",
        frozenset({"version", "environment", "kind", "data_end", "verticals", "digest"}),
        frozenset({"data_start", "valid_days", "sources"}),
    )
    if document["version"] != 1:
        raise WrongDocument("version is not 1, the only one that this gate reads")
    data_end = documents.day(document["data_end"], "data_end")
    valid_days = documents.integer(document.get("valid_days", _VALID_DAYS), "valid_days", 1, _LONGEST_DAYS)
    verticals = documents.mapping(document["verticals"], "verticals")
    return Lock(
        environment=documents.text(document["environment"], "environment"),
        kind=documents.text(document["kind"], "kind"),
        data_end=data_end,
        valid_until=data_end + timedelta(days=valid_days),
        verticals={name: _load(value, f"verticals.{name}") for name, value in verticals.items()},
        claimed_digest=documents.text(document["digest"], "digest"),
        actual_digest=digest({key: value for key, value in document.items() if key != "digest"}),
    )


def _load(value: Any, where: str) -> Load:
    load = documents.members(
        value,
        where,
        frozenset({"basis", "source", "peak", "statistic", "lag"}),
        frozenset(
            {"weekly", "next_week", "extreme", "measured_burst", "known_peaks", "holidays", "demand", "backtest", "mean_sessions"}
        ),
    )
    lag = documents.members(
        load["lag"], f"{where}.lag", frozenset({"seconds", "ratio", "quiet_sessions", "basis", "source"}), frozenset()
    )
    peaks = documents.items(load.get("known_peaks", []), f"{where}.known_peaks")
    return Load(
        peak=documents.integer(load["peak"], f"{where}.peak", 1),
        extreme=_extreme(load.get("extreme"), f"{where}.extreme"),
        lag_seconds=documents.number(lag["seconds"], f"{where}.lag.seconds", 0, _DAY_SECONDS),
        lag_ratio=documents.number(lag["ratio"], f"{where}.lag.ratio", 1),
        quiet_sessions=documents.integer(lag["quiet_sessions"], f"{where}.lag.quiet_sessions", 0),
        known_peaks=tuple(_known_peak(peak, f"{where}.known_peaks[{index}]") for index, peak in enumerate(peaks)),
    )


def _extreme(value: Any, where: str) -> float:
    if value is None:
        return 0.0
    extreme = documents.members(value, where, frozenset({"q95", "days_fitted", "days_ahead", "method"}), frozenset({"interval"}))
    return documents.number(extreme["q95"], f"{where}.q95", 0)


def _known_peak(value: Any, where: str) -> KnownPeak:
    peak = documents.members(value, where, STRETCH_KEYS | {"sessions"})
    return KnownPeak(stretch(peak, where), documents.integer(peak["sessions"], f"{where}.sessions", 1))
