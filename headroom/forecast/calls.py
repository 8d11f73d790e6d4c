"""Calls from files: every row is either used or counted by what is wrong with it."""

# What a user names reaches SQL through quoted() and literal() only.
# ruff: noqa: S608

from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from headroom.forecast.errors import BadHistory
from headroom.forecast.history import Coverage, Millis, Places, no_places
from headroom.forecast.sql import duration, instant
from headroom.forecast.tables import Table, literal, open_table
from headroom.forecast.zones import local_day, midnight_ms


@dataclass(frozen=True)
class Spans:
    """The starts and ends of one vertical's calls, sorted by start; equal where only starts are known."""

    starts_ms: Millis
    ends_ms: Millis
    still_open: Places = field(default_factory=no_places)
    """Calls that had not ended when the data did; their end is when they were last seen."""


@dataclass(frozen=True)
class Rows:
    """What a file of calls came to: rows = used calls + rejected rows."""

    by_vertical: dict[str, Spans]
    covers: Coverage
    rows: int
    rejected: dict[str, int]

    @property
    def used(self) -> int:
        """The rows that became calls."""
        return self.rows - sum(self.rejected.values())

    @property
    def open(self) -> int:
        """The used rows whose call had not ended."""
        return sum(len(spans.still_open) for spans in self.by_vertical.values())

    @property
    def open_too_long(self) -> int:
        """The open calls that were last seen at a greater length than any call of their vertical ended with."""
        return sum(_too_long(spans) for spans in self.by_vertical.values())


def read_calls(
    path: Path,
    *,
    as_of: date,
    week_zone: str,
    naive_zone: str | None = None,
    vertical: str | None = None,
    known_verticals: frozenset[str] = frozenset(),
    covers: Coverage | None = None,
    only_starts: bool = False,
) -> Rows:
    """Return the calls of a CSV or Parquet file, and the rows that are none, by what is wrong with them.

    Columns, by their exact names: `start`; `end`, or `duration` in seconds (it also serves where an `end` is
    empty); `vertical`, unless the argument gives it; `id` if there is one, to find rows that are there twice.
    A call with neither was open when the data ended: it is up until then, which is the file's last instant, or,
    where `covers` says that the file holds every call up to a later one, that, but not past the start of `as_of`.
    Times are ISO 8601 with Z or an offset; one without is read in `naive_zone`, and rejected where that is
    None. Times later than the day `as_of` are rejected as future ones. With no known verticals given, any
    name is one.

    A rejected row counts once, under the first that fits of: unreadable_row, missing_start, unreadable_start,
    missing_vertical, unknown_vertical, missing_zone, unreadable_end, unreadable_duration, end_before_start,
    in_future, outside_covered_days, duplicate_id (of rows with one id, one that ended is used before an open one,
    and then that with the earliest start).

    Raises BadHistory if a column is missing or of a wrong type, if no row is usable, or if none of them ended.
    """
    needed = ("start",) if vertical else ("start", "vertical")
    with open_table(path, needed, ("id",) if only_starts else ("end", "duration", "id")) as table:
        if not only_starts and not {"end", "duration"} & table.types.keys():
            remedy = "Add `end`, or `duration` in seconds; bare starts need a manifest (kind: starts)."
            has = ", ".join(table.header)
            raise BadHistory(str(path), f"has neither a column 'end' nor 'duration'; it has: {has}", remedy)
        _parse(table, path, naive_zone, vertical)
        latest_ms = midnight_ms(as_of + timedelta(days=1), week_zone)
        outside = "false"
        if covers is not None:
            first_ms, end_ms = midnight_ms(covers.first, week_zone), midnight_ms(covers.end, week_zone)
            outside = f"start_ms < {first_ms} OR start_ms >= {end_ms}"
        unknown = f"vertical NOT IN ({', '.join(map(literal, sorted(known_verticals)))})" if known_verticals else "false"
        table.connection.execute(f"""
            CREATE TABLE judged AS SELECT vertical, id, start_ms, end_ms, CASE
                WHEN start_fault IN ('missing_start', 'unreadable_start') THEN start_fault
                WHEN vertical IS NULL OR vertical = '' THEN 'missing_vertical'
                WHEN {unknown} THEN 'unknown_vertical'
                WHEN start_fault IS NOT NULL THEN start_fault
                WHEN end_fault IS NOT NULL THEN end_fault
                WHEN end_ms < start_ms THEN 'end_before_start'
                WHEN start_ms >= {latest_ms} OR end_ms >= {latest_ms} THEN 'in_future'
                WHEN {outside} THEN 'outside_covered_days'
            END AS fault FROM parsed""")
        rejected = _rejects(table)
        seen_ms = min(midnight_ms(covers.end, week_zone), midnight_ms(as_of, week_zone)) if covers else 0
        by_vertical = _spans(table, seen_ms)
        rows = table.count()
    if not by_vertical:
        listed = ", ".join(f"{count} {kind}" for kind, count in rejected.items()) or "it has no rows"
        raise BadHistory(str(path), f"none of its {rows} rows is a usable call ({listed})", _cure(rejected))
    if not any(len(spans.starts_ms) > len(spans.still_open) for spans in by_vertical.values()):
        remedy = "Fill `end` or `duration`; bare starts need a manifest (kind: starts)."
        raise BadHistory(str(path), f"none of its {rows - sum(rejected.values())} usable calls has ended", remedy)
    found = covers or coverage_of(list(by_vertical.values()), week_zone)
    return Rows(by_vertical, found, rows, rejected)


def coverage_of(spans: list[Spans], zone: str) -> Coverage:
    """Return the days from that of the first start to that of the last: a day with a call is a whole one."""
    first = min(int(span.starts_ms[0]) for span in spans)
    last = max(int(span.starts_ms[-1]) for span in spans)
    return Coverage(local_day(first, zone), local_day(last, zone) + timedelta(days=1))


def _parse(table: Table, path: Path, naive_zone: str | None, vertical: str | None) -> None:
    types = table.types
    start_ms, start_fault = instant(path, "start", types["start"], naive_zone)
    none = ("NULL::BIGINT", "NULL::VARCHAR")
    end_ms, end_fault = instant(path, "end", types["end"], naive_zone) if "end" in types else none
    length_ms, length_fault = duration(path, types["duration"]) if "duration" in types else none
    if not {"end", "duration"} & types.keys():
        length_ms = "0::BIGINT"
    name = literal(vertical) if vertical else "CAST(vertical AS VARCHAR)"
    key = "nullif(CAST(id AS VARCHAR), '')" if "id" in types else "NULL::VARCHAR"
    table.connection.execute(
        f"CREATE TABLE cells AS SELECT {name} AS vertical, {key} AS id, {start_ms} AS start_ms,"
        f" {start_fault} AS start_fault, {end_ms} AS end_ms, {end_fault} AS end_fault,"
        f" {length_ms} AS length_ms, {length_fault} AS length_fault FROM rows"
    )
    by_length = "end_fault = 'missing_end'" if "end" in types else "true"
    # An end or a duration that is not there is no fault, but an open call: its end is NULL.
    table.connection.execute(
        "CREATE TABLE parsed AS SELECT vertical, id, start_ms, start_fault,"
        f" CASE WHEN {by_length} THEN start_ms + length_ms ELSE end_ms END AS end_ms,"
        f" CASE WHEN {by_length} THEN nullif(length_fault, 'missing_duration') ELSE end_fault END AS end_fault FROM cells"
    )


def _rejects(table: Table) -> dict[str, int]:
    # Last, so that a row which is unusable anyway does not make a usable one a duplicate.
    table.connection.execute("""
        CREATE TABLE final AS SELECT vertical, start_ms, end_ms, CASE
            WHEN fault IS NULL AND id IS NOT NULL AND row_number() OVER
                (PARTITION BY id, fault IS NULL ORDER BY end_ms IS NULL, start_ms, end_ms, vertical) > 1 THEN 'duplicate_id'
            ELSE fault END AS fault FROM judged""")
    found = table.connection.execute("SELECT fault, count(*) FROM final WHERE fault IS NOT NULL GROUP BY fault").fetchall()
    counts = {str(kind): int(count) for kind, count in found}
    if table.unreadable_rows:
        counts["unreadable_row"] = table.unreadable_rows
    return dict(sorted(counts.items()))


def _spans(table: Table, seen_ms: int) -> dict[str, Spans]:
    latest = "greatest(max(start_ms), max(end_ms), ?)"
    found = table.connection.execute(f"SELECT {latest} FROM final WHERE fault IS NULL", [seen_ms]).fetchone()
    # Up at its last instant, as a half-open span: one millisecond more.
    last_ms = (int(found[0]) if found and found[0] is not None else 0) + 1
    names = table.connection.execute("SELECT DISTINCT vertical FROM final WHERE fault IS NULL ORDER BY vertical").fetchall()
    spans = {}
    for (name,) in names:
        query = (
            "SELECT start_ms, coalesce(end_ms, ?) AS end_ms, end_ms IS NULL AS open FROM final"
            " WHERE fault IS NULL AND vertical = ? ORDER BY ALL"
        )
        columns = table.connection.execute(query, [last_ms, name]).fetchnumpy()
        starts, ends, still_open = (np.asarray(columns[key]).astype(np.int64) for key in ("start_ms", "end_ms", "open"))
        spans[str(name)] = Spans(starts, ends, np.flatnonzero(still_open))
    return spans


def _too_long(spans: Spans) -> int:
    lengths = spans.ends_ms - spans.starts_ms
    ended = np.delete(lengths, spans.still_open)
    return int((lengths[spans.still_open] > ended.max(initial=0)).sum())


def _cure(rejected: dict[str, int]) -> str:
    most = max(rejected, key=lambda kind: rejected[kind], default="")
    return {
        "missing_zone": "Write times with Z or an offset, or name the source's zone in a manifest.",
        "unknown_vertical": "Use the names of the spec's verticals.",
    }.get(most, "Correct the rows, or name another file.")
