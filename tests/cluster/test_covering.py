"""Nodes as they are planned, and the real scheduler with pods that come in one order and another."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from capacity.covering import nodes_enough
from capacity.packing import Allocatable, PodRequest, pack
from capacity.sizing.nodes import nodes_needed
from components.pods import spread
from headroom.local.cluster.nodes import NodeShape, ensure_nodes
from headroom.local.kubernetes.client import Api, connect
from tests.cluster.objects import eventually, held

pytestmark = pytest.mark.needs("go", "install Go 1.26 or later from https://go.dev/dl/")

SPACE = "covering"
ZONES = 3
MIB = 2**20
NODE = Allocatable(cpu_cores=8.0, memory_bytes=16 * 2**30, pods=30)
HOST, ZONE = "kubernetes.io/hostname", "topology.kubernetes.io/zone"


def largest_share(pod: PodRequest) -> float:
    """Return the share of a node that a pod asks for."""
    return max(pod.cpu_cores / NODE.cpu_cores, pod.memory_bytes / NODE.memory_bytes)


def by_chance(pods: Sequence[PodRequest], generator: np.random.Generator) -> list[PodRequest]:
    """Return the pods in an order of chance."""
    return [pods[at] for at in generator.permutation(len(pods))]


def largest_last(pods: Sequence[PodRequest], generator: np.random.Generator) -> list[PodRequest]:
    """Return the pods by chance but for the largest, which comes when the others have filled all nodes alike."""
    *others, last = sorted(pods, key=largest_share)
    return [*by_chance(others, generator), last]


ORDERS: dict[str, Callable[[Sequence[PodRequest], np.random.Generator], list[PodRequest]]] = {
    "smallest first": lambda pods, _: sorted(pods, key=largest_share),
    "largest first": lambda pods, _: sorted(pods, key=largest_share, reverse=True),
    "by chance": by_chance,
    "largest last": largest_last,
}


def mix(generator: np.random.Generator) -> list[PodRequest]:
    """Return some kinds of pods of up to half a node."""
    cores, memory, counts = generator.integers(2, 41, 5), generator.integers(1, 81, 5), generator.integers(2, 9, 5)
    kinds = zip(cores.tolist(), memory.tolist(), counts.tolist(), strict=True)
    return [PodRequest(f"kind-{at}", tenths / 10, size * 100 * MIB, count) for at, (tenths, size, count) in enumerate(kinds)]


@pytest.fixture(scope="module")
def api(kubeconfig: Path) -> Iterator[Api]:
    """The API server with a namespace for the pods."""
    client = connect(kubeconfig)
    account = f"/api/v1/namespaces/{SPACE}/serviceaccounts"
    with held(client, [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SPACE}}]):
        eventually(lambda: client.get(account)["items"])
        yield client
    ensure_nodes(kubeconfig, ())


@pytest.fixture
def scheduled(api: Api, kubeconfig: Path) -> Iterator["Scheduled"]:
    """Pods on the API server, gone after the test."""
    yield (pods := Scheduled(api, kubeconfig))
    pods.clear()


class Scheduled:
    """Pods that nobody owns: they come in the order that the test says, and again where their node is gone."""

    def __init__(self, api: Api, kubeconfig: Path) -> None:
        """Start with none."""
        self.api, self.kubeconfig = api, kubeconfig
        self.path = f"/api/v1/namespaces/{SPACE}/pods"
        self.nodes: set[str] = set()

    def on(self, nodes: Sequence[NodeShape]) -> None:
        """Have exactly these nodes."""
        ensure_nodes(self.kubeconfig, nodes)
        self.nodes = {node.name for node in nodes}

    def come(self, pods: Sequence[PodRequest]) -> None:
        """Make those of the pods that are not there, one after the other."""
        there = {pod["metadata"]["name"] for pod in self.api.get(self.path)["items"]}
        for pod in pods:
            if pod.name not in there:
                self.api.call("POST", self.path, _manifest(pod))

    def unplaced(self) -> dict[str, str]:
        """Return the pods without a node, and why the scheduler found none; empty where it has not looked yet."""
        waiting = {}
        for pod in self.api.get(self.path)["items"]:
            if pod["spec"].get("nodeName") not in self.nodes:
                conditions = pod["status"].get("conditions", [])
                waiting[pod["metadata"]["name"]] = next((one.get("reason", "") for one in conditions), "")
        return waiting

    def all_placed(self) -> None:
        """Wait until every pod has a node; fail as soon as the scheduler says that one finds none."""

        def placed() -> bool:
            waiting = self.unplaced()
            assert "Unschedulable" not in waiting.values(), waiting
            return not waiting

        eventually(placed)

    def clear(self) -> None:
        """Delete every pod."""
        self.api.delete(self.path, gracePeriodSeconds="0")
        eventually(lambda: not self.api.get(self.path)["items"])


def _manifest(pod: PodRequest) -> dict[str, Any]:
    kind = pod.name.rpartition("-")[0]
    labels = {"app.kubernetes.io/name": kind}
    requests = {"cpu": f"{round(pod.cpu_cores * 1000)}m", "memory": str(pod.memory_bytes)}
    spec: dict[str, Any] = {
        "containers": [
            {"name": "app", "image": "registry.example/app:1", "resources": {"requests": requests, "limits": requests}}
        ],
        "topologySpreadConstraints": [
            {key: value for key, value in one.items() if key != "matchLabelKeys"} for one in spread(labels, ZONES)
        ],
    }
    if pod.apart:
        term = {"labelSelector": {"matchLabels": labels}, "topologyKey": HOST}
        spec["affinity"] = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": pod.name, "labels": labels}, "spec": spec}


def _singles(pods: Sequence[PodRequest]) -> list[PodRequest]:
    return [replace(pod, name=f"{pod.name}-{number}", count=1) for pod in pods for number in range(pod.count)]


def _shapes(node: Allocatable, count: int) -> list[NodeShape]:
    return [
        NodeShape(
            name=f"covering-{number}",
            cpu=f"{round(node.cpu_cores * 1000)}m",
            memory=str(node.memory_bytes),
            pods=node.pods,
            labels={ZONE: f"zone-{number % ZONES}"},
        )
        for number in range(count)
    ]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_planned_nodes_are_enough_in_any_order(scheduled: Scheduled, seed: int, order: str) -> None:
    """On all nodes, without one, and without a zone: each pod finds room, and so does each that comes again."""
    generator = np.random.default_rng(seed)
    pods = mix(generator)
    coming = ORDERS[order](_singles(pods), generator)
    nodes = _shapes(NODE, nodes_needed(nodes_enough(pods, NODE), nodes_enough(pods, NODE, apart=True), survive=1, zones=ZONES))
    for kept in (nodes, nodes[1:], [node for node in nodes if node.labels[ZONE] != "zone-0"]):
        scheduled.on(nodes)
        scheduled.on(kept)
        scheduled.come(coming)
        scheduled.all_placed()


def test_what_could_be_packed_may_wait(scheduled: Scheduled) -> None:
    """Pods of a core stand two on each of three nodes of four; one of three cores waits until the planned fourth is there."""
    small, large = PodRequest("small", 1.0, 100 * MIB, 6), PodRequest("large", 3.0, 100 * MIB)
    node = Allocatable(4.0, 16 * 2**30, 30)
    best, planned = pack([small, large], node).nodes, nodes_enough([small, large], node)
    scheduled.on(_shapes(node, best))
    scheduled.come(_singles([small]))
    scheduled.all_placed()
    scheduled.come(_singles([large]))
    eventually(lambda: scheduled.unplaced() == {"large-0": "Unschedulable"})
    scheduled.on(_shapes(node, planned))
    eventually(lambda: not scheduled.unplaced())


def test_pods_that_stand_apart_find_a_node_each(scheduled: Scheduled) -> None:
    """Three that may not share a node come when others stand on all nodes, and find three of those that are planned."""
    pods = [PodRequest("small", 1.0, 100 * MIB, 30), PodRequest("apart", 2.0, 100 * MIB, 3, apart=True)]
    scheduled.on(_shapes(NODE, nodes_enough(pods, NODE, apart=True)))
    scheduled.come(_singles(pods))
    scheduled.all_placed()
