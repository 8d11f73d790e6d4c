"""Models on GPU nodes, as they are rendered, on a real API server and scheduler."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from capacity import CapacityPlan
from headroom.cli.nodes import ZONE, node_shapes
from headroom.local.cluster.nodes import NodeShape, ensure_nodes
from headroom.local.kubernetes.client import Api, connect
from stacks.voice import render
from tests.cluster.objects import eventually, held, parts, ready
from tests.environments import planned

pytestmark = pytest.mark.needs("go", "install Go 1.26 or later from https://go.dev/dl/")

PARTS = ("gpu", "nodes")


@pytest.fixture(scope="module")
def prod() -> CapacityPlan:
    """The plan of prod."""
    return planned("prod")


@pytest.fixture(scope="module")
def gpu_nodes(prod: CapacityPlan) -> list[NodeShape]:
    """The machines of prod's GPU pool."""
    return [shape for shape in node_shapes(prod) if shape.devices]


@pytest.fixture(scope="module")
def api(kubeconfig: Path, gpu_nodes: list[NodeShape], prod: CapacityPlan) -> Iterator[Api]:
    """The API server with the GPU nodes, the node daemons and the models of prod."""
    ensure_nodes(kubeconfig, gpu_nodes)
    client = connect(kubeconfig)
    with held(client, parts(render(prod), PARTS)):
        yield client
    ensure_nodes(kubeconfig, ())


def _all_stand(api: Api, prod: CapacityPlan) -> bool:
    wanted = {f"gpu-{name}": service.count for name, service in prod.stack.gpu.items()}
    return {name: ready(api, name) for name in wanted} == wanted


def _on_nodes(api: Api) -> Counter[str]:
    pods = [pod for pod in api.get("/api/v1/pods")["items"] if pod["metadata"]["namespace"].startswith("gpu-")]
    return Counter(pod["spec"]["nodeName"] for pod in pods if pod["spec"].get("nodeName"))


def test_every_model_finds_its_gpus(api: Api, prod: CapacityPlan, gpu_nodes: list[NodeShape]) -> None:
    """All pods run, never more on a node than it has GPUs; the daemons stand on every node; no pod without a GPU gets there."""
    eventually(lambda: _all_stand(api, prod))
    assert max(_on_nodes(api).values()) <= 4
    names = ("ulimit-adjuster-gpu", "device-plugin-gpu")
    sets = [f"/apis/apps/v1/namespaces/node-bootstrap/daemonsets/{name}" for name in names]
    eventually(lambda: [api.get(one)["status"].get("numberReady") for one in sets] == [len(gpu_nodes)] * 2)


def test_a_pod_without_a_gpu_stays_off_gpu_machines(api: Api) -> None:
    """The taint keeps a pod away that asks for no GPU, even one that selects the pool."""
    space = "/api/v1/namespaces/gpu-asr/pods"
    size = {"cpu": "1", "memory": "1Gi"}
    secure = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    container = {"name": "x", "image": "registry.example/x:1", "resources": {"requests": size}, "securityContext": secure}
    spec = {
        "nodeSelector": {"headroom.dev/pool": "gpu"},
        "securityContext": {"runAsNonRoot": True, "runAsUser": 1, "seccompProfile": {"type": "RuntimeDefault"}},
        "automountServiceAccountToken": False,
        "containers": [container],
    }
    api.apply(
        f"{space}/stray", {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "stray", "namespace": "gpu-asr"}, "spec": spec}
    )

    def refused() -> bool:
        conditions = api.get(f"{space}/stray")["status"].get("conditions", [])
        return any("untolerated taint" in condition.get("message", "") for condition in conditions)

    eventually(refused)
    api.delete(f"{space}/stray", gracePeriodSeconds="0")


def test_the_gpu_pool_survives_the_loss_of_a_zone(
    api: Api, prod: CapacityPlan, gpu_nodes: list[NodeShape], kubeconfig: Path
) -> None:
    """With every node of one zone gone, the scheduler places every model's pods on the nodes of the others."""
    eventually(lambda: _all_stand(api, prod))
    left = [shape for shape in gpu_nodes if shape.labels[ZONE] != "zone-1"]
    assert len(left) < len(gpu_nodes)
    ensure_nodes(kubeconfig, left)
    eventually(lambda: _all_stand(api, prod) and set(_on_nodes(api)) <= {shape.name for shape in left})
