"""The verticals of prod, as they are rendered, on a real API server, scheduler and autoscaler."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from capacity import CapacityPlan, plan
from components.workloads.scaling import METRIC
from headroom.blueprint import Blueprint, encode
from headroom.cli.nodes import node_shapes
from headroom.engine.definitions import TARGET, missing_definitions
from headroom.local.cluster.custom_metrics import served_metric
from headroom.local.cluster.nodes import ensure_nodes
from headroom.local.kubernetes.client import Api, Refused, connect
from headroom.local.target import Cluster
from headroom.local.target import encode as encode_target
from stacks.reading import read_lock, read_spec
from stacks.voice import render
from tests.cluster.objects import eventually, held, parts, put, ready, scaled_objects
from tests.environments import planned

pytestmark = pytest.mark.needs("go", "install Go 1.26 or later from https://go.dev/dl/")

PARTS = ("workloads", "tools", "gateway")


@pytest.fixture(scope="module")
def prod() -> CapacityPlan:
    """The plan of prod."""
    return planned("prod")


@pytest.fixture(scope="module")
def api(kubeconfig: Path, prod: CapacityPlan) -> Iterator[Api]:
    """The API server with prod's nodes and its verticals, executors and gateway."""
    ensure_nodes(kubeconfig, node_shapes(prod))
    client = connect(kubeconfig)
    with held(client, parts(render(prod), PARTS)):
        yield client
    ensure_nodes(kubeconfig, ())


def test_every_pod_of_the_fixed_parts_runs(api: Api, prod: CapacityPlan) -> None:
    """Executors, gateway and queue workers stand in the numbers of the plan, on nodes of their pool."""
    assert prod.stack.tools is not None
    assert prod.stack.gateway is not None
    expected = {"tools": prod.stack.tools.pods, "gateway": prod.stack.gateway.pods, "after-hours": 2}
    eventually(lambda: {name: ready(api, name) for name in expected} == expected)


def test_the_autoscalers_reach_the_planned_maximum(api: Api, prod: CapacityPlan, kubeconfig: Path) -> None:
    """On what is required by the lock's last day, the real controller takes every vertical to its maximum, and no further."""
    with served_metric(kubeconfig, METRIC) as metric:
        for live in prod.live:
            metric.set(live.name, "*", round(live.required.sessions))
        expected = {live.name: live.scaling.maximum for live in prod.live}
        eventually(lambda: {name: ready(api, name) for name in expected} == expected, within_s=180)


def test_a_vertical_at_its_maximum_is_spread_over_the_zones(api: Api, prod: CapacityPlan) -> None:
    """No zone has more than half of the pods of any vertical that has at least six."""
    zones = {
        node["metadata"]["name"]: node["metadata"]["labels"]["topology.kubernetes.io/zone"]
        for node in api.get("/api/v1/nodes")["items"]
        if "topology.kubernetes.io/zone" in node["metadata"]["labels"]
    }
    for live in prod.live:
        pods = api.get(f"/api/v1/namespaces/{live.name}/pods")["items"]
        stand = [zones[pod["spec"]["nodeName"]] for pod in pods if pod["spec"].get("nodeName")]
        if live.scaling.maximum >= 6:
            assert max(map(stand.count, set(stand))) <= len(stand) / 2, live.name


def test_a_privileged_pod_has_no_place_beside_them(api: Api) -> None:
    """The namespaces refuse a pod that may write to its root as somebody else."""
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "intruder", "namespace": "healthcare"},
        "spec": {"containers": [{"name": "x", "image": "registry.example/x:1", "securityContext": {"privileged": True}}]},
    }
    with pytest.raises(Refused, match='violates PodSecurity "restricted'):
        api.call("POST", "/api/v1/namespaces/healthcare/pods", pod)


@pytest.fixture(scope="module")
def keda() -> Blueprint:
    """Prod with KEDA as its autoscaler."""
    spec, lock = read_spec("prod", what_if=["scaling.autoscaler=keda"]), read_lock("prod")
    return render(plan(spec, lock, lock.data_end))


@pytest.mark.usefixtures("api")
def test_absent_definitions_are_named_before_anything_is_applied(kubeconfig: Path, keda: Blueprint, prod: CapacityPlan) -> None:
    """Without KEDA's definitions the check says which kind is missing and who needs it; Kubernetes' own kinds need none."""
    environ = {TARGET: encode_target(Cluster(kubeconfig))}
    (line,) = missing_definitions(keda, environ)
    assert line.startswith("the cluster knows no kind ScaledObject in keda.sh/v1alpha1, which healthcare-scaled-object, ")
    assert missing_definitions(render(prod), environ) == ()


def test_keda_takes_every_scaled_object(api: Api, kubeconfig: Path, keda: Blueprint) -> None:
    """By KEDA's own definition the server finds no field unknown and none wrong."""
    environ = {TARGET: encode_target(Cluster(kubeconfig))}
    scaled = [encode(one.props) for one in keda if one.type.endswith(":ScaledObject")]
    assert len(scaled) == 5
    with scaled_objects(api):
        eventually(lambda: missing_definitions(keda, environ) == ())
        for found in scaled:
            put(api, found)
        found = scaled[0]
        with pytest.raises(Refused, match="field not declared in schema"):
            put(api, {**found, "spec": {**found["spec"], "minReplicas": 2}})
