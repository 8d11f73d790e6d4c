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
    basis: str
    """Of the peak: measured, declared or assumed."""
    mean_call_seconds: float | None
    """Mean length of a call as measured, or None."""
    busiest_second: float | None
    """Calls that start in a second at the peak, which one second in a thousand passes; None where nobody measured."""
    extreme_second: float
    """The 95% quantile of the highest second over the horizon; zero where the lock has none."""
    seen: int
    """The most sessions that the lock itself says were measured: last weeks, and the high end of the next. Zero where none."""
    backtest: "Backtest | None"


@dataclass(frozen=True)
class Backtest:
    """How often past forecasts held, of how many."""

    origins: int
    held: int
    extreme_origins: int
    extreme_held: int


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
        basis=documents.text(load["basis"], f"{where}.basis"),
        seen=_seen(load, where),
        backtest=_backtest(load.get("backtest"), f"{where}.backtest"),
        **_demand(load.get("demand"), f"{where}.demand"),
    )


def _seen(load: Mapping[str, Any], where: str) -> int:
    """Return the most that the lock measured: weekly quantiles, and what the next week stays below nine times in ten."""
    seen = [0]
    for index, week in enumerate(documents.items(load.get("weekly", []), f"{where}.weekly")):
        at = f"{where}.weekly[{index}]"
        seen.append(documents.integer(documents.mapping(week, at).get("p999"), f"{at}.p999", 0))
    if (interval := load.get("next_week")) is not None:
        high = documents.mapping(interval, f"{where}.next_week").get("high")
        seen.append(documents.integer(high, f"{where}.next_week.high", 0))
    return max(seen)


def _backtest(value: Any, where: str) -> Backtest | None:
    if value is None:
        return None
    found = documents.mapping(value, where)
    return Backtest(
        **{name: documents.integer(found.get(name, 0), f"{where}.{name}", 0) for name in Backtest.__dataclass_fields__}
    )


def _demand(value: Any, where: str) -> dict[str, Any]:
    if value is None:
        return {"mean_call_seconds": None, "busiest_second": None, "extreme_second": 0.0}
    demand = documents.mapping(value, where)
    starts = documents.mapping(demand.get("starts_per_second"), f"{where}.starts_per_second")
    length = _estimate(demand.get("holding_seconds"), f"{where}.holding_seconds")
    return {
        "mean_call_seconds": length or None,
        "busiest_second": _estimate(starts.get("p999"), f"{where}.starts_per_second.p999"),
        "extreme_second": _extreme(starts.get("extreme"), f"{where}.starts_per_second.extreme"),
    }


def _estimate(value: Any, where: str) -> float:
    return documents.number(documents.mapping(value, where).get("value"), f"{where}.value", 0)


def _extreme(value: Any, where: str) -> float:
    if value is None:
        return 0.0
    extreme = documents.members(value, where, frozenset({"q95", "days_fitted", "days_ahead", "method"}), frozenset({"interval"}))
    return documents.number(extreme["q95"], f"{where}.q95", 0)


def _known_peak(value: Any, where: str) -> KnownPeak:
    peak = documents.members(value, where, STRETCH_KEYS | {"sessions"})
    return KnownPeak(stretch(peak, where), documents.integer(peak["sessions"], f"{where}.sessions", 1))
