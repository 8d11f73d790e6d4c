"""Nodes that are enough for pods wherever each of them stands.

kube-scheduler places pods one by one, each on the emptiest node, and moves none; meanwhile verticals grow and shrink. What the
best packing could do is no promise then. This is one: for every order of arrival, and after any coming and going.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import gcd

from capacity.packing import Allocatable, PodRequest, Size, size_of, sizes_of

MOST_KINDS = 64
"""Above so many sizes of pods one bound is taken for all of them together: one for each takes time with their square."""


def nodes_enough(pods: Sequence[PodRequest], node: Allocatable, *, apart: bool = False) -> int:
    """Return so many nodes that every pod finds room on one, wherever the others stand: never too few.

    A pod that asks for c of a node's C cores has no room where more than C - c of them are taken (or the same of its memory, or
    all its places for pods). Pods of x cores that do that to a node weigh 1 together at least, where each weighs
    x / (C - c + 1), in whole units of which all pods take multiples; and where each weighs what it takes of the node's places
    for pods of c, (floor(x / c) + min(1, (x mod c) / (C mod c + 1))) / floor(C / c). The second is subadditive, and exact where
    all pods are alike. Each pod is given the largest of its weights for cores, memory and places, at most 1; the sum over all
    others, by the better of the two weights, is the most nodes without room, and one more has some. This is the bound by
    weights of bin covering (Assmann, Johnson, Kleitman and Leung 1984, "On a dual version of the one-dimensional bin packing
    problem"), here for two resources and a number of places.

    More pods never lower it. What no node takes is left out. Nothing but room and `PodRequest.apart` may keep a pod off a node.

    Args:
        pods: All of them.
        node: Each node.
        apart: Whether the pods that must stand apart find room too: every other of its kind takes a node from each. Otherwise
            they count as any others, and the last of them may wait for a node that is gone.

    >>> nodes_enough([PodRequest("small", 1.0, 0, 6), PodRequest("large", 3.0, 0)], Allocatable(4.0, 0, 110))
    4
    """
    room = _room(kinds := sizes_of(pods, node), node)
    if len(kinds) > MOST_KINDS:
        largest = max(cpu for cpu, _ in kinds), max(memory for _, memory in kinds)
        enough = min(kinds.total(), room.without(largest, kinds) + 1)
    else:
        enough = max((room.without(size, kinds - Counter([size])) + 1 for size in kinds), default=0)
    kept_apart = [pod for pod in pods if apart and pod.apart and pod.count and node.holds(pod)]
    return max(enough, *(_apart(pod, kinds, room) for pod in kept_apart), 0)


def _apart(pod: PodRequest, kinds: Counter[Size], room: "_Room") -> int:
    size = size_of(pod)
    return pod.count + room.without(size, kinds - Counter({size: pod.count}))


_Weights = tuple[list[int], int]
"""Of one resource: what each other pod weighs, and how much of that leaves a node without room."""


@dataclass(frozen=True)
class _Room:
    """What a node has for pods."""

    whole: Size
    units: Size
    """Of each resource, that every pod takes a multiple of."""
    places: int

    def without(self, pod: Size, others: Mapping[Size, int]) -> int:
        """Return how many nodes the others leave without room for a pod, at most."""
        cores, memory = (self._weights(at, pod[at], [size[at] for size in others]) for at in (0, 1))
        counts = list(others.values())
        return min(_total(counts, *weights, self.places) for weights in product(cores, memory))

    def _weights(self, at: int, asked: int, sizes: list[int]) -> list[_Weights]:
        if not asked:
            return [([0] * len(sizes), 1)]
        unit = self.units[at]
        asked, whole, sizes = asked // unit, self.whole[at] // unit, [size // unit for size in sizes]
        over = whole % asked + 1
        in_places = [size // asked * over + min(size % asked, over) for size in sizes]
        return [(sizes, whole - asked + 1), (in_places, whole // asked * over)]


def _room(kinds: Mapping[Size, int], node: Allocatable) -> _Room:
    units = gcd(*(cpu for cpu, _ in kinds)), gcd(*(memory for _, memory in kinds))
    return _Room(size_of(node), units, node.pods)


def _total(counts: list[int], cores: _Weights, memory: _Weights, places: int) -> int:
    # Over one denominator, so that no rounding decides.
    place = cores[1] * memory[1]
    node = place * places
    by_cores, by_memory = memory[1] * places, cores[1] * places
    taken = zip(counts, cores[0], memory[0], strict=True)
    return sum(count * min(node, max(core * by_cores, byte * by_memory, place)) for count, core, byte in taken) // node
