"""`make bench-warehouse`: one histogram of concurrency by the query for warehouses, on DuckDB and Spark, beside our own sweep.

Apart from `make bench`, for Spark lives in the environment of tests/warehouse.
"""

import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.measure import best_of
from benchmarks.sweep import CALLS, FIRST_MS, LAST_MS, drawn_calls
from headroom.forecast.concurrency import minute_maxima
from headroom.forecast.history import Millis
from headroom.forecast.warehouse_sweep import busy_minutes, histogram

Histogram = dict[int, int]

_SPARK = (
    "--master local[2] --driver-memory 6g --conf spark.driver.bindAddress=127.0.0.1 --conf spark.driver.host=127.0.0.1"
    " --conf spark.ui.enabled=false --conf spark.ui.showConsoleProgress=false --conf spark.log.level=ERROR"
    " --conf spark.sql.shuffle.partitions=8 pyspark-shell"
)


def main(sizes: Sequence[int]) -> None:
    """Print the seconds of one run each, from a file of calls to the histogram; NumPy's from arrays in memory."""
    os.environ["PYSPARK_SUBMIT_ARGS"] = _SPARK
    starts, ends = drawn_calls()
    print(f"{datetime.now(UTC).date()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} when it began\n")
    print(f"{'calls':>12}{'ours':>10}{'duckdb':>10}{'pyspark':>10}  seconds")
    for size in sizes:
        ours = best_of(1, partial(_ours, starts[:size], ends[:size]))
        with TemporaryDirectory() as folder:
            file = _write(Path(folder), starts[:size], ends[:size])
            engines = [best_of(1, partial(_by, engine, file)) for engine in ("duckdb://", "pyspark://")]
        for timed in engines:
            assert timed.answer == ours.answer, "the histograms differ"
        print(f"{size:>12,}" + "".join(f"{timed.seconds:>10.2f}" for timed in (ours, *engines)), flush=True)


def _ours(starts: Millis, ends: Millis) -> Histogram:
    minutes = np.bincount(minute_maxima(starts, ends, FIRST_MS, LAST_MS))
    return {int(level): int(minutes[level]) for level in np.flatnonzero(minutes)}


def _by(engine: str, file: Path) -> Histogram:
    import ibis

    connection = ibis.connect(engine)
    # Kept once by the engine, for the histogram reads them thrice.
    with busy_minutes(connection.read_parquet(file), FIRST_MS, LAST_MS).cache() as minutes:
        answer = histogram(minutes, FIRST_MS, LAST_MS).to_pyarrow()
    connection.disconnect()
    return dict(zip(answer["sessions"].to_pylist(), answer["minutes"].to_pylist(), strict=True))


def _write(folder: Path, starts: Millis, ends: Millis) -> Path:
    import duckdb

    file = folder / "calls.parquet"
    with duckdb.connect() as connection:
        connection.register("made", {"start_ms": starts, "end_ms": ends})
        connection.sql("SELECT 'all' AS vertical, * FROM made").write_parquet(str(file))
    return file


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or [CALLS // 10, CALLS])
