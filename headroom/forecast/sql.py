"""SQL expressions that read one cell of a call: its value, and what is wrong with it."""

from pathlib import Path

from headroom.forecast.errors import BadHistory
from headroom.forecast.tables import literal, quoted

_CLOCK = r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?"
_OFFSET = r"(Z|[+-]\d\d(:?\d\d)?)"
_NAIVE = ("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS")
_NUMBERS = (
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "UTINYINT",
    "USMALLINT",
    "UINTEGER",
    "UBIGINT",
    "FLOAT",
    "DOUBLE",
)
_LONGEST_S = 10**9
"""Beyond it a duration is no number of seconds, and would not fit once it is milliseconds."""


def instant(path: Path, column: str, kind: str, naive_zone: str | None) -> tuple[str, str]:
    """Return the expressions of a time in milliseconds since 1970 and of its fault; one of them is NULL.

    Raises BadHistory for a column of a type that is no time.
    """
    cell = quoted(column)
    missing, unreadable = literal(f"missing_{column}"), literal(f"unreadable_{column}")
    if kind == "TIMESTAMP WITH TIME ZONE" or kind in _NAIVE:
        fault = f"CASE WHEN {cell} IS NULL THEN {missing} WHEN NOT isfinite({cell}) THEN {unreadable}"
        if kind in _NAIVE and naive_zone is None:
            return "NULL::BIGINT", f"{fault} ELSE 'missing_zone' END"
        finite = f"CASE WHEN isfinite({cell}) THEN {cell} END"
        value = _naive(f"CAST({finite} AS TIMESTAMP)", naive_zone) if kind in _NAIVE and naive_zone else f"epoch_ms({finite})"
        return value, f"{fault} END"
    if kind != "VARCHAR":
        raise BadHistory(
            str(path),
            f"column {column!r} is {kind}, not a time",
            "Write ISO 8601 text, or a timestamp with time zone.",
        )
    has_offset = f"regexp_matches({cell}, {literal(_CLOCK + _OFFSET + '$')})"
    is_naive = f"regexp_matches({cell}, {literal(_CLOCK + '$')})"
    with_offset = f"CASE WHEN {has_offset} THEN epoch_ms(TRY_CAST({cell} AS TIMESTAMPTZ)) END"
    naive = f"CASE WHEN {is_naive} THEN TRY_CAST({cell} AS TIMESTAMP) END"
    value = with_offset if naive_zone is None else f"coalesce({with_offset}, {_naive(naive, naive_zone)})"
    fault = (
        f"CASE WHEN {cell} IS NULL OR {cell} = '' THEN {missing}"
        f" WHEN {value} IS NOT NULL THEN NULL"
        f" WHEN {naive} IS NOT NULL THEN 'missing_zone' ELSE {unreadable} END"
    )
    return value, fault


def duration(path: Path, kind: str) -> tuple[str, str]:
    """Return the expressions of `duration`, which holds seconds, in milliseconds and of its fault.

    Raises BadHistory for a column of a type that is no number.
    """
    if kind not in _NUMBERS and kind != "VARCHAR" and not kind.startswith("DECIMAL"):
        raise BadHistory(str(path), f"column 'duration' is {kind}, not a number", "Write the duration in seconds.")
    seconds = "TRY_CAST(duration AS DOUBLE)"
    readable = f"coalesce(isfinite({seconds}) AND abs({seconds}) < {_LONGEST_S}, false)"
    value = f"CASE WHEN {readable} THEN CAST(round({seconds} * 1000) AS BIGINT) END"
    fault = (
        "CASE WHEN duration IS NULL OR CAST(duration AS VARCHAR) = '' THEN 'missing_duration'"
        f" WHEN NOT {readable} THEN 'unreadable_duration' END"
    )
    return value, fault


def _naive(timestamp: str, zone: str) -> str:
    # Where clocks repeat an hour, this is the later of the two.
    return f"epoch_ms({timestamp} AT TIME ZONE {literal(zone)})"
