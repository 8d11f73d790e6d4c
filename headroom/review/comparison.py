"""Two plans side by side: the figures that differ."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from capacity import CapacityPlan


@dataclass(frozen=True)
class Change:
    """One figure before and after."""

    figure: str
    before: Any
    after: Any


def compare(before: CapacityPlan, after: CapacityPlan) -> tuple[Change, ...]:
    """Return the figures of two plans' documents that differ, by their path, in the documents' order.

    Texts (formulas, sources) are left out: they say again what the figures say. None stands for a figure that is not there.
    """
    old, new = dict(_figures(before.document(), "")), dict(_figures(after.document(), ""))
    names = [*old, *(name for name in new if name not in old)]
    return tuple(Change(name, old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name))


def _figures(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, item in value.items():
            if key != "shortfalls":
                yield from _figures(item, f"{path}.{key}".lstrip("."))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            name = item.get("name", number) if isinstance(item, dict) else number
            yield from _figures(item, f"{path}[{name}]")
    elif isinstance(value, int | float) or path.endswith("binding"):
        yield path, value
