"""Calls that stay where they are: an engine counts them, and only the concurrency of each minute comes here."""

import hashlib
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from headroom.forecast.calls import Spans
from headroom.forecast.errors import BadHistory
from headroom.forecast.history import Coverage, Millis
from headroom.forecast.manifest import WarehouseSource
from headroom.forecast.tables import nearest
from headroom.forecast.warehouse_connection import connected
from headroom.forecast.warehouse_sweep import busy_minutes
from headroom.forecast.zones import MINUTE_MS, local_day, midnight_ms

if TYPE_CHECKING:
    from ibis.backends import BaseBackend
    from ibis.expr.types import Column, Table
    from pyarrow import Table as ArrowTable

_NONE = ""
"""The fault of a row that has none."""
_NO_ZONE_BUT_UTC = ("pyspark", "databricks")
"""Ibis cannot tell their instants from times without a zone, and sets their session's zone to UTC."""


@dataclass(frozen=True)
class Outlines:
    """What a table of calls came to: rows = used calls + rejected rows."""

    name: str
    """Engine and table."""
    by_vertical: dict[str, Spans]
    """Spans, fewer than the calls, with the calls' concurrency in every minute."""
    covers: Coverage
    rows: int
    rejected: dict[str, int]
    open: int
    open_too_long: int
    digest: str
    """Of what the engine answered."""


@dataclass(frozen=True)
class _Usable:
    """The usable calls of one vertical, summed up."""

    calls: int
    open: int
    first_start: int
    last_start: int
    last_instant: int
    longest: int


def read_warehouse(
    source: WarehouseSource,
    *,
    folder: Path,
    where: str,
    as_of: date,
    week_zone: str,
    known_verticals: frozenset[str] = frozenset(),
    covers: Coverage | None = None,
) -> Outlines:
    """Return the concurrency of the calls in an engine's table, by the rules of `read_calls`.

    The engine is asked twice, once more where calls are open; its answers grow with minutes and verticals, not with calls.
    Columns: `start` and `end`, timestamps with time zone or whole milliseconds since 1970; `vertical`, unless the source
    gives it. A call without an end was open when the data ended. With `covers`, only rows that start on those days are
    read. Rows that are there twice are not looked for.

    Raises BadHistory if the engine or the table cannot be reached, a column is missing or of a wrong type, if no call is
    usable, or if none of them ended.
    """
    with connected(source.url, folder, where) as connection:
        name = f"{connection.name}: {source.table or source.parquet}"
        calls = _calls(_table(connection, source, folder, where), source, f"{where} ({name})", connection.name)
        if covers:
            calls = calls.filter(
                _at_or_after(calls.start, covers.first, week_zone), ~_at_or_after(calls.start, covers.end, week_zone)
            )
        calls = calls.select("vertical", start_ms=_milliseconds(calls.start), end_ms=_milliseconds(calls.end))
        judged = _judged(calls, midnight_ms(as_of + timedelta(days=1), week_zone), known_verticals)
        usable, rejected = _account(judged)
        _refuse_useless(usable, rejected, f"{where} ({name})")
        found = covers or _days(usable, week_zone)
        seen_ms = min(midnight_ms(found.end, week_zone), midnight_ms(as_of, week_zone)) if covers else 0
        # Up at its last instant, as a half-open span: one millisecond more.
        last_ms = max(seen_ms, *(one.last_instant for one in usable.values())) + 1
        good = judged.filter(judged.fault == _NONE)
        too_long = _open_too_long(good, usable, last_ms)
        first_ms, end_ms = midnight_ms(found.first, week_zone), midnight_ms(found.end, week_zone)
        answer = busy_minutes(good.mutate(end_ms=good.end_ms.fill_null(last_ms)), first_ms, end_ms).to_pyarrow()
    by_vertical, digest = _outlined(answer, sorted(usable), first_ms, end_ms)
    return Outlines(
        name,
        by_vertical,
        found,
        sum(one.calls for one in usable.values()) + sum(rejected.values()),
        rejected,
        sum(one.open for one in usable.values()),
        too_long,
        digest,
    )


def outline(minute: Millis, figures: Millis, first_ms: int, last_ms: int) -> Spans:
    """Return the fewest spans with the same level and the same maximum as the calls had in every minute.

    `minute` holds the places of minutes in which a call starts or ends, ascending; `figures` their `level`, `top` and `after`, a
    row a minute, as `busy_minutes` says. N is taken to its top amid the minute, and to `after` at its end. Spans end in the order
    in which they started, which N does not see.
    """
    times = (first_ms + MINUTE_MS * minute[:, None] + np.array([0, MINUTE_MS // 2, MINUTE_MS])).ravel()
    # Where the next minute has events too, its level says what is up at the instant that both share.
    last_word = np.diff(times, append=-1) != 0
    times, steps = times[last_word], np.diff(figures.ravel()[last_word], prepend=0)
    starts = np.repeat(times, np.maximum(steps, 0))
    ends = np.repeat(times, np.maximum(-steps, 0))
    return Spans(starts, np.append(ends, np.full(len(starts) - len(ends), last_ms, dtype=np.int64)))


def _table(connection: "BaseBackend", source: WarehouseSource, folder: Path, where: str) -> "Table":
    from ibis.common.exceptions import TableNotFound

    if source.parquet is not None:
        return connection.read_parquet(source.parquet if "://" in source.parquet else str(folder / source.parquet))
    *database, table = str(source.table).split(".")
    try:
        return connection.table(table, database=tuple(database) or None)
    except TableNotFound:
        raise BadHistory(where, f"{connection.name} has no table {source.table!r}", "Correct `table`.") from None


def _calls(table: "Table", source: WarehouseSource, where: str, engine: str) -> "Table":
    import ibis

    columns = source.columns
    for column in (columns.start, columns.end, *(() if source.vertical else (columns.vertical,))):
        if column not in table.columns:
            near = nearest(column, list(table.columns))
            remedy = "Correct `columns`" + (f": did you mean {near!r}?" if near else ".")
            raise BadHistory(where, f"has no column {column!r}; it has: {', '.join(table.columns)}", remedy)
    for column in (columns.start, columns.end):
        kind = table[column].type()
        if not (kind.is_integer() or (kind.is_timestamp() and (kind.timezone or engine in _NO_ZONE_BUT_UTC))):
            remedy = "Name a view that has it as a timestamp with time zone, or as whole milliseconds since 1970."
            raise BadHistory(where, f"column {column!r} is {kind}, which is no instant", remedy)
    vertical = ibis.literal(source.vertical) if source.vertical else table[columns.vertical].cast("string")
    return table.select(vertical=vertical, start=table[columns.start], end=table[columns.end])


def _milliseconds(column: "Column") -> "Column":
    if column.type().is_integer():
        return column.cast("int64")
    # Some engines give these seconds with a fraction, others without.
    seconds = column.epoch_seconds().cast("float64").floor()
    return (seconds * 1000 + column.millisecond()).cast("int64")


def _at_or_after(column: "Column", day: date, zone: str) -> "Column":
    import ibis

    # On the column as it is, so that an engine can leave out the parts of its table that lie elsewhere.
    instant = midnight_ms(day, zone)
    if column.type().is_integer():
        return column >= instant
    return column >= ibis.literal(datetime.fromtimestamp(instant / 1000, UTC), type=column.type())


def _judged(calls: "Table", latest_ms: int, known_verticals: frozenset[str]) -> "Table":
    import ibis

    unknown = calls.vertical.notin(sorted(known_verticals)) if known_verticals else ibis.literal(False)
    return calls.mutate(
        fault=ibis.cases(
            (calls.start_ms.isnull(), "missing_start"),
            (calls.vertical.isnull() | (calls.vertical == ""), "missing_vertical"),
            (unknown, "unknown_vertical"),
            (calls.end_ms < calls.start_ms, "end_before_start"),
            ((calls.start_ms >= latest_ms) | (calls.end_ms >= latest_ms), "in_future"),
            else_=_NONE,
        )
    )


def _account(judged: "Table") -> tuple[dict[str, _Usable], dict[str, int]]:
    import ibis

    # Unknown verticals may be many, and nobody asks how many calls each of them has.
    named = judged.mutate(vertical=(judged.fault == _NONE).ifelse(judged.vertical, ibis.literal("")))
    rows = named.group_by("fault", "vertical").agg(
        calls=named.count(),
        ended=named.end_ms.count(),
        first_start=named.start_ms.min(),
        last_start=named.start_ms.max(),
        last_end=named.end_ms.max(),
        longest=(named.end_ms - named.start_ms).max(),
    )
    usable, rejected = {}, {}
    for row in rows.to_pyarrow().to_pylist():
        if row["fault"] != _NONE:
            rejected[row["fault"]] = int(row["calls"])
            continue
        usable[row["vertical"]] = _Usable(
            calls=int(row["calls"]),
            open=int(row["calls"] - row["ended"]),
            first_start=int(row["first_start"]),
            last_start=int(row["last_start"]),
            last_instant=int(max(row["last_start"], row["last_end"] or 0)),
            longest=int(row["longest"] or 0),
        )
    return usable, dict(sorted(rejected.items()))


def _refuse_useless(usable: dict[str, _Usable], rejected: dict[str, int], where: str) -> None:
    if not usable:
        listed = ", ".join(f"{count} {kind}" for kind, count in rejected.items()) or "none was found"
        raise BadHistory(
            where, f"none of its {sum(rejected.values())} rows is a usable call ({listed})", "Correct the rows, or `covers`."
        )
    if all(one.open == one.calls for one in usable.values()):
        raise BadHistory(where, f"none of its {sum(one.calls for one in usable.values())} usable calls has ended", "Fill `end`.")


def _days(usable: dict[str, _Usable], zone: str) -> Coverage:
    first = min(one.first_start for one in usable.values())
    last = max(one.last_start for one in usable.values())
    return Coverage(local_day(first, zone), local_day(last, zone) + timedelta(days=1))


def _open_too_long(good: "Table", usable: dict[str, _Usable], last_ms: int) -> int:
    import ibis

    outlasting = [
        (good.vertical == name) & (good.start_ms < last_ms - one.longest) for name, one in sorted(usable.items()) if one.open
    ]
    if not outlasting:
        return 0
    return int(good.filter(good.end_ms.isnull(), ibis.or_(*outlasting)).count().to_pyarrow().as_py())


def _outlined(answer: "ArrowTable", verticals: list[str], first_ms: int, last_ms: int) -> tuple[dict[str, Spans], str]:
    # An engine answers in any order and may count in decimals; the digest must not tell.
    answer = answer.sort_by([("vertical", "ascending"), ("minute", "ascending")])
    names = answer["vertical"].to_pylist()
    figures = np.stack([answer[name].to_numpy().astype(np.int64) for name in ("minute", "level", "top", "after")], axis=1)
    by_vertical, sha = {}, hashlib.sha256()
    for name in verticals:
        part = figures[bisect_left(names, name) : bisect_right(names, name)]
        by_vertical[name] = outline(part[:, 0], part[:, 1:], first_ms, last_ms)
        sha.update(name.encode() + b"\n" + part.astype("<i8").tobytes())
    return by_vertical, f"sha256:{sha.hexdigest()}"
