"""A connection to the engine that holds the calls, by Ibis; its secrets come from the environment and stay out of every text."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from headroom.forecast.errors import BadHistory

if TYPE_CHECKING:
    from ibis.backends import BaseBackend

_VARIABLE = re.compile(r"\$\{(\w+)\}")
_PASSWORD = re.compile(r"://[^/@:]*:([^/]*)@")


@contextmanager
def connected(url: str, folder: Path, where: str) -> Iterator["BaseBackend"]:
    """Yield a connection to the engine of an Ibis URL, in which `${NAME}` stands for an environment variable's value.

    `duckdb://` is an engine within this process, `duckdb://FILE` a file relative to the folder, opened for reading. Whatever the
    engine raises becomes BadHistory with its first line, variables' values taken out of it.
    """
    try:
        import ibis
    except ImportError:
        remedy = "Run: pip install 'headroom[warehouse]'."
        raise BadHistory(where, "Ibis, of the extra [warehouse], is not installed", remedy) from None
    values = _values(url, where)
    resolved = _resolved(url, values)
    engine, colon, _ = resolved.partition("://")
    if not colon:
        raise BadHistory(
            where, f"{url} is not the URL of an engine", "Write it as postgres://USER:PASSWORD@HOST/DATABASE, for instance."
        )
    engine = engine.replace("postgresql", "postgres")
    try:
        getattr(ibis, engine)
    except AttributeError:
        remedy = "Begin `url` with an engine's name, such as duckdb://, pyspark:// or postgres://."
        raise BadHistory(where, f"Ibis has no engine {engine!r}", remedy) from None
    except ImportError:
        remedy = f"Run: pip install 'ibis-framework[{engine}]'."
        raise BadHistory(where, f"the driver of {engine} is not installed", remedy) from None
    try:
        connection = _connect(resolved, folder)
        try:
            yield connection
        finally:
            connection.disconnect()
    except BadHistory:
        raise
    except Exception as error:  # noqa: BLE001 - every engine's driver raises its own
        remedy = "Correct the source, its access or its variables."
        raise BadHistory(where, f"{engine} cannot answer: {_first_line(error, values)}", remedy) from None


def _connect(url: str, folder: Path) -> "BaseBackend":
    import ibis

    in_file = url.removeprefix("duckdb://")
    if in_file == url:
        return ibis.connect(url)
    # Opened for reading, for otherwise DuckDB makes the file that it does not find.
    return ibis.duckdb.connect(folder / in_file, read_only=True) if in_file else ibis.duckdb.connect()


def _values(url: str, where: str) -> dict[str, str]:
    password = _PASSWORD.search(url)
    if password and not _VARIABLE.fullmatch(password[1]):
        raise BadHistory(where, "`url` holds a password", "Write ${NAME} there, and set NAME in the environment.")
    names = _VARIABLE.findall(url)
    for name in names:
        if not os.environ.get(name):
            raise BadHistory(where, f"`url` names the environment variable {name}, which is not set", f"Set {name}.")
    return {name: os.environ[name] for name in names}


def _resolved(url: str, values: dict[str, str]) -> str:
    # A variable that is the whole URL is one already; a part of a URL, such as a password, may hold any character.
    whole = _VARIABLE.fullmatch(url)
    return values[whole[1]] if whole else _VARIABLE.sub(lambda found: quote(values[found[1]], safe=""), url)


def _first_line(error: Exception, values: dict[str, str]) -> str:
    text = str(error).strip() or type(error).__name__
    for name, value in values.items():
        password = _PASSWORD.search(value)
        for form in (value, quote(value, safe=""), *(password.groups() if password else ())):
            text = text.replace(form, f"${{{name}}}")
    return text.splitlines()[0]
