"""The reviewed table of leaves: table.yaml, read strictly."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.gate_proof.leaves import Leaf

_FILE = Path(__file__).with_name("table.yaml")
_CLASSES = ("capacity", "safety", "neutral")
_KEYS = {"at", "by", "flip", "to", "but", "only", "in", "value", *_CLASSES}


@dataclass(frozen=True)
class Row:
    """What the leaves of a pattern are."""

    of: str
    at: str
    what: str
    """capacity, safety or neutral."""
    hurts: str = ""
    """Of capacity: lower or higher."""
    reason: str = ""
    by: tuple[str, ...] = ()
    flip: tuple[str, ...] = ()
    to: tuple[Any, ...] | None = None
    """Values that harm, where they are not those of every leaf."""
    but: Mapping[str, str] = field(default_factory=dict)
    """Harms of every leaf that are none here, and why."""
    only: tuple[str, ...] = ()
    """Resources, where not all of the kind."""
    environments: tuple[str, ...] = ()
    value: str = "*"

    def __str__(self) -> str:
        return f"{self.of} {self.at}"


@dataclass(frozen=True)
class ObjectRow:
    """The rules of which one must refuse that an object is gone, there twice, or in another namespace; or why none need."""

    of: str
    neutral: str = ""
    gone: tuple[str, ...] = ()
    twice: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()


@dataclass(frozen=True)
class AddedRow:
    """The rules of which one must refuse a key that nobody knows; or why any key may stand there."""

    of: str
    at: str
    free: str = ""
    by: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"added: {self.of} {self.at}"


@cache
def added_rows() -> tuple[AddedRow, ...]:
    """Return the rows of keys that are added, in the order in which they are asked."""
    reasons = _document()["reasons"]
    return tuple(
        AddedRow(row["of"], row.get("at", "*"), reasons.get(row.get("free"), row.get("free", "")), tuple(row.get("by", ())))
        for row in _document()["added"]
    )


@cache
def object_rows() -> tuple[ObjectRow, ...]:
    """Return the rows of whole objects."""
    listed = _document()["objects"]
    rules = ("gone", "twice", "moved")
    return tuple(ObjectRow(row["of"], row.get("neutral", ""), *(tuple(row.get(key, ())) for key in rules)) for row in listed)


def fits(pattern: str, text: str) -> bool:
    """Return whether a pattern of the table fits."""
    return _pattern(pattern).fullmatch(text) is not None


@cache
def _document() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    return document


@cache
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile("".join({"*": ".*", "(": "(?:", ")": ")", "|": "|"}.get(char) or re.escape(char) for char in text))


@cache
def rows() -> tuple[Row, ...]:
    """Return the rows in the order in which they are asked."""
    document = _document()
    reasons = document["reasons"]
    return tuple(_row(section["of"], row, reasons) for section in document["rows"] for row in section["rows"])


def _row(of: str, row: dict[str, Any], reasons: Mapping[str, str]) -> Row:
    (what,) = (name for name in _CLASSES if name in row)
    if unknown := row.keys() - _KEYS:
        message = f"{of} {row['at']}: unknown {sorted(unknown)}"
        raise ValueError(message)
    if what in ("capacity", "safety") and not row.get("by"):
        message = f"{of} {row['at']}: which rules?"
        raise ValueError(message)
    return Row(
        of=of,
        at=row["at"],
        what=what,
        hurts=row[what] if what == "capacity" else "",
        reason=reasons.get(row[what], row[what]) if what == "neutral" else "",
        by=tuple(row.get("by", ())),
        flip=tuple(row.get("flip", ())),
        to=tuple(row["to"]) if "to" in row else None,
        but=row.get("but", {}),
        only=tuple(row.get("only", ())),
        environments=tuple(row.get("in", ())),
        value=row.get("value", "*"),
    )


def row_of(table: tuple[Row, ...], leaf: Leaf, environment: str) -> Row | None:
    """Return the first row that fits a leaf, or None."""
    return next((row for row in table if _fits(row, leaf, environment)), None)


def _fits(row: Row, leaf: Leaf, environment: str) -> bool:
    return (
        fits(row.at, leaf.path)
        and fits(row.of, leaf.subject)
        and (not row.only or leaf.resource.name in row.only)
        and (not row.environments or environment in row.environments)
        and fnmatchcase(str(leaf.value), row.value)
    )
