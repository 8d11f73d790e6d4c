"""Pods on nodes of one shape, and the fewest nodes that a packing of them takes.

Sizes are whole numbers (millionths of a core, bytes), so that another program that follows the same rules counts the same nodes.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

MOST_KINDS = 64
"""Above so many sizes of pods only first-fit is tried: filling node by node takes time with the square of the sizes."""
_GRID = 1 << 16
"""A whole node in the figures that are weighed against each other; what fits is decided by the exact sizes."""


Size = tuple[int, int]
"""Millionths of a core, and bytes."""


@dataclass(frozen=True)
class PodRequest:
    """What one pod asks of its node."""

    name: str
    cpu_cores: float
    memory_bytes: int
    count: int = 1
    apart: bool = False
    """Whether no two of them may stand on one node."""


@dataclass(frozen=True)
class Allocatable:
    """What one node gives to pods."""

    cpu_cores: float
    memory_bytes: int
    pods: int

    def holds(self, pod: PodRequest) -> bool:
        """Return whether an empty node takes the pod."""
        asked, room = size_of(pod), size_of(self)
        return asked[0] <= room[0] and asked[1] <= room[1] and self.pods > 0


def largest_share(pod: PodRequest, node: Allocatable) -> float:
    """Return the share of a node that one pod takes of what it takes most of: cores, memory or places."""
    return max(pod.cpu_cores / node.cpu_cores, pod.memory_bytes / node.memory_bytes, 1 / node.pods)


@dataclass(frozen=True)
class Packed:
    """Nodes of the smallest packing found, and the pods that no node takes."""

    nodes: int
    too_large: tuple[str, ...]


def pack(pods: Sequence[PodRequest], node: Allocatable) -> Packed:
    """Return how many nodes take all the pods, by the best of some packings: each exists, none need be the smallest.

    First-fit decreasing by the largest share of a node (Johnson 1973), then one node at a time with the pod of the best score,
    by several scores; a filling is repeated while its pods last. The scores are those of Panigrahy and others 2011 ("Heuristics
    for vector bin packing": dot product, least squares) and one that keeps what is free in the proportion of what is still to
    come. Ends early at the bound that the sums set: no packing takes fewer nodes than that.

    It is what moving every pod could reach. kube-scheduler moves none and may leave a pod pending on so many nodes:
    `capacity.covering` says how many are enough. The count itself can fall by a node or so when pods are added.
    """
    too_large = tuple(pod.name for pod in pods if not node.holds(pod))
    goods = _goods(pods, node)
    bound, fewest = goods.bound(), sum(goods.counts)
    for nodes in _packings(goods):
        fewest = min(fewest, nodes)
        if fewest == bound:
            break
    return Packed(fewest, too_large)


def size_of(asked: PodRequest | Allocatable) -> Size:
    """Return what a pod asks for, or a node has, in whole numbers."""
    return round(asked.cpu_cores * 1_000_000), asked.memory_bytes


def sizes_of(pods: Sequence[PodRequest], node: Allocatable) -> Counter[Size]:
    """Return how many pods there are of each size that a node takes."""
    sizes: Counter[Size] = Counter()
    for pod in pods:
        if pod.count and node.holds(pod):
            sizes[size_of(pod)] += pod.count
    return sizes


_Score = Callable[[Size, Size, Size], int]
"""How well a pod suits a node, the higher the better: from what is still to come, the pod, and what the node has free."""


@dataclass(frozen=True)
class _Goods:
    """What is to be packed, the largest share of a node first; pods of one size are one kind."""

    node: Size
    places: int
    sizes: tuple[Size, ...]
    counts: tuple[int, ...]

    def share(self, size: Size) -> Size:
        return size[0] * _GRID // max(1, self.node[0]), size[1] * _GRID // max(1, self.node[1])

    def bound(self) -> int:
        """Return the nodes without which the pods' sum, or all pods of one size, have no room."""
        by_size = (
            _divided_up(sum(size[at] * count for size, count in zip(self.sizes, self.counts, strict=True)), max(1, self.node[at]))
            for at in (0, 1)
        )
        alone = (
            _divided_up(count, max(1, min(self.places, *(self.node[at] // max(1, size[at]) for at in (0, 1)))))
            for size, count in zip(self.sizes, self.counts, strict=True)
        )
        return max(*by_size, *alone, _divided_up(sum(self.counts), self.places)) if self.sizes else 0


def _goods(pods: Sequence[PodRequest], node: Allocatable) -> _Goods:
    room, kinds = size_of(node), sizes_of(pods, node)
    sizes = sorted(kinds, key=lambda size: (max(size[0] * room[1], size[1] * room[0]), size), reverse=True)
    return _Goods(room, node.pods, tuple(sizes), tuple(kinds[size] for size in sizes))


def _packings(goods: _Goods) -> Iterator[int]:
    """Yield the nodes of one packing after another, those that are quick or mostly good first."""
    yield _first_fit(goods)
    if len(goods.sizes) <= MOST_KINDS:
        for score in (_balanced(2), _least_squares, _balanced(3), _dot_product(1), _dot_product(3)):
            yield _node_by_node(goods, score)


def _first_fit(goods: _Goods) -> int:
    """Return the nodes of first-fit decreasing: each pod goes to the first node that has room."""
    free: list[list[int]] = []
    for (cpu, memory), count in zip(goods.sizes, goods.counts, strict=True):
        at = 0
        for _ in range(count):
            # Like pods never fit where the one before them did not: the search goes on from there.
            while at < len(free) and (cpu > free[at][0] or memory > free[at][1] or not free[at][2]):
                at += 1
            if at == len(free):
                free.append([*goods.node, goods.places])
            room = free[at]
            room[0] -= cpu
            room[1] -= memory
            room[2] -= 1
    return len(free)


def _node_by_node(goods: _Goods, score: _Score) -> int:
    """Return the nodes that are filled one after another, each time with the kind of the best score."""
    shares = [goods.share(size) for size in goods.sizes]
    left, nodes = list(goods.counts), 0
    while any(left):
        taken = _filling(goods, shares, left, score)
        repeats = min(left[kind] // count for kind, count in taken.items())
        for kind, count in taken.items():
            left[kind] -= repeats * count
        nodes += repeats
    return nodes


def _filling(goods: _Goods, shares: Sequence[Size], left: Sequence[int], score: _Score) -> Counter[int]:
    """Return how many pods of each kind fill one node."""
    wanted = [sum(share[at] * count for share, count in zip(shares, left, strict=True)) for at in (0, 1)]
    most = max(*wanted, 1)
    coming = (wanted[0] * 1024 // most, wanted[1] * 1024 // most)
    (cpu, memory), taken = goods.node, Counter[int]()
    kinds = list(range(len(left)))
    for _ in range(goods.places):
        # What does not fit now does not fit later.
        kinds = [k for k in kinds if taken[k] < left[k] and goods.sizes[k][0] <= cpu and goods.sizes[k][1] <= memory]
        if not kinds:
            break
        free = goods.share((cpu, memory))
        best = max(kinds, key=lambda kind: score(coming, shares[kind], free))
        taken[best] += 1
        cpu, memory = cpu - goods.sizes[best][0], memory - goods.sizes[best][1]
    return taken


def _balanced(strictness: int) -> _Score:
    """Return the score of large pods that leave the node in the proportion of what is still to come."""

    def score(coming: Size, pod: Size, free: Size) -> int:
        askew = (free[0] - pod[0]) * coming[1] - (free[1] - pod[1]) * coming[0]
        return 2 * (pod[0] * coming[0] + pod[1] * coming[1]) - strictness * abs(askew)

    return score


def _dot_product(power: int) -> _Score:
    """Return the score of pods that are large where the node has room and much is still to come."""

    def score(coming: Size, pod: Size, free: Size) -> int:
        return int(coming[0] ** power) * pod[0] * free[0] + int(coming[1] ** power) * pod[1] * free[1]

    return score


def _least_squares(_coming: Size, pod: Size, free: Size) -> int:
    return -((free[0] - pod[0]) ** 2 + (free[1] - pod[1]) ** 2)


def _divided_up(amount: int, by: int) -> int:
    return -(-amount // by)
