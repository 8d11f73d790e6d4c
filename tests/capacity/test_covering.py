"""Nodes that are enough wherever pods stand."""

import itertools
from collections.abc import Callable, Sequence
from functools import cache
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capacity.covering import MOST_KINDS, nodes_enough
from capacity.packing import Allocatable, PodRequest, pack
from policies.covering import Size, nodes_filled
from policies.covering import nodes_enough as by_the_gate

GIB = 2**30
NODE = Allocatable(cpu_cores=16.0, memory_bytes=64 * GIB, pods=110)
SMALL = Allocatable(cpu_cores=12.0, memory_bytes=12 * GIB, pods=3)

few = st.lists(
    st.builds(
        PodRequest,
        name=st.just("a"),
        cpu_cores=st.integers(0, 12).map(float),
        memory_bytes=st.integers(0, 12).map(lambda gib: gib * GIB),
        count=st.integers(1, 3),
    ),
    min_size=1,
    max_size=3,
)
many = st.lists(
    st.builds(
        PodRequest,
        name=st.just("a"),
        cpu_cores=st.integers(1, 300).map(lambda twentieths: twentieths / 20),
        memory_bytes=st.integers(1, 60_000).map(lambda mib: mib * 2**20),
        count=st.integers(0, 40),
    ),
    max_size=14,
)


def singles(pods: Sequence[PodRequest]) -> list[PodRequest]:
    """Return the pods one by one."""
    return [pod for pod in pods for _ in range(pod.count)]


def most_filled(pods: Sequence[PodRequest], last: int, node: Allocatable) -> int:
    """Return the most nodes on which the others leave no room for one pod of a kind, by trying every filling for every rest."""
    sizes = [(round(pod.cpu_cores), pod.memory_bytes // GIB) for pod in pods]
    stock = tuple(pod.count - (kind == last) for kind, pod in enumerate(pods))

    def holds(taken: Sequence[int]) -> bool:
        return (
            sum(taken) <= node.pods
            and sum(count * size[0] for count, size in zip(taken, sizes, strict=True)) <= node.cpu_cores
            and sum(count * size[1] for count, size in zip(taken, sizes, strict=True)) * GIB <= node.memory_bytes
        )

    fillings = [
        taken
        for taken in itertools.product(*(range(count + 1) for count in stock))
        if holds(taken) and not holds([count + (kind == last) for kind, count in enumerate(taken)])
    ]

    @cache
    def most(left: tuple[int, ...]) -> int:
        return max(
            (
                1 + most(tuple(rest - count for rest, count in zip(left, taken, strict=True)))
                for taken in fillings
                if all(count <= rest for rest, count in zip(left, taken, strict=True))
            ),
            default=0,
        )

    return most(stock)


class Nodes:
    """Nodes that take pods one by one and let them go."""

    def __init__(self, node: Allocatable, count: int) -> None:
        """Start empty."""
        self.node = node
        self.standing: list[list[PodRequest]] = [[] for _ in range(count)]

    def free(self, at: int) -> tuple[float, int]:
        """Return what one of them has left."""
        pods = self.standing[at]
        return self.node.cpu_cores - sum(p.cpu_cores for p in pods), self.node.memory_bytes - sum(p.memory_bytes for p in pods)

    def with_room(self, pod: PodRequest) -> list[int]:
        """Return those that may take a pod."""
        return [
            at
            for at, pods in enumerate(self.standing)
            if len(pods) < self.node.pods
            and not (pod.apart and any(other.name == pod.name for other in pods))
            and pod.cpu_cores <= self.free(at)[0] + 1e-9
            and pod.memory_bytes <= self.free(at)[1]
        ]

    def emptiest(self, pod: PodRequest) -> int:
        """Return the one with room that has the largest share of itself left: NodeResourcesFit with LeastAllocated."""
        return max(self.with_room(pod), key=lambda at: sum(share / whole for share, whole in self._shares(at)))

    def _shares(self, at: int) -> list[tuple[float, float]]:
        return list(zip(self.free(at), (self.node.cpu_cores, self.node.memory_bytes), strict=True))


def test_pods_that_are_alike_need_no_more_than_their_packing() -> None:
    """21 pods of 4 cores need 6 nodes of 16, 53 on nodes of four places 14, 111 tiny ones 2 nodes of 110 places."""
    assert nodes_enough([PodRequest("a", 4.0, GIB, 21)], NODE) == 6
    assert nodes_enough([PodRequest("a", 1.0, GIB, 53)], Allocatable(47.5, 300 * GIB, 4)) == 14
    assert nodes_enough([PodRequest("a", 0.001, 1, 111)], NODE) == 2


@given(st.integers(1, 16_000), st.integers(1, 64_000), st.integers(0, 500), st.integers(1, 110))
def test_identical_pods_fill_whole_places(millicores: int, mebibytes: int, count: int, places: int) -> None:
    """For one kind the number is exact: pods / pods that a node holds, rounded up."""
    pod = PodRequest("a", millicores / 1000, mebibytes * 2**20, count)
    node = Allocatable(16.0, 64_000 * 2**20, places)
    holds = min(16_000 // millicores, 64_000 // mebibytes, places)
    assert nodes_enough([pod], node) == -(-count // holds)


def test_a_spreading_scheduler_fills_all_nodes_alike() -> None:
    """Six pods of a core stand two on each of three nodes of four: one of three cores then needs a fourth, packed it does not."""
    small, large = PodRequest("small", 1.0, GIB, 6), PodRequest("large", 3.0, GIB)
    node = Allocatable(4.0, 100 * GIB, 110)
    assert (pack([small, large], node).nodes, nodes_enough([small, large], node)) == (3, 4)
    for count, finds_room in ((3, False), (4, True)):
        nodes = Nodes(node, count)
        for pod in singles([small]):
            nodes.standing[nodes.emptiest(pod)].append(pod)
        assert bool(nodes.with_room(large)) == finds_room


def test_what_asks_for_nothing_finds_room() -> None:
    """A pod that asks for no memory is not kept out by its lack; what no node takes is left out."""
    assert nodes_enough([PodRequest("full", 1.0, 64 * GIB, 3), PodRequest("none", 1.0, 0)], NODE) == 3
    assert nodes_enough([PodRequest("huge", 17.0, 1), PodRequest("a", 1.0, 1)], NODE) == 1
    assert nodes_enough([], NODE) == nodes_enough([PodRequest("a", 1.0, 1, 0)], NODE) == 0


@settings(deadline=None)
@given(few)
def test_no_arrangement_fills_all_of_them(pods: list[PodRequest]) -> None:
    """Against every arrangement of small sets: on as many nodes the others never leave a pod without room."""
    worst = max(1 + most_filled(pods, last, SMALL) for last in range(len(pods)))
    assert worst <= nodes_enough(pods, SMALL) <= sum(pod.count for pod in pods)


@settings(deadline=None)
@given(few.flatmap(lambda pods: st.tuples(st.just(pods), st.permutations(singles(pods)))), st.randoms(use_true_random=False))
def test_every_pod_finds_room_in_any_order(drawn: tuple[list[PodRequest], list[PodRequest]], random: Random) -> None:
    """Pods that come in any order, go again and come back find room on some node each time, whichever takes them."""
    pods, coming = drawn
    nodes = Nodes(SMALL, nodes_enough(pods, SMALL))
    for _ in range(4):
        for pod in coming:
            nodes.standing[random.choice(nodes.with_room(pod))].append(pod)
        gone = random.sample(coming, random.randint(0, len(coming)))
        coming = []
        for pod in gone:
            at = random.choice([at for at, standing in enumerate(nodes.standing) if pod in standing])
            nodes.standing[at].remove(pod)
            coming.append(pod)


@settings(deadline=None)
@given(few, st.integers(1, 4), st.randoms(use_true_random=False))
def test_pods_that_stand_apart_find_nodes(pods: list[PodRequest], replicas: int, random: Random) -> None:
    """Wherever others stand, there is a node of its own for each; without `apart` they count as any others."""
    tunnel = PodRequest("tunnel", 2.0, 2 * GIB, replicas, apart=True)
    enough = nodes_enough([*pods, tunnel], SMALL, apart=True)
    assert enough >= max(replicas, nodes_enough([*pods, tunnel], SMALL))
    nodes = Nodes(SMALL, enough)
    for pod in random.sample(coming := singles([*pods, tunnel]), len(coming)):
        nodes.standing[random.choice(nodes.with_room(pod))].append(pod)


def test_the_last_that_stands_apart_may_find_its_node_filled() -> None:
    """Three replicas of two cores, and thirty pods of one that fill two nodes to fifteen of sixteen: five nodes, not three."""
    pods = [PodRequest("tunnel", 2.0, GIB, 3, apart=True), PodRequest("small", 1.0, GIB, 30)]
    assert nodes_enough(pods, NODE, apart=True) == 5
    assert pack(pods, NODE).nodes == nodes_enough(pods, NODE) == 3


@given(many, many)
def test_more_pods_never_need_fewer_nodes(pods: list[PodRequest], more: list[PodRequest]) -> None:
    """Adding pods never lowers the number: nodes that are enough for a load are enough for any lower one."""
    assert nodes_enough(pods, NODE) <= nodes_enough([*pods, *more], NODE)


@given(many, st.integers(0, 7))
def test_the_order_and_the_grouping_of_pods_do_not_matter(pods: list[PodRequest], turn: int) -> None:
    """Rotating the list, or naming pods one by one, changes nothing."""
    one_by_one = [PodRequest(f"{at}", pod.cpu_cores, pod.memory_bytes) for at, pod in enumerate(singles(pods))]
    assert nodes_enough(pods[turn:] + pods[:turn], NODE) == nodes_enough(pods, NODE) == nodes_enough(one_by_one, NODE)


@given(many)
def test_no_packing_needs_more(pods: list[PodRequest]) -> None:
    """What is enough for any arrangement is enough for the best one found, but for the node that this may miss the optimum by."""
    assert pack(pods, NODE).nodes <= nodes_enough(pods, NODE) + 1


def _sizes(pods: Sequence[PodRequest]) -> dict[Size, int]:
    sizes: dict[Size, int] = {}
    for pod in pods:
        size = _size(pod)
        sizes[size] = sizes.get(size, 0) + pod.count
    return sizes


def _size(asked: PodRequest | Allocatable) -> Size:
    return Size(round(asked.cpu_cores * 10**6), asked.memory_bytes)


@settings(max_examples=300)
@given(many, st.integers(3, 110), st.integers(1, 9))
def test_the_gate_comes_to_the_same_number(pods: list[PodRequest], places: int, replicas: int) -> None:
    """The rule's own count, written apart, is the planner's, also for pods that must stand apart."""
    node = Allocatable(16.0, 64 * GIB, places)
    assert by_the_gate(_size(node), places, _sizes(pods)) == nodes_enough(pods, node)
    tunnel = PodRequest("tunnel", 2.0, 2 * GIB, replicas, apart=True)
    filled = nodes_filled(_size(node), places, _size(tunnel), _sizes(pods))
    ordinary = by_the_gate(_size(node), places, _sizes([*pods, tunnel]))
    assert max(ordinary, replicas + filled) == nodes_enough([*pods, tunnel], node, apart=True)


@pytest.mark.parametrize("count", [nodes_enough, lambda pods, node: by_the_gate(_size(node), node.pods, _sizes(pods))])
def test_many_kinds_are_taken_together(count: Callable[[Sequence[PodRequest], Allocatable], int]) -> None:
    """One kind above the most that are looked at one by one, the number only rises, and both come to the same."""
    pods = [PodRequest(f"k{kind}", 0.5 + kind / 100, (1 + kind % 7) * GIB, 3) for kind in range(MOST_KINDS + 1)]
    assert (count(pods[1:], NODE), count(pods, NODE)) == (15, 16)
