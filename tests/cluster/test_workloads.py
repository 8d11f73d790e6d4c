"""What the control plane does with objects: it validates, authorises, schedules and scales for real."""

import http.client
import ssl
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from headroom.local.cluster.custom_metrics import MetricHandle, served_metric
from headroom.local.cluster.nodes import NodeShape, Taint, ensure_nodes
from headroom.local.kubernetes.client import Api, Object, Refused, connect
from tests.cluster.objects import eventually

pytestmark = pytest.mark.needs("go", "install Go 1.26 or later (https://go.dev/doc/install)")

NAMESPACE = "workloads"
LABELS = {"app": "agent"}
DEPLOYMENTS = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
HPA = f"/apis/autoscaling/v2/namespaces/{NAMESPACE}/horizontalpodautoscalers/agent"
METRIC = "active_sessions_per_pod"
ZONE = "topology.kubernetes.io/zone"
NODES = tuple(NodeShape(f"node-{zone}", "8", "32Gi", labels={ZONE: zone}) for zone in ("a", "b"))


@pytest.fixture
def nodes(kubeconfig: Path) -> Iterator[None]:
    """Two nodes in two zones."""
    ensure_nodes(kubeconfig, NODES)
    yield
    ensure_nodes(kubeconfig, ())


@pytest.fixture
def api(kubeconfig: Path) -> Iterator[Api]:
    """The API server, with a namespace that has no workloads yet."""
    client = connect(kubeconfig)
    path = f"/api/v1/namespaces/{NAMESPACE}"
    client.apply(path, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    yield client
    client.delete(HPA)
    # From the top, so that nothing is made anew; to delete the namespace instead takes five seconds.
    for kind in (DEPLOYMENTS, DEPLOYMENTS.replace("deployments", "replicasets"), PODS):
        client.delete(kind, gracePeriodSeconds="0")


def code_of(call: Callable[[], object]) -> int:
    """The status code with which the API server answers the call."""
    try:
        call()
    except Refused as refusal:
        return refusal.code
    return http.client.OK


def deployment(**spec: Any) -> Object:
    """A Deployment of pods of 1 CPU each."""
    container = {
        "name": "agent",
        "image": "registry.example/agent:1",
        "resources": {"requests": {"cpu": "1", "memory": "1Gi"}},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "agent", "namespace": NAMESPACE},
        "spec": {
            "selector": {"matchLabels": LABELS},
            "template": {"metadata": {"labels": LABELS}, "spec": {"containers": [container]}},
            **spec,
        },
    }


def ready_pods(api: Api) -> list[Object]:
    """The pods of the namespace that would get traffic."""
    return [
        pod
        for pod in api.get(PODS)["items"]
        if "deletionTimestamp" not in pod["metadata"]
        and any(
            condition["type"] == "Ready" and condition["status"] == "True" for condition in pod["status"].get("conditions", [])
        )
    ]


def replicas(api: Api) -> int:
    """The ready replicas of the Deployment."""
    return int(api.get(f"{DEPLOYMENTS}/agent")["status"].get("readyReplicas", 0))


def condition(api: Api, name: str) -> str | None:
    """The status of one of the HPA's conditions."""
    conditions = api.get(HPA)["status"].get("conditions", [])
    return next((found["status"] for found in conditions if found["type"] == name), None)


def hpa(minimum: int, maximum: int, target: int) -> Object:
    """An HPA on the metric, without rate limits and without waiting."""
    fast = {"policies": [{"type": "Percent", "value": 900, "periodSeconds": 1}]}
    metric = {
        "metric": {"name": METRIC},
        "target": {"type": "AverageValue", "averageValue": str(target)},
    }
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "agent", "namespace": NAMESPACE},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "agent"},
            "minReplicas": minimum,
            "maxReplicas": maximum,
            "metrics": [{"type": "Pods", "pods": metric}],
            "behavior": {"scaleUp": fast, "scaleDown": {**fast, "stabilizationWindowSeconds": 0}},
        },
    }


@pytest.mark.usefixtures("nodes")
def test_pods_are_scheduled_and_ready(api: Api) -> None:
    """Pods of a Deployment land on the nodes, at most as many as their requests allow, and become ready."""
    api.apply(f"{DEPLOYMENTS}/agent", deployment(replicas=18))
    eventually(lambda: replicas(api) == 16)
    assert {pod["spec"]["nodeName"] for pod in ready_pods(api)} == {"node-a", "node-b"}
    waiting = [pod for pod in api.get(PODS)["items"] if "nodeName" not in pod["spec"]]
    assert len(waiting) == 2
    assert "Insufficient cpu" in waiting[0]["status"]["conditions"][0]["message"]


def test_nodes_become_exactly_the_listed_ones(api: Api, kubeconfig: Path) -> None:
    """A second list resizes, relabels and removes; pods of a removed node are made anew on those that are left."""
    ensure_nodes(kubeconfig, NODES)
    api.apply(f"{DEPLOYMENTS}/agent", deployment(replicas=6))
    eventually(lambda: replicas(api) == 6)
    taint = Taint("dedicated", "gpu", "NoSchedule")
    tainted = NodeShape("node-gpu", "96", "1Ti", labels={ZONE: "b"}, taints=(taint,))
    ensure_nodes(kubeconfig, (NodeShape("node-a", "16", "32Gi", labels={"pool": "x"}), tainted))
    found = {node["metadata"]["name"]: node for node in api.get("/api/v1/nodes")["items"]}
    assert found.keys() == {"node-a", "node-gpu"}
    assert found["node-a"]["status"]["allocatable"]["cpu"] == "16"
    assert found["node-a"]["metadata"]["labels"]["pool"] == "x"
    assert ZONE not in found["node-a"]["metadata"]["labels"]
    eventually(lambda: [pod["spec"]["nodeName"] for pod in ready_pods(api)] == ["node-a"] * 6)
    ensure_nodes(kubeconfig, ())


def test_nodes_of_others_are_left_alone(api: Api, kubeconfig: Path) -> None:
    """A node that kwok does not play is neither removed nor made ready."""
    path = "/api/v1/nodes/somebodys"
    api.apply(path, {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "somebodys"}})
    ensure_nodes(kubeconfig, ())
    assert api.get(path)["metadata"]["name"] == "somebodys"
    api.delete(path)


@pytest.mark.usefixtures("nodes")
def test_unready_pods_become_ready_again(api: Api) -> None:
    """A pod that a controller marked unready while its node was silent does not stay so."""
    api.apply(f"{DEPLOYMENTS}/agent", deployment(replicas=1))
    eventually(lambda: replicas(api) == 1)
    name = ready_pods(api)[0]["metadata"]["name"]
    condition = {"type": "Ready", "status": "False", "reason": "NodeNotReady"}
    body = {"status": {"conditions": [condition]}}
    api.call("PATCH", f"{PODS}/{name}/status", body, content_type="application/strategic-merge-patch+json")
    assert ready_pods(api) == []
    eventually(lambda: [pod["metadata"]["name"] for pod in ready_pods(api)] == [name])


def test_unknown_fields_are_refused(api: Api) -> None:
    """Strict validation names a misspelt field instead of dropping it."""
    with pytest.raises(Refused, match=r"\.spec\.replica: field not declared in schema") as refusal:
        api.apply(f"{DEPLOYMENTS}/agent", deployment(replica=2))
    assert refusal.value.code == http.client.INTERNAL_SERVER_ERROR
    with pytest.raises(Refused, match=r'unknown field "spec\.replica"'):
        api.call("POST", DEPLOYMENTS, deployment(replica=2), query={"fieldValidation": "Strict"})


def test_service_accounts_may_do_what_a_role_gives_them(api: Api) -> None:
    """The token of a service account reads nothing until a Role says so, and then only that."""
    core, rbac = (
        f"/api/v1/namespaces/{NAMESPACE}",
        f"/apis/rbac.authorization.k8s.io/v1/namespaces/{NAMESPACE}",
    )
    account = f"{core}/serviceaccounts/prescale"
    api.apply(account, {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "prescale"}})
    request = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"expirationSeconds": 600},
    }
    token = api.call("POST", f"{account}/token", request)["status"]["token"]
    own = replace(api, token=token)
    assert code_of(lambda: own.get(PODS)) == http.client.FORBIDDEN
    rule = {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}
    meta = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": "prescale"}}
    api.apply(f"{rbac}/roles/prescale", {**meta, "kind": "Role", "rules": [rule]})
    binding = {
        **meta,
        "kind": "RoleBinding",
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "prescale"},
        "subjects": [{"kind": "ServiceAccount", "name": "prescale", "namespace": NAMESPACE}],
    }
    api.apply(f"{rbac}/rolebindings/prescale", binding)
    eventually(lambda: code_of(lambda: own.get(PODS)) == http.client.OK)
    assert code_of(lambda: own.get(f"{core}/secrets")) == http.client.FORBIDDEN
    stranger = replace(api, token=token[:-1])
    assert code_of(lambda: stranger.get(PODS)) == http.client.UNAUTHORIZED


@pytest.mark.usefixtures("nodes")
def test_hpa_follows_the_served_metric(api: Api, kubeconfig: Path) -> None:
    """The real controller scales on our metric, up and down, and keeps its replicas where there is no load to know."""
    api.apply(f"{DEPLOYMENTS}/agent", deployment())
    with served_metric(kubeconfig, METRIC) as metric:
        metric.set(NAMESPACE, LABELS, 100)
        api.apply(HPA, hpa(2, 12, 100))
        eventually(lambda: replicas(api) == 2)
        metric.set(NAMESPACE, LABELS, 750)
        eventually(lambda: replicas(api) == 8)
        metric.set(NAMESPACE, LABELS, 300)
        eventually(lambda: replicas(api) == 3)
    # Without the server the metric is unknown.
    eventually(lambda: condition(api, "ScalingActive") == "False")
    assert replicas(api) == 3


def test_metric_is_served_to_the_api_server_only(api: Api, kubeconfig: Path) -> None:
    """Whoever has no certificate of the cluster's aggregator gets nothing from the metric's server."""
    with served_metric(kubeconfig, METRIC) as metric:
        metric.set(NAMESPACE, "*", 1)
        group = "/apis/custom.metrics.k8s.io/v1beta2"
        assert api.get(group)["resources"][0]["name"] == f"pods/{METRIC}"
        assert api.get(f"{group}/namespaces/{NAMESPACE}/pods/*/{METRIC}")["items"] == []
        assert code_of(lambda: api.get(f"{group}/namespaces/{NAMESPACE}/pods/*/other")) == http.client.NOT_FOUND
        service = api.get("/apis/apiregistration.k8s.io/v1/apiservices/v1beta2.custom.metrics.k8s.io")["spec"]
        anybody = ssl.create_default_context()
        anybody.check_hostname = False
        anybody.verify_mode = ssl.CERT_NONE
        connection = http.client.HTTPSConnection("127.0.0.1", service["service"]["port"], context=anybody, timeout=10)
        # TLS 1.3 refuses a client only after its first words: as an alert, or as an end if the alert comes too late.
        with pytest.raises((ssl.SSLError, ConnectionError)):
            _ask(connection, group)


def _ask(connection: http.client.HTTPSConnection, path: str) -> None:
    connection.request("GET", path)
    connection.getresponse()


def test_the_closest_load_applies() -> None:
    """Of the loads whose labels an HPA's selector has, the one with the most labels counts; without any there is none."""
    metric = MetricHandle(METRIC)
    assert metric.load("calls", "app=agent") is None
    metric.set("calls", "*", 1)
    metric.set("calls", {"app": "agent"}, 2)
    assert metric.load("calls", "app=agent,tier=voice") == 2
    assert metric.load("calls", "app=other") == 1
    assert metric.load("elsewhere", "app=agent") is None
    with pytest.raises(ValueError, match="total_load of calls is -1"):
        metric.set("calls", "*", -1)
