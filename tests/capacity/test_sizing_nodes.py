"""Nodes: enough after losses and while a rollout keeps old pods."""

import pytest

from capacity.packing import Allocatable, PodRequest
from capacity.sizing.nodes import Nodes, Rollout, moving_pods, rollout_seconds, size_nodes
from tests.capacity.sizing import NODES, nodes_of, read

POD = PodRequest("healthcare", 4.0, 16 * 2**30, count=18)


def test_n_plus_one() -> None:
    """18 pods of 4 cores on nodes of 15.5 need six of them; with one that may be gone seven."""
    enough = size_nodes(nodes_of(NODES, nodes=7, zones=1), [POD])
    assert (enough.required, enough.safe, enough.binding, enough.headroom) == (6, 6, "node loss", 0)
    short = size_nodes(nodes_of(NODES, nodes=6, zones=1), [POD]).shortfall
    assert short is not None
    assert (short.required, short.provided, short.remedy) == (6, 5, "raise nodes.nodes from 6 to 7")


def test_each_zone_holds_its_share_of_what_is_left() -> None:
    """R / (Z - 1) in each of Z zones: six nodes' pods need 9 in three zones, 12 in two."""
    for zones, nodes in ((3, 9), (2, 12)):
        assert size_nodes(nodes_of(NODES, zones=zones, nodes=nodes), [POD]).shortfall is None
        short = size_nodes(nodes_of(NODES, zones=zones, nodes=nodes - 1), [POD]).shortfall
        assert short is not None
        assert short.remedy == f"raise nodes.nodes from {nodes - 1} to {nodes}"


def test_uneven_zones_lose_their_largest() -> None:
    """Ten nodes in three zones are 4 + 3 + 3: without the largest six are left."""
    sizing = size_nodes(nodes_of(NODES, nodes=10), [POD])
    assert (sizing.binding, sizing.safe) == ("zone loss", 6)


def test_a_rollout_needs_room_for_what_surges_and_what_still_drains() -> None:
    """18 pods replaced two at a time, 30 s each, with calls of up to 300 s: 2 surge and all 18 old ones are still there."""
    pace = read(Rollout, {"surge": 2, "start": "30s"})
    slow, quick = moving_pods(POD, pace, 300.0), moving_pods(POD, pace, 60.0)
    assert (slow.count, quick.count) == (2 + 18, 2 + 4)
    assert moving_pods(POD, read(Rollout, {"surge": 2, "start": "30s", "drain": "60s"}), 300.0).count == 2 + 4
    assert size_nodes(nodes_of(NODES, zones=1), [POD], [quick]).shortfall is None
    short = size_nodes(nodes_of(NODES, zones=1), [POD], [slow]).shortfall
    assert short is not None
    assert short.remedy == "raise nodes.nodes from 9 to 13"


def test_a_rollout_lasts_its_starts_and_one_drain() -> None:
    """18 pods in batches of 3 are six starts, then the last calls end."""
    pace = read(Rollout, {"surge": 2, "unavailable": 1, "start": "30s"})
    assert rollout_seconds(18, pace, 600.0) == 6 * 30 + 600


def test_a_gpu_pool_counts_gpus() -> None:
    """Small pods that each ask for a GPU: 18 of them on nodes of four need five."""
    small = PodRequest("asr", 1.0, 2**30, count=18)
    assert size_nodes(Nodes(Allocatable(15.5, 60 * 2**30, 4), 9), [small]).required == 5
    assert size_nodes(nodes_of(NODES), [small]).required == 2


def test_a_pod_that_no_node_takes_is_named() -> None:
    """More of the same nodes do not help a pod that is too large: the remedy asks for others."""
    for pod, unit in ((PodRequest("big", 16.0, 2**30), "cores"), (PodRequest("big", 1.0, 2**40), "bytes")):
        short = size_nodes(nodes_of(NODES), [pod]).shortfall
        assert short is not None
        assert (short.unit, short.remedy) == (unit, "take nodes that hold a pod of big, or make it smaller")


def test_an_empty_pool_asks_for_nothing() -> None:
    """Without pods no node is needed and no headroom stated."""
    sizing = size_nodes(nodes_of(NODES, nodes=1, zones=1), [])
    assert (sizing.required, sizing.headroom, sizing.shortfall) == (0, None, None)


@pytest.mark.parametrize("zones", [1, 2, 3, 5])
@pytest.mark.parametrize("survive", [0, 1, 3])
@pytest.mark.parametrize("pods", [1, 7, 40])
def test_the_remedy_is_the_least_number_of_nodes(zones: int, survive: int, pods: int) -> None:
    """Counting up from one, the first number of nodes without a shortfall is the one that every smaller one names."""
    asked = [PodRequest("a", 4.0, 2**30, count=pods)]
    sizings = {count: size_nodes(nodes_of(NODES, zones=zones, survive=survive, nodes=count), asked) for count in range(1, 40)}
    least = next(count for count, sizing in sizings.items() if sizing.shortfall is None)
    for count, sizing in sizings.items():
        if count < least:
            assert sizing.shortfall is not None
            assert sizing.shortfall.remedy == f"raise nodes.nodes from {count} to {least}"
        else:
            assert sizing.shortfall is None
