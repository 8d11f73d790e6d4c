"""Pods on nodes."""

from hypothesis import given
from hypothesis import strategies as st

from capacity.packing import Allocatable, PodRequest, first_fit

NODE = Allocatable(cpu_cores=16.0, memory_bytes=64 * 2**30, pods=110)

requests = st.lists(
    st.builds(
        PodRequest,
        name=st.sampled_from("abcdef"),
        cpu_cores=st.sampled_from([0.05, 0.5, 1.0, 3.0, 7.5, 16.0]),
        memory_bytes=st.integers(1, 64).map(lambda gib: gib * 2**30),
        count=st.integers(1, 8),
    ),
    max_size=8,
)


def test_identical_pods_fill_nodes_evenly() -> None:
    """21 pods of 4 cores need 6 nodes of 16; the pod limit binds where pods are tiny."""
    assert first_fit([PodRequest("a", 4.0, 2**30, 21)], NODE).nodes == 6
    assert first_fit([PodRequest("a", 0.001, 1, 111)], NODE).nodes == 2


def test_small_pods_fill_the_gaps_of_large_ones() -> None:
    """Two pods of 9 cores need two nodes; the seven cores left on each take what comes after."""
    assert first_fit([PodRequest("small", 7.0, 1, 2), PodRequest("large", 9.0, 1, 2)], NODE).nodes == 2


def test_what_no_node_takes_is_named() -> None:
    """A pod larger than a node is reported and not counted."""
    packed = first_fit([PodRequest("huge", 17.0, 1), PodRequest("a", 1.0, 1)], NODE)
    assert (packed.nodes, packed.too_large) == (1, ("huge",))


@given(requests)
def test_the_packing_holds_and_is_no_worse_than_its_law(pods: list[PodRequest]) -> None:
    """First-fit stays between the bound of each resource and one node a pod, and needs no node for nothing."""
    packed = first_fit(pods, NODE)
    count = sum(pod.count for pod in pods)
    lower = max(
        sum(pod.cpu_cores * pod.count for pod in pods) / NODE.cpu_cores,
        sum(pod.memory_bytes * pod.count for pod in pods) / NODE.memory_bytes,
        count / NODE.pods,
    )
    assert lower - 1e-9 <= packed.nodes <= count
    assert not packed.too_large


@given(requests, st.integers(0, 7))
def test_the_order_of_pods_does_not_matter(pods: list[PodRequest], turn: int) -> None:
    """Rotating the list of pods changes nothing."""
    assert first_fit(pods[turn:] + pods[:turn], NODE) == first_fit(pods, NODE)
