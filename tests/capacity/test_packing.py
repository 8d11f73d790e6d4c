"""Pods on nodes."""

import itertools
from collections.abc import Sequence
from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from capacity.packing import MOST_KINDS, Allocatable, PodRequest, pack

NODE = Allocatable(cpu_cores=16.0, memory_bytes=64 * 2**30, pods=110)
GIB = 2**30

requests = st.lists(
    st.builds(
        PodRequest,
        name=st.sampled_from("abcdef"),
        cpu_cores=st.sampled_from([0.05, 0.5, 1.0, 3.0, 7.5, 16.0]),
        memory_bytes=st.integers(1, 64).map(lambda gib: gib * GIB),
        count=st.integers(1, 8),
    ),
    max_size=8,
)
few = st.lists(
    st.builds(
        PodRequest,
        name=st.just("a"),
        cpu_cores=st.integers(1, 12).map(float),
        memory_bytes=st.integers(1, 12).map(lambda gib: gib * GIB),
        count=st.integers(1, 3),
    ),
    min_size=1,
    max_size=3,
)
SMALL = Allocatable(cpu_cores=12.0, memory_bytes=12 * GIB, pods=3)


def fewest(pods: Sequence[PodRequest], node: Allocatable) -> int:
    """Return the optimum, by trying every filling of a node for every rest."""
    sizes = [(int(pod.cpu_cores), pod.memory_bytes // GIB) for pod in pods]
    fillings = [
        taken
        for taken in itertools.product(*(range(pod.count + 1) for pod in pods))
        if 0 < sum(taken) <= node.pods
        and sum(count * size[0] for count, size in zip(taken, sizes, strict=True)) <= node.cpu_cores
        and sum(count * size[1] for count, size in zip(taken, sizes, strict=True)) * GIB <= node.memory_bytes
    ]

    @cache
    def least(left: tuple[int, ...]) -> int:
        if not any(left):
            return 0
        return 1 + min(
            least(tuple(stock - count for stock, count in zip(left, taken, strict=True)))
            for taken in fillings
            if all(count <= stock for stock, count in zip(left, taken, strict=True))
        )

    return least(tuple(pod.count for pod in pods))


def test_identical_pods_fill_nodes_evenly() -> None:
    """21 pods of 4 cores need 6 nodes of 16; the pod limit binds where pods are tiny."""
    assert pack([PodRequest("a", 4.0, 2**30, 21)], NODE).nodes == 6
    assert pack([PodRequest("a", 0.001, 1, 111)], NODE).nodes == 2


def test_small_pods_fill_the_gaps_of_large_ones() -> None:
    """Two pods of 9 cores need two nodes; the seven cores left on each take what comes after."""
    assert pack([PodRequest("small", 7.0, 1, 2), PodRequest("large", 9.0, 1, 2)], NODE).nodes == 2


def test_pods_that_want_different_things_share_a_node() -> None:
    """Ten pods of cores and ten of memory share ten nodes, which first-fit by the largest share alone would not find."""
    cores, memory, small = PodRequest("cores", 6.0, 4 * GIB, 20), PodRequest("memory", 2.0, 24 * GIB, 20), PodRequest("s", 4, GIB)
    assert pack([cores, memory], NODE).nodes == 10
    assert pack([cores, memory, small], NODE).nodes == 11


def test_what_no_node_takes_is_named() -> None:
    """A pod larger than a node is reported and not counted."""
    packed = pack([PodRequest("huge", 17.0, 1), PodRequest("a", 1.0, 1)], NODE)
    assert (packed.nodes, packed.too_large) == (1, ("huge",))


def test_binary_fractions_take_no_room() -> None:
    """Ten pods of 0.1 cores fill a node of 1, and 0.1 + 0.2 fits on 0.3."""
    assert pack([PodRequest("a", 0.1, 1, 10)], Allocatable(1.0, GIB, 110)).nodes == 1
    assert Allocatable(0.3, GIB, 110).holds(PodRequest("a", 0.1 + 0.2, 1))


@given(requests)
def test_the_packing_is_between_its_bounds(pods: list[PodRequest]) -> None:
    """The nodes lie between the bound of each resource and one node a pod, and nothing needs none."""
    packed = pack(pods, NODE)
    count = sum(pod.count for pod in pods)
    lower = max(
        sum(pod.cpu_cores * pod.count for pod in pods) / NODE.cpu_cores,
        sum(pod.memory_bytes * pod.count for pod in pods) / NODE.memory_bytes,
        count / NODE.pods,
    )
    assert lower - 1e-9 <= packed.nodes <= count
    assert not packed.too_large


@settings(deadline=None)
@given(few)
def test_the_packing_exists_and_is_at_most_one_over_the_optimum(pods: list[PodRequest]) -> None:
    """Against every packing of small sets there is: never fewer nodes than the best, at most one more."""
    optimum = fewest(pods, SMALL)
    assert optimum <= pack(pods, SMALL).nodes <= optimum + 1


@given(requests, st.integers(0, 7))
def test_the_order_and_the_grouping_of_pods_do_not_matter(pods: list[PodRequest], turn: int) -> None:
    """Rotating the list, or naming pods one by one, changes nothing."""
    singles = [PodRequest(f"{pod.name}-{number}", pod.cpu_cores, pod.memory_bytes) for pod in pods for number in range(pod.count)]
    assert pack(pods[turn:] + pods[:turn], NODE) == pack(pods, NODE) == pack(singles, NODE)


@given(requests, requests)
def test_more_pods_never_take_many_fewer_nodes(pods: list[PodRequest], more: list[PodRequest]) -> None:
    """The count may fall by one where pods are added, never by more: each is at most a little over its optimum, which cannot."""
    assert pack([*pods, *more], NODE).nodes >= pack(pods, NODE).nodes - 1


def test_many_kinds_are_packed_first_fit() -> None:
    """One kind above the most that nodes are filled with one by one, only first-fit is tried, which takes a node more."""
    pods = [PodRequest(f"k{kind}", 0.5 + kind / 100, (1 + kind % 7) * GIB, 3) for kind in range(MOST_KINDS + 1)]
    assert pack(pods[1:], NODE).nodes < pack(pods, NODE).nodes
