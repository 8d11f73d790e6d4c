"""A lock made from a warehouse is the lock that the same calls in a file make, and its faults are said."""

import sys
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pytest

from capacity.lock import ForecastLock
from headroom.forecast.errors import BadHistory
from headroom.forecast.load import load_history
from headroom.forecast.lock import forecast
from headroom.located import BadInput

_AS_OF = date(2026, 11, 2)
_ZONE = "America/New_York"
_KNOWN = frozenset({"sales", "salon", "after-hours"})
_FIRST_MS = 1_787_544_000_000  # 2026-08-24 00:00 in New York: ten weeks, with the end of daylight saving


def _write_calls(file: Path, times: str = "timestamptz") -> None:
    """Write calls over ten weeks with every kind of fault and open calls, among them one whose end was lost."""
    rng = np.random.default_rng(4)
    starts = np.sort(_FIRST_MS + rng.integers(0, 70 * 86_400_000 + 3_600_000, 40_000))
    ends = starts + rng.integers(0, 600_000, len(starts))
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("made", {"starts": starts, "ends": ends, "place": np.arange(len(starts))})
        # In this order the faults are the first that fit, so both readers count each row once, and alike.
        connection.execute("""CREATE TABLE calls AS SELECT
            CASE WHEN place = 7 THEN NULL ELSE epoch_ms(starts)::timestamptz END AS "start",
            CASE WHEN place % 4000 = 11 OR place > 39990 THEN NULL
                 WHEN place % 5000 = 13 THEN epoch_ms(starts - 1)::timestamptz
                 WHEN place % 9000 = 17 THEN timestamptz '2027-01-01 00:00Z'
                 ELSE epoch_ms(ends)::timestamptz END AS "end",
            CASE WHEN place = 8 THEN NULL WHEN place = 9 THEN '' WHEN place % 7000 = 19 THEN 'ghosts'
                 WHEN place % 10 = 0 THEN 'salon' ELSE 'sales' END AS vertical FROM made""")
        if times == "milliseconds":
            connection.execute(
                'CREATE TABLE plain AS SELECT epoch_ms("start") AS "start", epoch_ms("end") AS "end", vertical FROM calls'
            )
        elif times == "naive":
            connection.execute('CREATE TABLE plain AS SELECT "start"::timestamp AS "start", "end", vertical FROM calls')
        else:
            connection.execute("ALTER TABLE calls RENAME TO plain")
        connection.execute(f"COPY plain TO '{file}' (FORMAT parquet)")


def _manifest(folder: Path, source: str) -> Path:
    path = folder / "history.yaml"
    path.write_text(f"sources: [{{{source}}}]\n", encoding="utf-8")
    return path


def _lock(path: Path) -> ForecastLock:
    history = load_history(path, as_of=_AS_OF, zone=_ZONE, known_verticals=_KNOWN)
    return forecast("test", history, as_of=_AS_OF, lag_s=180.0)


def _figures(lock: ForecastLock) -> dict[str, object]:
    """Return a lock but for what a warehouse does not say (how calls arrive and hold) and where the calls were."""
    content = lock.model_dump(exclude={"digest"})
    for vertical in content["verticals"].values():
        del vertical["demand"], vertical["source"]
    for source in content["sources"]:
        del source["name"], source["digest"]
    return content


@pytest.mark.parametrize("times", ["timestamptz", "milliseconds"])
@pytest.mark.parametrize("covers", ["", ", covers: {first: 2026-08-25, last: 2026-10-29}"])
def test_a_warehouse_gives_the_lock_of_the_same_calls_in_a_file(engine: str, tmp_path: Path, times: str, covers: str) -> None:
    """Peaks, weeks, extreme, growth, known peaks, backtest, dates and the account of rows are equal; demand is absent.

    The digest is that of the engine's answer, and the same on both.
    """
    _write_calls(tmp_path / "calls.parquet")
    _write_calls(tmp_path / "told.parquet", times)
    in_file = _lock(_manifest(tmp_path, f"kind: calls, path: calls.parquet{covers}"))
    told = _lock(_manifest(tmp_path, f"kind: warehouse, url: '{engine}', parquet: told.parquet{covers}"))
    expected, found = _figures(in_file), _figures(told)
    if covers:
        # A file's rows outside the covered days are counted, an engine's are not asked for.
        (source,) = in_file.sources
        inside = {kind: told.sources[0].rejected.get(kind, 0) for kind in source.rejected}
        assert source.used == told.sources[0].used
        assert inside["unknown_vertical"] <= source.rejected["unknown_vertical"]
        del expected["sources"], found["sources"]
    else:
        rejected = told.sources[0].rejected
        assert rejected.keys() == {"missing_start", "missing_vertical", "unknown_vertical", "end_before_start", "in_future"}
        assert told.sources[0].open > 9
        assert told.sources[0].assumed
    assert found == expected
    assert all(vertical.demand is None for vertical in told.verticals.values())
    assert told.sources[0].name == f"{engine.removesuffix('://')}: told.parquet"
    by_default = _lock(_manifest(tmp_path, f"kind: warehouse, parquet: told.parquet{covers}"))
    assert told.sources[0].digest == by_default.sources[0].digest


def test_a_table_in_a_file_is_read_under_its_schema_and_columns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A DuckDB file named by a variable, a schema, columns under other names, one vertical for all: read, and not written."""
    with duckdb.connect(str(tmp_path / "calls.duckdb")) as connection:
        connection.execute("CREATE SCHEMA raw")
        connection.execute("""CREATE TABLE raw.cdr AS SELECT day + INTERVAL 10 HOUR AS began, day + INTERVAL 11 HOUR AS over
            FROM range(TIMESTAMPTZ '2026-09-01 00:00Z', TIMESTAMPTZ '2026-11-01 00:00Z', INTERVAL 1 DAY) AS days(day)""")
    before = (tmp_path / "calls.duckdb").read_bytes()
    monkeypatch.setenv("CALLS_URL", "duckdb://calls.duckdb")
    source = (
        "kind: warehouse, url: '${CALLS_URL}', table: raw.cdr, columns: {start: began, end: over}, vertical: sales, zone: UTC"
    )
    lock = _lock(_manifest(tmp_path, f"{source}, source: the carrier"))
    assert lock.verticals["sales"].weekly[0].maximum == 1
    assert lock.verticals["sales"].source == "the carrier (duckdb: raw.cdr)"
    assert (tmp_path / "calls.duckdb").read_bytes() == before


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (
            "parquet: calls.parquet, columns: {start: began}",
            "has no column 'began'; it has: start, end, vertical. Correct `columns`.",
        ),
        ("parquet: calls.parquet, columns: {start: starts}", "Correct `columns`: did you mean 'start'?"),
        ("parquet: naive.parquet", "column 'start' is timestamp(6), which is no instant. Name a view"),
        ("parquet: none.parquet", "duckdb cannot answer: "),
        ("url: 'duckdb://none.duckdb', table: calls", "duckdb cannot answer: "),
        ("table: raw.calls", "duckdb has no table 'raw.calls'. Correct `table`."),
        ("url: 'nosuch://host', table: calls", "Ibis has no engine 'nosuch'."),
        (
            "url: 'trino://host/db', table: calls",
            "the driver of trino is not installed. Run: pip install 'ibis-framework[trino]'.",
        ),
        ("url: 'postgres://me:secret@host/db', table: calls", "`url` holds a password. Write ${NAME} there"),
        ("url: 'postgres://me:${NO_SUCH}@host/db', table: calls", "the environment variable NO_SUCH, which is not set"),
        ("parquet: calls.parquet, vertical: salon, covers: {first: 2020-01-01, last: 2020-02-01}", "none was found"),
    ],
)
def test_what_is_wrong_is_said_with_its_place_and_cure(tmp_path: Path, source: str, said: str) -> None:
    """Every fault names the manifest and the source in it; none makes a file or shows a password."""
    _write_calls(tmp_path / "calls.parquet")
    _write_calls(tmp_path / "naive.parquet", "naive")
    files = set(tmp_path.iterdir())
    path = _manifest(tmp_path, f"kind: warehouse, {source}")
    with pytest.raises(BadHistory) as caught:
        _lock(path)
    assert f"{path}: sources[0]" in str(caught.value)
    assert said in str(caught.value)
    assert "secret" not in str(caught.value)
    assert set(tmp_path.iterdir()) == files | {path}


def test_without_the_extra_the_cure_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Ibis is not installed, the message is the command that installs it."""
    monkeypatch.setitem(sys.modules, "ibis", None)
    with pytest.raises(BadHistory, match=r"is not installed\. Run: pip install 'headroom\[warehouse\]'\."):
        _lock(_manifest(tmp_path, "kind: warehouse, table: calls"))


def test_a_table_and_files_at_once_are_refused(tmp_path: Path) -> None:
    """A source names its calls once."""
    with pytest.raises(BadInput, match="give either table or parquet"):
        _lock(_manifest(tmp_path, "kind: warehouse, table: calls, parquet: calls.parquet"))


@pytest.mark.parametrize("url", ["${CALLS_URL}", "duckdb://${SECRET}/calls.duckdb"])
def test_a_variables_value_is_in_no_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Where an engine's error repeats its URL, the variable's name stands for the value, and for a password within it."""
    monkeypatch.setenv("SECRET", "hush/hush")
    monkeypatch.setenv("CALLS_URL", "duckdb://me:hush@host/calls.duckdb")
    with pytest.raises(BadHistory) as caught:
        _lock(_manifest(tmp_path, f"kind: warehouse, url: '{url}', table: calls"))
    assert "hush" not in str(caught.value)
    assert "${" in str(caught.value)
