"""What is done to a leaf: what harms, and what does not."""

import re
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from policies.stack import UNKNOWN
from tests.gate_proof.leaves import GONE, Leaf

_UNITS: dict[str, int | Fraction] = {
    "": 1,
    "m": Fraction(1, 1000),
    "k": 10**3,
    "M": 10**6,
    "G": 10**9,
    "T": 10**12,
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
}
_NUMBER = re.compile(r"(\d+(?:\.\d+)?)(m|k|M|G|T|Ki|Mi|Gi|Ti)?")


def number_of(value: Any) -> Fraction | None:
    """Return the number behind a value: a number, its text, or a quantity of Kubernetes.

    >>> number_of("250m"), number_of(3), number_of("16Gi"), number_of("mon")
    (Fraction(1, 4), Fraction(3, 1), Fraction(17179869184, 1), None)
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return Fraction(str(value))
    match = _NUMBER.fullmatch(value) if isinstance(value, str) else None
    return Fraction(match[1]) * _UNITS[match[2] or ""] if match else None


def written(number: Fraction, like: Any) -> Any:
    """Return a number as a value like another one is written; processor time in thousandths where it may be a part."""
    whole = number.denominator == 1
    if isinstance(like, int):
        return int(number)
    if isinstance(like, float):
        return float(number)
    if whole:
        return str(int(number))
    return f"{int(number * 1000)}m" if (number * 1000).denominator == 1 and "." not in str(like) else repr(float(number))


def step_of(value: Any) -> Fraction:
    """Return the smallest change of a value that anybody would write."""
    number = number_of(value)
    if isinstance(value, float) or (isinstance(value, str) and "." in value):
        return abs(number or Fraction(1)) / 10**6
    quantity = _NUMBER.fullmatch(value) if isinstance(value, str) else None
    if quantity and quantity[2] == "m":
        return Fraction(1, 1000)
    return max(Fraction(1), Fraction(int((number or Fraction(0)) / 10**8)))  # the gate takes what rounding explains for equal


def same(value: Any) -> Any | None:
    """Return another way to write the same number, or None where there is none.

    >>> same("4"), same("16Gi"), same("250m"), same(3)
    ('4000m', '17179869184', None, None)
    """
    match = _NUMBER.fullmatch(value) if isinstance(value, str) else None
    if not match or match[2] == "m":
        return None
    number = number_of(value) or Fraction(0)
    return str(int(number)) if match[2] else f"{int(number * 1000)}m" if number.denominator == 1 else None


def harms_of(leaf: Leaf) -> Iterator[tuple[str, Any]]:
    """Yield what breaks any leaf that counts, by name."""
    value, inside = leaf.value, "::" in leaf.path
    yield "removed", GONE
    if value is not UNKNOWN and not inside:
        yield "unknown", UNKNOWN
    if isinstance(value, str):
        if value:
            yield "emptied", ""
        yield "changed", f"{value}-x"
    elif isinstance(value, bool):
        yield "changed", not value
    elif isinstance(value, int | float):
        yield "changed", value + 1
        yield "text", "many"


def push_of(value: Any, hurts: str) -> Iterator[tuple[str, Any]]:
    """Yield what a number is pushed to, far past every point, in the direction that hurts; and what is no amount at all."""
    number = number_of(value)
    if number is None:
        return
    if hurts == "higher":
        yield "far past", written(number * 10**6 if number else Fraction(10**14), value)
    else:
        yield "zero", written(Fraction(0), value)
        if number >= 10**3:
            yield "thousandth", written(Fraction(int(number / 1000)), value)
    yield "negative", f"-{value}" if isinstance(value, str) else -abs(value) - 1
    yield "no number", "many"


def benign_of(leaf: Leaf) -> Any:
    """Return another value of a leaf that nothing hangs on."""
    value = leaf.value
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, str):
        return f"{value}-x"
    return GONE if isinstance(value, dict | list) else value
