"""CSV and Parquet files as tables of DuckDB."""

# What a user names reaches SQL through quoted() and literal() only.
# ruff: noqa: S608

import csv
import difflib
import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from headroom.forecast.errors import BadHistory

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Table:
    """The table `rows` of a connection, made from one file."""

    connection: "DuckDBPyConnection"
    header: tuple[str, ...]
    """All columns of the file."""
    types: dict[str, str]
    """DuckDB's type of each column of the table; VARCHAR for all of a CSV."""
    unreadable_rows: int
    """Rows of a CSV with too many or too few fields, which are not in the table."""

    def count(self) -> int:
        """Return the rows of the file, the unreadable ones included."""
        found = self.connection.execute("SELECT count(*) FROM rows").fetchone()
        return self.unreadable_rows + (int(found[0]) if found else 0)


@contextmanager
def open_table(path: Path, needed: tuple[str, ...], optional: tuple[str, ...] = ()) -> Iterator[Table]:
    """Yield a file's columns of some names as a table; other columns are left where they are.

    Raises BadHistory if the file cannot be read or lacks a needed column; names must match exactly.
    """
    import duckdb

    if not path.is_file():
        raise BadHistory(str(path), "is not a file", "Give a CSV (UTF-8, commas) or a Parquet file.")
    # Nothing is fetched over the network, and clocks are not those of this machine.
    settings = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
    with duckdb.connect(config=dict(settings)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        try:
            if path.suffix == ".parquet":
                yield _read_parquet(connection, path, needed, optional)
            else:
                yield _read_csv(connection, path, needed, optional)
        except (duckdb.Error, OSError, UnicodeDecodeError) as error:
            reason = str(error).strip().splitlines()[0]
            raise BadHistory(str(path), f"cannot be read: {reason}", "Give a CSV (UTF-8, commas) or a Parquet file.") from None


def file_digest(path: Path) -> str:
    """Return ``sha256:`` and the hexadecimal SHA-256 of a file's bytes."""
    sha = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            sha.update(chunk)
    return f"sha256:{sha.hexdigest()}"


def quoted(name: str) -> str:
    """Return a column's name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


def _origin(path: Path) -> str:
    # DuckDB reads a path as a pattern.
    return literal(re.sub(r"([*?[])", r"[\1]", str(path)))


def _read_csv(connection: "DuckDBPyConnection", path: Path, needed: tuple[str, ...], optional: tuple[str, ...]) -> Table:
    with path.open(encoding="utf-8-sig", newline="") as file:
        header = next(csv.reader(file), [])
    chosen = _choose(path, header, needed, optional)
    # By place: DuckDB takes names that differ only in case for one. Every option is given, for its sniffer
    # would let the first rows decide what the others mean.
    columns = ", ".join(f"'c{place}': 'VARCHAR'" for place in range(len(header)))
    options = f"columns = {{{columns}}}, auto_detect = false, header = true, delim = ',', quote = '\"', escape = '\"'"
    picked = ", ".join(f"c{header.index(name)} AS {quoted(name)}" for name in chosen)
    connection.execute(
        f"CREATE TABLE rows AS SELECT {picked} FROM read_csv({_origin(path)}, {options},"
        " ignore_errors = true, store_rejects = true)"
    )
    rejected = connection.execute("SELECT count(DISTINCT line) FROM reject_errors").fetchone()
    return Table(connection, tuple(header), dict.fromkeys(chosen, "VARCHAR"), int(rejected[0]) if rejected else 0)


def _read_parquet(connection: "DuckDBPyConnection", path: Path, needed: tuple[str, ...], optional: tuple[str, ...]) -> Table:
    origin = f"read_parquet({_origin(path)})"
    types = {name: kind for name, kind, *_ in connection.execute(f"DESCRIBE SELECT * FROM {origin}").fetchall()}
    chosen = _choose(path, list(types), needed, optional)
    connection.execute(f"CREATE TABLE rows AS SELECT {', '.join(map(quoted, chosen))} FROM {origin}")
    return Table(connection, tuple(types), {name: types[name] for name in chosen}, 0)


def _choose(path: Path, found: list[str], needed: tuple[str, ...], optional: tuple[str, ...]) -> list[str]:
    for name in (*needed, *optional):
        if found.count(name) > 1:
            raise BadHistory(str(path), f"has the column {name!r} more than once", "Name each column once.")
    for name in needed:
        if name not in found:
            near = nearest(name, found)
            remedy = f"Rename {near!r} to {name!r}." if near else f"Add the column {name!r}."
            if len(found) == 1 and re.search(r"[;\t|]", found[0]):
                remedy = "Separate columns by commas."
            raise BadHistory(str(path), f"has no column {name!r}; it has: {', '.join(found) or 'none'}", remedy)
    return [name for name in (*needed, *optional) if name in found]


def nearest(name: str, found: list[str]) -> str | None:
    """Return the name that was most likely meant, if one is like it."""
    by_lower = {other.strip().lower(): other for other in found}
    inside = [other for lower, other in by_lower.items() if name in lower]
    close = difflib.get_close_matches(name, list(by_lower), n=1)
    return by_lower[close[0]] if close else inside[0] if inside else None
