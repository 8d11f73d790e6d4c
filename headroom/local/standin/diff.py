"""What differs between two versions of an object, path by path."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

from headroom.local.standin.property_path import Path
from headroom.local.standin.values import Hidden, Object, Tree

Step = TypeVar("Step", str, int)


@dataclass(frozen=True)
class Difference:
    """One path at which the new version differs."""

    path: Path
    kind: Literal["add", "delete", "update"]


def differences(old: Object, new: Object) -> tuple[Difference, ...]:
    """Return where the new version differs; making a value secret, or public, is a difference too."""
    return tuple(_compare((), old, new))


def _compare(path: Path, old: Tree, new: Tree) -> Iterator[Difference]:
    match old, new:
        case Hidden(before), Hidden(after):
            yield from _compare(path, before, after)
        case dict(), dict():
            yield from _compare_fields(path, old, new)
        case list(), list():
            yield from _compare_fields(path, dict(enumerate(old)), dict(enumerate(new)))
        case _ if type(old) is not type(new) or old != new:  # 1 == True
            yield Difference(path, "update")


def _compare_fields(path: Path, old: Mapping[Step, Tree], new: Mapping[Step, Tree]) -> Iterator[Difference]:
    for step, before in old.items():
        if step in new:
            yield from _compare((*path, step), before, new[step])
        else:
            yield Difference((*path, step), "delete")
    for step in new:
        if step not in old:
            yield Difference((*path, step), "add")
