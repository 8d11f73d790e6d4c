"""Strict reading of JSON documents: no key unknown, no key twice, no NaN, no number that is none."""

import json
from collections.abc import Mapping
from datetime import date
from typing import Any, NoReturn

LARGEST = 1e15
"""No figure of ours comes near it; beyond it sums lose their last digit, and times leave the calendar."""
_YEARS = range(2000, 2200)


class WrongDocument(ValueError):
    """A document that does not say what it must, with the path to the place."""


def parse(text: str) -> Any:
    """Return the value of a JSON text; a key twice in one object, NaN and Infinity are `WrongDocument`."""
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise WrongDocument(f"it is not JSON: {error.msg} in line {error.lineno}") from None
    except RecursionError:
        raise WrongDocument("it is nested too deeply to be a document of ours") from None


def members(value: Any, where: str, required: frozenset[str], optional: frozenset[str] = frozenset()) -> Mapping[str, Any]:
    """Return an object that has every required key and none that is not known."""
    if not isinstance(value, dict):
        raise WrongDocument(f"{where} is not an object")
    if missing := sorted(required - value.keys()):
        raise WrongDocument(f"{where} lacks {missing[0]}")
    if unknown := sorted(value.keys() - required - optional):
        raise WrongDocument(f"{where} has the unknown key {unknown[0]!r}; it knows {', '.join(sorted(required | optional))}")
    return value


def mapping(value: Any, where: str) -> Mapping[str, Any]:
    """Return an object with any keys."""
    if not isinstance(value, dict):
        raise WrongDocument(f"{where} is not an object")
    return value


def number(value: Any, where: str, at_least: float, at_most: float = LARGEST) -> float:
    """Return a number within its bounds."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not at_least <= value <= at_most:
        raise WrongDocument(f"{where} is not a number {_bounds(at_least, at_most)}")
    return float(value)


def integer(value: Any, where: str, at_least: int, at_most: float = LARGEST) -> int:
    """Return a whole number within its bounds."""
    if isinstance(value, bool) or not isinstance(value, int) or not at_least <= value <= at_most:
        raise WrongDocument(f"{where} is not a whole number {_bounds(at_least, at_most)}")
    return value


def text(value: Any, where: str) -> str:
    """Return a text that is not empty."""
    if not isinstance(value, str) or not value:
        raise WrongDocument(f"{where} is not a text")
    return value


def day(value: Any, where: str) -> date:
    """Return a day written as 2026-11-02."""
    try:
        found = date.fromisoformat(text(value, where))
    except ValueError:
        found = date.min
    if found.year not in _YEARS:
        raise WrongDocument(f"{where} is not a day such as 2026-11-02")
    return found


def items(value: Any, where: str) -> list[Any]:
    """Return a list."""
    if not isinstance(value, list):
        raise WrongDocument(f"{where} is not a list")
    return value


def _bounds(at_least: float, at_most: float) -> str:
    return f"from {at_least:g} to {at_most:g}" if at_most < LARGEST else f"of at least {at_least:g} (and at most 10^15)"


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise WrongDocument(f"it has the key {key!r} twice in one object")
        found[key] = value
    return found


def _no_constant(name: str) -> NoReturn:
    raise WrongDocument(f"it holds {name}, which is not a number")
