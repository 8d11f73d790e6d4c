"""Calls from CSV and Parquet files, and what becomes of bad rows."""

from datetime import date, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pytest

from headroom.forecast.calls import Rows, read_calls
from headroom.forecast.errors import BadHistory
from headroom.forecast.history import Coverage

_AS_OF = date(2026, 11, 2)
_GOOD = "2026-10-05T10:00:00Z,2026-10-05T10:05:00Z,sales,a"


def _csv(folder: Path, *rows: str, header: str = "start,end,vertical,id") -> Path:
    path = folder / "calls.csv"
    path.write_text("\n".join((header, *rows)) + "\n", encoding="utf-8")
    return path


def _read(
    path: Path,
    *,
    naive_zone: str | None = None,
    known: frozenset[str] = frozenset(),
    covers: Coverage | None = None,
) -> Rows:
    return read_calls(path, as_of=_AS_OF, week_zone="UTC", naive_zone=naive_zone, known_verticals=known, covers=covers)


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        (",2026-10-05T10:05:00Z,sales,b", "missing_start"),
        ("yesterday,2026-10-05T10:05:00Z,sales,b", "unreadable_start"),
        ("2026-10-05,2026-10-05T10:05:00Z,sales,b", "unreadable_start"),
        ("2026-02-30T10:00:00Z,2026-10-05T10:05:00Z,sales,b", "unreadable_start"),
        ("1767261600,2026-10-05T10:05:00Z,sales,b", "unreadable_start"),
        ("2026-10-05T10:00:00,2026-10-05T10:05:00Z,sales,b", "missing_zone"),
        ("2026-10-05T10:00:00Z,2026-10-05T10:05:00,sales,b", "missing_zone"),
        ("2026-10-05T10:00:00Z,later,sales,b", "unreadable_end"),
        ("2026-10-05T10:00:00Z,2026-10-05T10:05:00Z,,b", "missing_vertical"),
        ("2026-10-05T10:00:00Z,2026-10-05T10:05:00Z,Sales,b", "unknown_vertical"),
        ("2026-10-05T10:05:00Z,2026-10-05T10:00:00Z,sales,b", "end_before_start"),
        ("2026-11-03T00:00:00Z,2026-11-03T00:05:00Z,sales,b", "in_future"),
        ("2026-11-02T23:59:00Z,2026-11-03T00:05:00Z,sales,b", "in_future"),
        ("2026-09-30T10:00:00Z,2026-09-30T10:05:00Z,sales,b", "outside_covered_days"),
        ("2026-10-05T11:00:00Z,2026-10-05T11:05:00Z,sales,a", "duplicate_id"),
        ("2026-10-05T10:00:00Z,2026-10-05T10:05:00Z,sales", "unreadable_row"),
        ("2026-10-05T10:00:00Z,2026-10-05T10:05:00Z,sales,b,c", "unreadable_row"),
    ],
)
def test_every_kind_of_bad_row_is_counted(tmp_path: Path, row: str, kind: str) -> None:
    """A bad row beside a good one is rejected under its own kind, and the good one is used."""
    rows = _read(
        _csv(tmp_path, _GOOD, row),
        known=frozenset({"sales"}),
        covers=Coverage(date(2026, 10, 1), date(2026, 11, 10)),
    )
    assert (rows.rows, rows.used, rows.rejected) == (2, 1, {kind: 1})
    assert len(rows.by_vertical["sales"].starts_ms) == 1


@pytest.mark.parametrize(
    ("duration", "kind"),
    [
        ("5m", "unreadable_duration"),
        ("nan", "unreadable_duration"),
        ("-1", "end_before_start"),
    ],
)
def test_every_kind_of_bad_duration_is_counted(tmp_path: Path, duration: str, kind: str) -> None:
    """Durations are seconds, finite and not negative."""
    path = _csv(
        tmp_path,
        "2026-10-05T10:00:00Z,90.5,sales",
        f"2026-10-05T10:00:00Z,{duration},sales",
        header="start,duration,vertical",
    )
    rows = _read(path)
    assert (rows.used, rows.rejected) == (1, {kind: 1})
    spans = rows.by_vertical["sales"]
    assert (spans.ends_ms - spans.starts_ms).tolist() == [90_500]


def test_rows_are_used_or_rejected_and_nothing_else(tmp_path: Path) -> None:
    """With several faults in several rows the totals add up, and each row counts once."""
    path = _csv(tmp_path, _GOOD, "x,y,,a", "2026-10-05T10:00:00,later,nobody,a", _GOOD, ",,,", "a,b")
    rows = _read(path, known=frozenset({"sales"}))
    assert rows.rejected == {
        "duplicate_id": 1,
        "missing_start": 1,
        "unknown_vertical": 1,
        "unreadable_row": 1,
        "unreadable_start": 1,
    }
    assert rows.rows == 6 == rows.used + sum(rows.rejected.values())


def test_of_rows_with_one_id_the_earliest_usable_one_counts(tmp_path: Path) -> None:
    """A rejected row makes no usable one a duplicate, one that ended comes before an open one; an empty id is none."""
    rows = _read(
        _csv(
            tmp_path,
            "2026-10-05T11:00:00Z,2026-10-05T11:05:00Z,sales,a",
            "2026-10-05T10:00:00Z,2026-10-05T10:05:00Z,sales,a",
            "2026-10-05T09:00:00Z,,sales,a",
            "2026-10-05T08:00:00Z,later,sales,a",
            "2026-10-05T12:00:00Z,2026-10-05T12:05:00Z,sales,",
            "2026-10-05T12:00:00Z,2026-10-05T12:05:00Z,sales,",
        )
    )
    assert rows.rejected == {"duplicate_id": 2, "unreadable_end": 1}
    assert rows.open == 0
    assert (rows.by_vertical["sales"].starts_ms // 3_600_000 % 24).tolist() == [10, 12, 12]


def test_an_offset_is_honoured_in_each_of_its_forms(tmp_path: Path) -> None:
    """Z, +05:30, -0500 and +02 of one instant are one instant; so is a blank for the T, and parts of a second."""
    rows = _read(
        _csv(
            tmp_path,
            "2026-10-05T10:00:00Z,2026-10-05T10:05:00Z,sales,1",
            "2026-10-05 15:30:00+05:30,2026-10-05T15:35:00+05:30,sales,2",
            "2026-10-05T05:00:00-0500,2026-10-05T05:05-05,sales,3",
            "2026-10-05T12:00:00.000+02,2026-10-05T10:05:00.000000Z,sales,4",
        )
    )
    assert rows.rejected == {}
    assert len(set(rows.by_vertical["sales"].starts_ms.tolist())) == 1
    assert len(set(rows.by_vertical["sales"].ends_ms.tolist())) == 1


def test_times_without_a_zone_are_read_in_the_sources_own(tmp_path: Path) -> None:
    """10:00 on New York's clocks is 14:00 UTC in summer; a time with an offset keeps it."""
    path = _csv(
        tmp_path,
        "2026-10-05T10:00:00,2026-10-05 10:05:00,sales,1",
        "2026-10-05T14:00:00Z,2026-10-05T10:05,sales,2",
    )
    rows = _read(path, naive_zone="America/New_York")
    assert rows.rejected == {}
    assert (rows.by_vertical["sales"].starts_ms // 3_600_000 % 24).tolist() == [14, 14]
    assert (rows.by_vertical["sales"].ends_ms // 60_000 % 60).tolist() == [5, 5]


def test_a_duration_serves_where_the_end_is_empty(tmp_path: Path) -> None:
    """An end that is there decides, also an unreadable one; a call with neither is open."""
    rows = _read(
        _csv(
            tmp_path,
            "2026-10-05T10:00:00Z,2026-10-05T10:05:00Z,60,sales",
            "2026-10-05T10:00:00Z,,60,sales",
            "2026-10-05T10:00:00Z,,,sales",
            "2026-10-05T10:00:00Z,,soon,sales",
            "2026-10-05T10:00:00Z,later,60,sales",
            header="start,end,duration,vertical",
        )
    )
    spans = rows.by_vertical["sales"]
    assert sorted((spans.ends_ms - spans.starts_ms).tolist()) == [60_000, 300_000, 300_001]
    assert (rows.used, rows.open) == (3, 1)
    assert rows.rejected == {"unreadable_duration": 1, "unreadable_end": 1}


@pytest.mark.parametrize("header", ["start,end,vertical", "start,duration,vertical"])
def test_a_call_without_an_end_is_open_until_the_files_last_instant(tmp_path: Path, header: str) -> None:
    """It is used and up from its start on, at the last instant too; the row that says so is not rejected."""
    end = "2026-10-05T10:05:00Z" if "end" in header else "300"
    path = _csv(
        tmp_path,
        f"2026-10-05T10:00:00Z,{end},sales",
        "2026-10-05T10:01:00Z,,sales",
        "2026-10-05T10:05:00Z,,salon",
        header=header,
    )
    rows = _read(path)
    assert (rows.rows, rows.used, rows.open, rows.rejected) == (3, 3, 2, {})
    sales, salon = rows.by_vertical["sales"], rows.by_vertical["salon"]
    assert (sales.ends_ms - sales.starts_ms).tolist() == [300_000, 240_001]
    assert sales.still_open.tolist() == [1]
    assert ((salon.ends_ms - salon.starts_ms).tolist(), salon.still_open.tolist()) == ([1], [0])


@pytest.mark.parametrize(
    ("last", "hours"), [(date(2026, 10, 6), 14 + 24), (date(2026, 11, 9), 14 + 27 * 24)], ids=["past", "after as_of"]
)
def test_days_that_are_covered_see_an_open_call_to_their_end(tmp_path: Path, last: date, hours: int) -> None:
    """A source that holds every call of more days has seen that the call went on, but not past the forecast's day."""
    path = _csv(tmp_path, "2026-10-05T09:00:00Z,2026-10-05T09:05:00Z,sales,a", "2026-10-05T10:00:00Z,,sales,b")
    rows = _read(path, covers=Coverage(date(2026, 10, 5), last + timedelta(days=1)))
    spans = rows.by_vertical["sales"]
    assert (spans.ends_ms - spans.starts_ms).tolist() == [300_000, hours * 3_600_000 + 1]
    assert rows.open_too_long == 1


def test_a_file_in_which_no_call_ended_is_refused(tmp_path: Path) -> None:
    """An export that lost its ends would have every call of its weeks up at once."""
    path = _csv(tmp_path, "2026-10-05T10:00:00Z,,sales,a", "2026-10-05T10:00:00Z,,sales,b")
    with pytest.raises(BadHistory) as error:
        _read(path)
    assert str(error.value) == (
        f"{path}: none of its 2 usable calls has ended. Fill `end` or `duration`; bare starts need a manifest (kind: starts)."
    )


def test_csv_and_parquet_of_the_same_calls_give_the_same_answer(tmp_path: Path) -> None:
    """Texts and timestamps with time zone are one history: same calls, same rejects, same days."""
    lines = [
        f"2026-10-{1 + place % 28:02}T{place % 24:02}:{place % 60:02}:07.250Z,"
        f"2026-10-{1 + place % 28:02}T{(place * 7) % 24:02}:59:59Z,{'sales' if place % 3 else 'salon'},{place % 90}"
        for place in range(300)
    ]
    path = _csv(tmp_path, *lines, "2026-10-05T10:00:00Z,,sales,x")
    for suffix, columns in (
        ("texts", "*"),
        ("times", 'start::TIMESTAMPTZ AS start, "end"::TIMESTAMPTZ AS "end", vertical, id'),
    ):
        other = tmp_path / f"{suffix}.parquet"
        duckdb.read_csv(path, all_varchar=True).project(columns).write_parquet(str(other))
        expected, found = _read(path), _read(other)
        assert (found.rows, found.rejected, found.covers) == (301, expected.rejected, expected.covers)
        assert found.by_vertical.keys() == expected.by_vertical.keys()
        for name, spans in expected.by_vertical.items():
            assert np.array_equal(found.by_vertical[name].starts_ms, spans.starts_ms)
            assert np.array_equal(found.by_vertical[name].ends_ms, spans.ends_ms)
            assert np.array_equal(found.by_vertical[name].still_open, spans.still_open)
        assert expected.used > 50
        assert {"duplicate_id", "end_before_start"} == expected.rejected.keys()
        assert expected.open == found.open == 1


def test_parquet_timestamps_without_a_zone_need_the_sources_own(tmp_path: Path) -> None:
    """They are rejected as texts without an offset are, and read in the source's zone where it has one."""
    path = tmp_path / "calls.parquet"
    duckdb.sql(
        f"COPY (SELECT TIMESTAMP '2026-10-05 10:00:00' AS start, 60::DECIMAL(9, 3) AS duration, 'sales' AS vertical) TO '{path}'"
    )
    rows = _read(path, naive_zone="America/New_York")
    assert (rows.by_vertical["sales"].starts_ms // 3_600_000 % 24).tolist() == [14]
    with pytest.raises(BadHistory) as error:
        _read(path)
    assert str(error.value) == (
        f"{path}: none of its 1 rows is a usable call (1 missing_zone)."
        " Write times with Z or an offset, or name the source's zone in a manifest."
    )


@pytest.mark.parametrize("kind", ["TIMESTAMP", "TIMESTAMPTZ", "TIMESTAMP_MS", "TIMESTAMP_NS"])
def test_parquet_timestamps_that_are_no_instants_are_counted(tmp_path: Path, kind: str) -> None:
    """An infinite or missing time is a bad row of its kind, whatever the column's precision."""
    path = tmp_path / "calls.parquet"
    times = ["2026-10-05 10:00:00", "infinity", None, "2026-10-05 11:00:00"]
    ends = ["2026-10-05 10:05:00", "2026-10-05 10:05:00", "2026-10-05 10:05:00", "-infinity"]
    with duckdb.connect() as connection:
        connection.execute(f'CREATE TABLE calls (start {kind}, "end" {kind}, vertical VARCHAR)')
        connection.executemany("INSERT INTO calls VALUES (?, ?, 'sales')", list(zip(times, ends, strict=True)))
        connection.table("calls").write_parquet(str(path))
    rows = _read(path, naive_zone="UTC")
    assert (rows.used, rows.rejected) == (1, {"missing_start": 1, "unreadable_end": 1, "unreadable_start": 1})


def test_a_path_is_a_path_and_no_pattern(tmp_path: Path) -> None:
    """Brackets and stars in a file's name are part of its name."""
    path = tmp_path / "calls [1]*'.csv"
    path.write_text(f"start,end,vertical,id\n{_GOOD}\n", encoding="utf-8")
    assert _read(path).used == 1


def test_other_columns_may_have_any_name(tmp_path: Path) -> None:
    """Empty names, and names that differ in case only, do no harm to the columns that are read."""
    path = _csv(tmp_path, f"{_GOOD},x,y,z", header="start,end,vertical,id,Start,,Start")
    assert _read(path).used == 1


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (
            "start,end,Vertical",
            "has no column 'vertical'; it has: start, end, Vertical. Rename 'Vertical' to 'vertical'.",
        ),
        (
            "call_start,end,vertical",
            "has no column 'start'; it has: call_start, end, vertical. Rename 'call_start' to 'start'.",
        ),
        ("start,end,team", "has no column 'vertical'; it has: start, end, team. Add the column 'vertical'."),
        (
            "start;end;vertical",
            "has no column 'start'; it has: start;end;vertical. Separate columns by commas.",
        ),
        (
            "start,stop,vertical",
            (
                "has neither a column 'end' nor 'duration'; it has: start, stop, vertical."
                " Add `end`, or `duration` in seconds; bare starts need a manifest (kind: starts)."
            ),
        ),
        ("start,start,end,vertical", "has the column 'start' more than once. Name each column once."),
        (
            "start,end,vertical",
            "none of its 0 rows is a usable call (it has no rows). Correct the rows, or name another file.",
        ),
    ],
)
def test_a_file_that_cannot_serve_says_what_it_has_and_what_to_do(tmp_path: Path, header: str, message: str) -> None:
    """The message names the file, the columns that are there, and the change that helps."""
    path = _csv(tmp_path, header=header)
    with pytest.raises(BadHistory) as error:
        _read(path)
    assert str(error.value) == f"{path}: {message}"


def test_a_column_of_numbers_is_no_time(tmp_path: Path) -> None:
    """Seconds since 1970 are refused, for they might be milliseconds."""
    path = tmp_path / "calls.parquet"
    duckdb.sql(f"COPY (SELECT 1767261600 AS start, 60 AS duration, 'sales' AS vertical) TO '{path}'")
    with pytest.raises(BadHistory) as error:
        _read(path)
    assert str(error.value) == (
        f"{path}: column 'start' is INTEGER, not a time. Write ISO 8601 text, or a timestamp with time zone."
    )


def test_a_file_that_is_not_there_or_not_what_it_claims_is_named(tmp_path: Path) -> None:
    """No traceback of the reader below reaches the user."""
    with pytest.raises(BadHistory) as error:
        _read(tmp_path / "none.csv")
    assert str(error.value) == (f"{tmp_path / 'none.csv'}: is not a file. Give a CSV (UTF-8, commas) or a Parquet file.")
    fake = tmp_path / "fake.parquet"
    fake.write_text("start,end\n", encoding="utf-8")
    with pytest.raises(BadHistory, match=r"fake\.parquet: cannot be read: "):
        _read(fake)
    latin = tmp_path / "latin.csv"
    latin.write_bytes(b"start,end,vertical,id\n" + "für\n".encode("latin-1"))
    with pytest.raises(BadHistory, match=r"latin\.csv: "):
        _read(latin)
