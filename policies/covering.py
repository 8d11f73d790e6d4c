"""Nodes on which every pod finds room, wherever the others stand. The planner counts them apart; a test compares the two."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import gcd

MOST_KINDS = 64


@dataclass(frozen=True, order=True)
class Size:
    """Of a pod, or of what a node gives to pods: whole numbers, so that no rounding decides."""

    cpu_millionths: int
    memory_bytes: int

    def within(self, other: "Size") -> bool:
        """Return whether this has room in the other."""
        return self.cpu_millionths <= other.cpu_millionths and self.memory_bytes <= other.memory_bytes

    def less(self, other: "Size") -> "Size":
        """Return what of this is left without the other."""
        return Size(self.cpu_millionths - other.cpu_millionths, self.memory_bytes - other.memory_bytes)


def nodes_enough(node: Size, places: int, pods: Mapping[Size, int]) -> int:
    """Return so many nodes that each pod finds room on one, wherever the others stand; an empty node must take any of them.

    The scheduler places pods one by one, moves none, and fills all nodes alike: a pod may find each of them a little too full.
    """
    wanted = {size: number for size, number in pods.items() if number}
    if len(wanted) > MOST_KINDS:
        # The largest of each resource in one: a node without room for any pod has none for that.
        largest = Size(max(size.cpu_millionths for size in wanted), max(size.memory_bytes for size in wanted))
        return min(sum(wanted.values()), 1 + nodes_filled(node, places, largest, wanted))
    return max((1 + nodes_filled(node, places, size, _but(wanted, size)) for size in wanted), default=0)


def nodes_filled(node: Size, places: int, pod: Size, others: Mapping[Size, int]) -> int:
    """Return on how many nodes at most some other pods leave no room for one.

    Each of them counts with the part that it can have in that: of cores, memory or places, whichever is the largest, and no more
    than the whole. The parts of pods that leave no room on a node are one together, or more.
    """
    sizes = [pod, *(size for size, number in others.items() if number)]
    by_cpu = _parts(pod.cpu_millionths, node.cpu_millionths, gcd(*(size.cpu_millionths for size in sizes)))
    by_memory = _parts(pod.memory_bytes, node.memory_bytes, gcd(*(size.memory_bytes for size in sizes)))
    return min(
        int(sum((number * _largest(size, cpu, memory, places) for size, number in others.items()), Fraction()))
        for cpu in by_cpu
        for memory in by_memory
    )


_Part = Callable[[int], Fraction]
"""Of what leaves a pod no room on a node, in one resource: what a pod that asks for so much has in it."""


def _parts(asked: int, has: int, step: int) -> list[_Part]:
    """Return the parts by two measures, each of which holds by itself; all sizes are multiples of the step."""
    if asked == 0:
        return [lambda _other: Fraction(0)]
    fitting, rest = divmod(has - has % step, asked)

    def of_room(other: int) -> Fraction:
        return Fraction(other, has - has % step - asked + step)

    def of_pods(other: int) -> Fraction:
        """Count the pods of this size that the other displaces: what `fitting` of them leave over is used up first."""
        displaced, more = divmod(other, asked)
        return (displaced + min(Fraction(1), Fraction(more, rest + step))) / fitting

    return [of_room, of_pods]


def _largest(size: Size, cpu: _Part, memory: _Part, places: int) -> Fraction:
    return min(Fraction(1), max(cpu(size.cpu_millionths), memory(size.memory_bytes), Fraction(1, places)))


def _but(pods: Mapping[Size, int], one: Size) -> dict[Size, int]:
    """Return the pods without one of a size."""
    return {size: number - (size == one) for size, number in pods.items()}
