"""Exact concurrency of 20M calls: ours, DuckDB, Polars."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.measure import best_of, peak_mib
from benchmarks.result import Result
from benchmarks.sweep_queries import Histogram, by_duckdb, by_polars, by_polars_in_slices
from headroom.forecast.concurrency import minute_maxima
from headroom.forecast.history import Millis
from headroom.forecast.zones import DAY_MS, MINUTE_MS

CALLS = 20_000_000
FIRST_MS = 20_671 * DAY_MS
LAST_MS = FIRST_MS + 13 * 7 * DAY_MS
TIMES_FASTER = 2.0
TIMES_INPUT = 2.0
_HOURS = (1, 1, 1, 1, 1, 2, 4, 8, 14, 18, 20, 20, 18, 18, 18, 17, 15, 10, 6, 4, 3, 2, 1, 1)
"""How the calls of a day spread over its hours."""


def run() -> Result:
    """Return the times of one histogram of 13 weeks, of arrays and tables that are in memory already.

    Raises AssertionError where two answers differ.
    """
    import duckdb
    import polars as pl

    starts, ends = drawn_calls()
    ours = best_of(5, lambda: _histogram(starts, ends))
    frame = pl.DataFrame({"starts": starts, "ends": ends})
    polars = best_of(3, lambda: by_polars(frame, FIRST_MS, LAST_MS))
    slices = best_of(3, lambda: by_polars_in_slices(frame, FIRST_MS, LAST_MS))
    with duckdb.connect() as connection:
        connection.register("frame", {"starts": starts, "ends": ends})
        connection.execute("create table calls as select * from frame")
        duck = best_of(2, lambda: by_duckdb(connection, FIRST_MS, LAST_MS))
    for rival in (polars, slices, duck):
        assert rival.answer == ours.answer, "the histograms differ"
    assert sum(ours.answer.values()) == (LAST_MS - FIRST_MS) // MINUTE_MS
    fastest = min(polars.seconds, slices.seconds, duck.seconds)
    input_mib = (starts.nbytes + ends.nbytes) / 2**20
    with TemporaryDirectory() as folder:
        np.save(Path(folder) / "starts.npy", starts)
        np.save(Path(folder) / "ends.npy", ends)
        peak = peak_mib(alone, folder)
    return Result(
        key="sweep",
        ours=ours.seconds,
        rival=fastest,
        rival_name="DuckDB" if fastest == duck.seconds else "Polars",
        unit="s",
        ratio=fastest / ours.seconds,
        target=f"{TIMES_FASTER:g}x the faster; peak at most {TIMES_INPUT:g}x the input",
        met=fastest / ours.seconds >= TIMES_FASTER and peak <= TIMES_INPUT * input_mib,
        peak_mib=peak,
        findings=(
            f"{CALLS:,} calls, same histogram of {len(ours.answer):,} levels up to {max(ours.answer):,}",
            (
                f"Polars in one sort {polars.seconds:.2f} s, in slices {slices.seconds:.2f} s; DuckDB {duck.seconds:.2f} s "
                "(best of 3, 3, 2; ours of 5, on one core; theirs on all)"
            ),
            f"peak with the input in it: {peak / input_mib:.2f}x the {input_mib:.0f} MiB of the input arrays",
        ),
    )


def alone(folder: str) -> None:
    """Compute the histogram of saved arrays, for its memory to be watched."""
    _histogram(np.load(Path(folder) / "starts.npy"), np.load(Path(folder) / "ends.npy"))


def _histogram(starts: Millis, ends: Millis) -> Histogram:
    minutes = np.bincount(minute_maxima(starts, ends, FIRST_MS, LAST_MS))
    return {int(level): int(minutes[level]) for level in np.flatnonzero(minutes)}


def drawn_calls() -> tuple[Millis, Millis]:
    """Return starts and ends of the calls: unsorted, in milliseconds, days alike and hours not."""
    generator = np.random.default_rng(1)
    day = generator.integers(0, (LAST_MS - FIRST_MS) // DAY_MS, CALLS)
    hour = generator.choice(24, CALLS, p=np.array(_HOURS) / sum(_HOURS))
    starts = FIRST_MS + day * DAY_MS + hour * 60 * MINUTE_MS + generator.integers(0, 60 * MINUTE_MS, CALLS)
    # Lognormal, 180 s on average, coefficient of variation 1.3.
    lengths = generator.lognormal(np.log(180_000) - 0.5, 1.0, CALLS).astype(np.int64)
    return starts, starts + lengths
