"""Quantities as people write them, and the numbers behind them.

Sizes are bytes ("16Gi" is 16 x 2^30, "120MB" is 120 x 10^6), amounts are plain counts ("20M" is 20 x 10^6), processor time is
cores ("250m" is a quarter), spans are seconds ("10m" is 600). The same letters mean different things in each, so each has its own
reader, and a unit that a reader does not know is refused, never guessed.
"""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

_number = r"(?P<number>\d+(?:\.\d+)?)"
_bytes = {
    "B": 1,
    "kB": 10**3,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}
_amounts = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9}
_cores = {"": 1.0, "m": 0.001}
_spans = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}


class UnknownUnit(ValueError):
    """A quantity that no unit of its kind explains."""


def parse_bytes(text: str) -> int:
    """Return a size in bytes; its unit must be written.

    "120M" is refused: Kubernetes reads it as 120 x 10^6 bytes, people as either that or 120 x 2^20.

    >>> parse_bytes("16Gi"), parse_bytes("120MB")
    (17179869184, 120000000)
    """
    return _whole(text, *_read(text, _bytes, "a size such as 16Gi, 512Mi or 120MB"))


def parse_amount(text: str | int) -> int:
    """Return a count.

    >>> parse_amount("20M"), parse_amount("65k"), parse_amount(50000)
    (20000000, 65000, 50000)
    """
    return _whole(text, *_read(text, _amounts, "an amount such as 6000, 65k or 20M"))


def parse_cores(text: str | float) -> float:
    """Return processor time in cores.

    >>> parse_cores("250m"), parse_cores(4), parse_cores("0.05")
    (0.25, 4.0, 0.05)
    """
    number, factor = _read(text, _cores, "cores such as 4, 0.05 or 250m")
    return round(number * factor, 9)


def parse_seconds(text: str | float) -> float:
    """Return a span in seconds; its unit must be written, for 30 could be minutes.

    >>> parse_seconds("10m"), parse_seconds("90s"), parse_seconds("28d")
    (600.0, 90.0, 2419200.0)
    """
    number, factor = _read(text, _spans, "a span with its unit such as 90s, 10m, 8h or 28d")
    return number * factor


def format_bytes(size: int) -> str:
    """Return a size as a Kubernetes quantity, exact, in the largest binary unit that divides it.

    >>> format_bytes(17179869184), format_bytes(120000000)
    ('16Gi', '120M')
    """
    for suffix, factor in (
        ("Ti", 2**40),
        ("Gi", 2**30),
        ("Mi", 2**20),
        ("Ki", 2**10),
        ("G", 10**9),
        ("M", 10**6),
        ("k", 10**3),
    ):
        if size and size % factor == 0:
            return f"{size // factor}{suffix}"
    return str(size)


def format_cores(cores: float) -> str:
    """Return cores as a Kubernetes quantity.

    >>> format_cores(4.0), format_cores(0.25)
    ('4', '250m')
    """
    return str(int(cores)) if float(cores).is_integer() else f"{round(cores * 1000)}m"


def _read(text: Any, units: dict[str, Any], expected: str) -> tuple[float, float]:
    if isinstance(text, bool) or not isinstance(text, str | int | float):
        raise UnknownUnit(f"expected {expected}, got {text!r}")
    match = re.fullmatch(_number + r"\s*(?P<unit>[A-Za-z]*)", str(text).strip())
    if match is None or match["unit"] not in units:
        raise UnknownUnit(f"expected {expected}, got {text!r}")
    return float(match["number"]), units[match["unit"]]


def _whole(text: Any, number: float, factor: float) -> int:
    value = number * factor
    if abs(value - round(value)) > 1e-6:  # noqa: PLR2004  # what binary fractions leave
        raise UnknownUnit(f"expected a whole number, got {text!r}")
    return round(value)


def _quantity(pattern: str, examples: list[str], *, or_number: bool) -> WithJsonSchema:
    text: dict[str, Any] = {"type": "string", "pattern": pattern, "examples": examples}
    return WithJsonSchema({"anyOf": [text, {"type": "number", "minimum": 0}]} if or_number else text)


Size = Annotated[
    int,
    BeforeValidator(parse_bytes),
    Field(ge=0),
    _quantity(r"^\d+(\.\d+)?\s*(B|kB|KB|MB|GB|TB|Ki|Mi|Gi|Ti|KiB|MiB|GiB|TiB)$", ["16Gi", "120MB"], or_number=False),
]
Cores = Annotated[
    float,
    BeforeValidator(parse_cores),
    Field(ge=0),
    _quantity(r"^\d+(\.\d+)?m?$", ["4", "0.05", "250m"], or_number=True),
]
Amount = Annotated[
    int,
    BeforeValidator(parse_amount),
    Field(ge=0),
    _quantity(r"^\d+(\.\d+)?\s*(k|M|G)?$", ["20M", "65k"], or_number=True),
]
Seconds = Annotated[
    float,
    BeforeValidator(parse_seconds),
    Field(gt=0),
    _quantity(r"^\d+(\.\d+)?\s*(ms|s|m|h|d|w)$", ["10m", "28d"], or_number=False),
]
PositiveSize = Annotated[Size, Field(gt=0)]
PositiveCores = Annotated[Cores, Field(gt=0)]
PositiveAmount = Annotated[Amount, Field(gt=0)]


def _whole_millicores(cores: float) -> float:
    if abs(cores * 1000 - round(cores * 1000)) > 1e-6:  # noqa: PLR2004  # what binary fractions leave
        raise ValueError(f"expected whole millicores, which is what Kubernetes counts, got {cores * 1000:g}m")
    return cores


Millicores = Annotated[PositiveCores, AfterValidator(_whole_millicores)]
"""What a container may ask for: a thousandth of a core is the least."""
