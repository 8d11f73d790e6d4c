"""Nodes that pods take, by packings that exist. The planner tries the same ones by code of its own; a test compares the two."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

MOST_KINDS = 64
_GRID = 1 << 16


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


def nodes_needed(node: Size, places: int, pods: Mapping[Size, int]) -> int:
    """Return the nodes of the smallest packing found; each pod must have room on an empty node that has a place."""
    wanted = {size: number for size, number in pods.items() if number}
    if not wanted:
        return 0
    ordered = sorted(wanted, key=lambda size: (_largest(size, node), size), reverse=True)
    stock = {size: wanted[size] for size in ordered}
    least = max(
        -(-sum(size.cpu_millionths * number for size, number in stock.items()) // max(1, node.cpu_millionths)),
        -(-sum(size.memory_bytes * number for size, number in stock.items()) // max(1, node.memory_bytes)),
        -(-sum(stock.values()) // places),
    )
    fewest = _one_after_another(node, places, stock)
    if len(stock) <= MOST_KINDS:
        for appeal in _APPEALS:
            if fewest == least:
                break
            fewest = min(fewest, _node_after_node(node, places, stock, appeal))
    return fewest


@dataclass(frozen=True)
class _Choice:
    """What a pod is judged by when a node is filled, in fractions: of a node, and of the resource that is wanted most."""

    wanted_cpu: int
    wanted_memory: int
    cpu: int
    memory: int
    rest_cpu: int
    rest_memory: int


def _in_proportion(weight: int) -> Callable[[_Choice], int]:
    def appeal(of: _Choice) -> int:
        size = of.cpu * of.wanted_cpu + of.memory * of.wanted_memory
        return 2 * size - weight * abs(of.rest_cpu * of.wanted_memory - of.rest_memory * of.wanted_cpu)

    return appeal


def _aligned(power: int) -> Callable[[_Choice], int]:
    def appeal(of: _Choice) -> int:
        by_cpu = int(of.wanted_cpu**power) * of.cpu * (of.rest_cpu + of.cpu)
        return by_cpu + int(of.wanted_memory**power) * of.memory * (of.rest_memory + of.memory)

    return appeal


_APPEALS: tuple[Callable[[_Choice], int], ...] = (
    _in_proportion(2),
    lambda of: -(of.rest_cpu**2) - of.rest_memory**2,
    _in_proportion(3),
    _aligned(1),
    _aligned(3),
)


def _one_after_another(node: Size, places: int, stock: Mapping[Size, int]) -> int:
    """Return the nodes where each pod goes to the first with room, large pods first."""
    free: list[tuple[Size, int]] = []
    for size, number in stock.items():
        at = 0
        for _ in range(number):
            # Pods of one size: where one did not fit, the next does not either.
            while at < len(free) and not (free[at][1] and size.within(free[at][0])):
                at += 1
            if at == len(free):
                free.append((node, places))
            room, left = free[at]
            free[at] = room.less(size), left - 1
    return len(free)


def _node_after_node(node: Size, places: int, stock: Mapping[Size, int], appeal: Callable[[_Choice], int]) -> int:
    """Return the nodes where one is filled after the other with what appeals most; a filling is used as often as it can be."""
    left, nodes = dict(stock), 0
    while left:
        filling = _fill(node, places, left, appeal)
        times = min(left[size] // filling[size] for size in filling)
        left = {size: rest for size, number in left.items() if (rest := number - times * filling.get(size, 0))}
        nodes += times
    return nodes


def _fill(node: Size, places: int, left: Mapping[Size, int], appeal: Callable[[_Choice], int]) -> dict[Size, int]:
    cpu = sum(_share(size, node)[0] * number for size, number in left.items())
    memory = sum(_share(size, node)[1] * number for size, number in left.items())
    cpu, memory = cpu * 1024 // max(cpu, memory, 1), memory * 1024 // max(cpu, memory, 1)
    filling: dict[Size, int] = {}
    free = node
    for _ in range(places):
        rest = _share(free, node)
        choices = [
            (appeal(_Choice(cpu, memory, *part, rest[0] - part[0], rest[1] - part[1])), size)
            for size, number in left.items()
            if filling.get(size, 0) < number and size.within(free)
            for part in (_share(size, node),)
        ]
        if not choices:
            break
        _, size = max(choices, key=lambda choice: choice[0])
        filling[size] = filling.get(size, 0) + 1
        free = free.less(size)
    return filling


def _share(size: Size, node: Size) -> tuple[int, int]:
    return _fraction(size.cpu_millionths, node.cpu_millionths), _fraction(size.memory_bytes, node.memory_bytes)


def _fraction(part: int, whole: int) -> int:
    return part * _GRID // whole if whole else 0


def _largest(size: Size, node: Size) -> int:
    return max(size.cpu_millionths * node.memory_bytes, size.memory_bytes * node.cpu_millionths)
