"""Kubernetes' own quantities: rendered manifests are read with its syntax, not with the spec's stricter readers."""

import re

_SYNTAX = re.compile(r"(?P<number>\d+(?:\.\d*)?|\.\d+)(?P<unit>n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei|[eE][+-]?\d+)?", re.ASCII)
_DECIMAL = {"": 1.0, "n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18}
_BINARY = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50, "Ei": 2**60}


def quantity(value: str | float) -> float:
    """Return the number behind a quantity: memory in bytes, processor time in cores, counts. ValueError where it is none.

    >>> quantity("16Gi"), quantity("120M"), quantity("250m"), quantity("1e3")
    (17179869184.0, 120000000.0, 0.25, 1000.0)
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    found = _SYNTAX.fullmatch(str(value))
    if found is None:
        raise ValueError(f"{value!r} is not a Kubernetes quantity")
    unit = found["unit"] or ""
    factor = _DECIMAL.get(unit) or _BINARY.get(unit)
    return float(found["number"]) * (10.0 ** int(unit[1:]) if factor is None else factor)
