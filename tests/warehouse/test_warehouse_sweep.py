"""The concurrency query gives the reference's answer on every engine that is run, and compiles for the others."""

from pathlib import Path

import ibis
import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from headroom.forecast.concurrency import Minutes, count_minutes
from headroom.forecast.history import Millis
from headroom.forecast.warehouse import outline
from headroom.forecast.warehouse_sweep import busy_minutes, histogram

_FIRST_MS = 1_790_000_040_000
"""A whole minute within an hour: the sweep's hours are those of the time that is asked for."""
_COMPILED: tuple[str, ...] = (
    "athena",
    "bigquery",
    "clickhouse",
    "databricks",
    "datafusion",
    "exasol",
    "flink",
    "impala",
    "materialize",
)
_COMPILED += ("mssql", "mysql", "oracle", "postgres", "risingwave", "snowflake", "sqlite", "trino")

Calls = dict[str, tuple[Millis, Millis]]


def _reference(calls: Calls, minutes: int) -> dict[str, Minutes]:
    return {name: count_minutes(*spans, _FIRST_MS, _FIRST_MS + minutes * 60_000) for name, spans in calls.items()}


def _answers(engine: str, folder: Path, calls: Calls, minutes: int) -> tuple[dict[str, dict[int, int]], dict[str, Minutes]]:
    rows = pa.table(
        {
            "vertical": [name for name, (starts, _) in calls.items() for _ in starts],
            "start_ms": np.concatenate([starts for starts, _ in calls.values()]),
            "end_ms": np.concatenate([ends for _, ends in calls.values()]),
        }
    )
    last_ms = _FIRST_MS + minutes * 60_000
    parquet.write_table(rows, folder / "calls.parquet")
    connection = ibis.connect(engine)
    busy = busy_minutes(connection.read_parquet(folder / "calls.parquet"), _FIRST_MS, last_ms)
    counted = histogram(busy, _FIRST_MS, last_ms).to_pyarrow().to_pylist()
    found = busy.to_pyarrow().sort_by("minute").to_pylist()
    connection.disconnect()
    histograms: dict[str, dict[int, int]] = {name: {} for name in calls}
    for row in counted:
        histograms[row["vertical"]][row["sessions"]] = row["minutes"]
    outlined = {}
    for name in calls:
        mine = [row for row in found if row["vertical"] == name]
        minute = np.array([row["minute"] for row in mine], dtype=np.int64)
        figures = np.array([(row["level"], row["top"], row["after"]) for row in mine], dtype=np.int64).reshape(-1, 3)
        spans = outline(minute, figures, _FIRST_MS, last_ms)
        assert len(spans.starts_ms) <= len(calls[name][0])
        outlined[name] = count_minutes(spans.starts_ms, spans.ends_ms, _FIRST_MS, last_ms)
    return histograms, outlined


def _equal(engine: str, folder: Path, calls: Calls, minutes: int) -> None:
    histograms, outlined = _answers(engine, folder, calls, minutes)
    for name, wanted in _reference(calls, minutes).items():
        by_level = np.bincount(wanted.maxima)
        assert histograms[name] == {int(level): int(by_level[level]) for level in np.flatnonzero(by_level)}
        assert np.array_equal(outlined[name].levels, wanted.levels)
        assert np.array_equal(outlined[name].maxima, wanted.maxima)


def _spans(*spans: tuple[float, float]) -> tuple[Millis, Millis]:
    rows = np.array(spans, dtype=np.float64) * 60_000
    starts, ends = _FIRST_MS + rows.astype(np.int64).T
    return starts, ends


def test_ends_free_their_place_before_starts_on_the_same_instant(engine: str, tmp_path: Path) -> None:
    """Calls that follow each other are one session, also on a whole minute, on a whole hour, and on the time's ends."""
    handovers = _spans((-2, 1), (1, 1.5), (1.5, 2), (2, 60), (60, 61), (61, 61), (61.5, 120), (120, 121), (119, 125))
    _equal(engine, tmp_path, {"a": handovers, "b": _spans((0, 120)), "c": _spans((59, 60), (60, 60), (119.5, 120))}, 120)


def test_minutes_without_events_count_with_what_is_up(engine: str, tmp_path: Path) -> None:
    """A call over many hours, hours without any event, and a vertical with one short call a day are counted to the minute."""
    _equal(engine, tmp_path, {"long": _spans((5.5, 1500.25), (700, 701)), "sparse": _spans((30, 30.01), (1470, 1470.02))}, 1600)


def test_random_calls_have_the_references_concurrency(engine: str, tmp_path: Path) -> None:
    """Crowded instants, long calls, calls before and after the time: histogram, levels and maxima are the reference's."""
    rng = np.random.default_rng(20)
    calls = {}
    for name, count in (("busy", 4000), ("quiet", 60), ("one", 1)):
        starts = _FIRST_MS + 1000 * rng.integers(-900, 330 * 60, count)
        starts[0] = _FIRST_MS + 1000
        lengths = rng.integers(1, 40, count) * rng.choice([1000, 60_000, 600_000], count)
        calls[name] = (starts, starts + lengths)
    _equal(engine, tmp_path, calls, 300)


@pytest.mark.parametrize("dialect", _COMPILED)
def test_other_dialects_are_compiled_only(dialect: str) -> None:
    """The histogram is one SELECT in their SQL. None of them was run: this says nothing about their answers."""
    calls = ibis.table({"vertical": "string", "start_ms": "int64", "end_ms": "int64"}, name="calls")
    query = histogram(busy_minutes(calls, _FIRST_MS, _FIRST_MS + 3_600_000), _FIRST_MS, _FIRST_MS + 3_600_000)
    assert "OVER" in str(ibis.to_sql(query, dialect=dialect)).upper()
