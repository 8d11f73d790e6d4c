"""How many resources each part of a stack has."""

from dataclasses import dataclass

from headroom.blueprint.values import Blueprint, Rendered


@dataclass(frozen=True)
class PartCount:
    """One component below the stack's root, or a resource that belongs to none."""

    name: str
    type: str
    resources: int
    """Itself and everything below it."""


def part_counts(blueprint: Blueprint) -> tuple[PartCount, ...]:
    """Return the resources of each part in the order in which the parts stand; together they are the blueprint.

    A part is a component directly below the stack's root. What hangs on the root itself counts with the root.
    """
    part_of: dict[str, Rendered] = {}
    counts: dict[str, int] = {}
    for resource in blueprint:
        above = None if resource.parent is None else part_of[resource.parent]
        opens = above is None or (above.parent is None and resource.is_component)
        part = resource if above is None or opens else above
        part_of[resource.name] = part
        counts[part.name] = counts.get(part.name, 0) + 1
    return tuple(PartCount(name, part_of[name].type, count) for name, count in counts.items())
