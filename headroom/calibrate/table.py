"""Measured usage from a CSV file: a row for each pod and instant."""

# Names reach SQL through quoted() only.
# ruff: noqa: S608

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np

from headroom.calibrate.usage import PodUsage, Starts, Usage, VerticalUsage, groups
from headroom.forecast.tables import Table, open_table, quoted
from headroom.located import BadInput, Problem

_NEEDED = ("time", "vertical", "pod", "sessions")
_OPTIONAL = ("mean_sessions", "memory_bytes", "cpu_cores", "descriptors", "tokens_per_minute", "startup_seconds")
_NUMBERS = ("sessions", *_OPTIONAL)


def read_usage(path: Path, verticals: Collection[str]) -> Usage:
    """Return the usage in a CSV file, of some verticals; rows of others are left out.

    Raises BadInput with the columns and the first values that cannot be read, forecast.errors.BadHistory where the file is no
    such table.
    """
    with open_table(path, _NEEDED, _OPTIONAL) as table:
        _refuse_unreadable(table, str(path))
        numbers = ", ".join(_number(name) if name in table.types else f"'NaN'::DOUBLE AS {name}" for name in _NUMBERS)
        query = f"SELECT vertical, pod, epoch(time::TIMESTAMPTZ) AS time, {numbers} FROM rows ORDER BY vertical, pod, time"
        columns = table.connection.execute(query).fetchnumpy()
    found = {name: _vertical(columns, columns["vertical"] == name) for name in sorted(set(columns["vertical"]) & set(verticals))}
    if not found:
        message = f"holds no row of a live vertical; there are: {', '.join(sorted(verticals))}"
        raise BadInput([Problem(str(path), None, "vertical", message)])
    return Usage(path.name, found)


def _number(name: str) -> str:
    return f"coalesce(TRY_CAST({quoted(name)} AS DOUBLE), 'NaN'::DOUBLE) AS {name}"


def _refuse_unreadable(table: Table, shown: str) -> None:
    problems = []
    if table.unreadable_rows:
        problems.append(Problem(shown, None, "", f"{table.unreadable_rows} rows have too many or too few fields"))
    wrong = {name: f"coalesce(TRY_CAST({quoted(name)} AS DOUBLE), -1) NOT BETWEEN 0 AND 1e18" for name in _NUMBERS}
    expected = dict.fromkeys(_NUMBERS, "no number of 0 or more")
    wrong["time"] = r"NOT regexp_matches(time, '(Z|[+-]\d\d(:?\d\d)?)$') OR TRY_CAST(time AS TIMESTAMPTZ) IS NULL"
    expected["time"] = "no time with its zone such as 2026-11-02T09:00:00Z"
    for name in (*_NEEDED, *_OPTIONAL):
        if name not in table.types:
            continue
        empty = f"coalesce({quoted(name)}, '') = ''"
        if name in _NEEDED:
            condition = f"{empty} OR {wrong[name]}" if name in wrong else empty
        else:
            condition = f"NOT ({empty}) AND ({wrong[name]})"
        count, first = _row(table, f"SELECT count(*), min({quoted(name)}) FROM rows WHERE {condition}")
        if count:
            text = f"{count} cells hold {expected.get(name, 'nothing')}" + (f", such as {first!r}" if first else "")
            problems.append(Problem(shown, None, name, text))
    if problems:
        raise BadInput(problems)


def _row(table: Table, query: str) -> tuple[int, str | None]:
    found = table.connection.execute(query).fetchone()
    return (0, None) if found is None else (int(found[0]), found[1])


def _vertical(columns: dict[str, Any], chosen: Any) -> VerticalUsage:
    value = {name: np.asarray(columns[name][chosen], dtype=float) for name in ("time", *_NUMBERS)}
    pod = groups(columns["pod"][chosen])
    mean = np.where(np.isnan(value["mean_sessions"]), value["sessions"], value["mean_sessions"])
    started = np.flatnonzero(~np.isnan(value["startup_seconds"]))
    _, first = np.unique(pod[started], return_index=True)  # a pod starts once, however often a row says so
    started = started[first]
    rows = PodUsage(
        pod,
        value["time"],
        value["sessions"],
        mean,
        value["memory_bytes"],
        value["cpu_cores"],
        value["descriptors"],
        value["tokens_per_minute"],
    )
    return VerticalUsage(rows, Starts(value["time"][started], value["startup_seconds"][started]))
