"""The stack `prod` on a real control plane, with nodes in the shapes of its plan."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest

from capacity import CapacityPlan
from components.workloads.scaling import METRIC
from headroom.cli.nodes import ZONE, node_shapes
from headroom.engine.run import Run
from headroom.local.cluster.custom_metrics import served_metric
from headroom.local.cluster.nodes import NodeShape, ensure_nodes
from headroom.local.engine import ensure_engine
from headroom.local.kubernetes.client import Api, Object, Refused, connect
from headroom.local.paths import paths
from stacks.voice import render
from tests.cluster.objects import eventually
from tests.cluster.volumes import volume_driver
from tests.environments import planned
from tests.projects import Project, make_project

pytestmark = pytest.mark.needs("go", "install Go 1.26 or later from https://go.dev/dl/")

PEAK = datetime.fromisoformat("2026-11-02T09:30:00-05:00")
AFTER = datetime.fromisoformat("2026-11-02T11:30:00-05:00")
LOCAL_PATH = "local-path"
"""The class of volumes that k3s brings."""


@pytest.fixture(scope="module")
def plan() -> CapacityPlan:
    """The plan of prod."""
    return planned("prod")


@pytest.fixture(scope="module")
def deployed(kubeconfig: Path, plan: CapacityPlan, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Project, Run]]:
    """Prod, deployed through engine, pack and stand-in to the real API server."""
    ensure_nodes(kubeconfig, node_shapes(plan))
    api = connect(kubeconfig)
    api.apply(f"/apis/storage.k8s.io/v1/storageclasses/{LOCAL_PATH}", _class(LOCAL_PATH))
    project = make_project(tmp_path_factory.mktemp("prod"), ensure_engine(paths(), print), kubeconfig)
    with volume_driver(kubeconfig):
        yield project, project.run("up", "prod")
    project.run("destroy", "prod", pack=False)
    for kind in ("persistentvolumeclaims", "persistentvolumes"):
        for found in api.get(f"/api/v1/{kind}")["items"]:
            space = found["metadata"].get("namespace")
            api.delete(f"/api/v1/{f'namespaces/{space}/' if space else ''}{kind}/{found['metadata']['name']}")
    ensure_nodes(kubeconfig, ())


@pytest.fixture
def api(kubeconfig: Path) -> Api:
    """The API server, as its administrator."""
    return connect(kubeconfig)


def test_every_rendered_object_is_accepted(deployed: tuple[Project, Run], plan: CapacityPlan) -> None:
    """The real API server takes every object under strict validation, and every workload rolls out."""
    _, ended = deployed
    kubernetes = [resource for resource in render(plan) if resource.type.startswith("kubernetes:")]
    created = [step for step in ended.events.steps if step.type.startswith("kubernetes:")]
    assert (ended.code, ended.events.errors) == (0, ())
    assert len(created) == len(kubernetes)


def test_a_second_up_changes_nothing(deployed: tuple[Project, Run]) -> None:
    """What the API server added to the objects is no difference."""
    project, _ = deployed
    again = project.run("up", "prod")
    assert (again.code, again.events.errors, set(again.events.changes)) == (0, (), {"same"})


@pytest.fixture
def at_maximum(deployed: tuple[Project, Run], plan: CapacityPlan, api: Api) -> Iterator[None]:
    """Every autoscaler at its maximum."""
    assert deployed[1].code == 0
    for vertical in plan.live:
        _patch_floor(api, vertical.name, vertical.scaling.maximum)
    yield
    for vertical in plan.live:
        _patch_floor(api, vertical.name, vertical.scaling.baseline)


@pytest.mark.usefixtures("at_maximum")
def test_every_pod_is_scheduled_at_maximum_replicas(plan: CapacityPlan, api: Api) -> None:
    """With every autoscaler at its maximum the real scheduler finds room for every pod of the stack on the plan's nodes."""
    expected = _expected(plan, {pool.name: pool.nodes for pool in plan.pools})
    assert len(expected) > 20
    _all_run(api, expected)


@pytest.mark.usefixtures("at_maximum")
@pytest.mark.parametrize("pool", ["general", "gpu"])
def test_every_pod_is_scheduled_without_a_node(plan: CapacityPlan, api: Api, kubeconfig: Path, pool: str) -> None:
    """Whichever pool loses a node, its pods find room on the others, and nothing else moves."""
    kept = [shape for shape in node_shapes(plan) if shape.name != f"{pool}-1"]
    _found_on(api, kubeconfig, plan, kept)


@pytest.mark.usefixtures("at_maximum")
@pytest.mark.parametrize("zone", ["zone-1", "zone-2", "zone-3"])
def test_every_pod_is_scheduled_without_a_zone(plan: CapacityPlan, api: Api, kubeconfig: Path, zone: str) -> None:
    """Whichever zone is lost, with machines of every pool, all pods find room in the others."""
    kept = [shape for shape in node_shapes(plan) if shape.labels[ZONE] != zone]
    assert len(kept) < len(node_shapes(plan)) - 1
    _found_on(api, kubeconfig, plan, kept)


def test_volumes_of_health_data_are_claimed_by_their_vertical_alone(deployed: tuple[Project, Run], api: Api) -> None:
    """The API server refuses a claim of healthcare's class elsewhere, and of another class in its namespace."""
    assert deployed[1].code == 0
    for namespace, volumes, allowed in (
        ("healthcare", "phi-healthcare", True),
        ("healthcare", "replicated", False),
        ("salon", "phi-healthcare", False),
        ("salon", "replicated", True),
    ):
        spec = {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": volumes,
            "resources": {"requests": {"storage": "1Gi"}},
        }
        claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "notes"}, "spec": spec}
        path = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims/notes"
        if allowed:
            api.apply(path, claim, dry_run=True)
        else:
            with pytest.raises(Refused, match="health data lies on volumes of its own vertical"):
                api.apply(path, claim, dry_run=True)


def test_the_prescale_program_sets_and_restores_the_floor(
    deployed: tuple[Project, Run], kubeconfig: Path, api: Api, plan: CapacityPlan, tmp_path: Path
) -> None:
    """As its own service account, on the real autoscaler: up at the peak, down only as far as the load holds the pods."""
    assert deployed[1].code == 0
    sales = next(vertical for vertical in plan.live if vertical.name == "sales")
    (window,) = sales.scaling.windows
    run = _program(api, kubeconfig, "sales", tmp_path)
    with served_metric(kubeconfig, METRIC) as metric:
        metric.set("sales", "*", 600)
        assert run("sales", PEAK).returncode == 0
        assert _floor(api, "sales") == window.replicas
        eventually(lambda: len(_ready_pods(api, "sales")) >= window.replicas)
        eventually(lambda: _seen(api, "sales") == 600)
        assert run("sales", AFTER).returncode == 0
        # 600 sessions at the target hold this many pods by themselves.
        assert _floor(api, "sales") == -(-600 // sales.scaling.target.sessions)
        metric.set("sales", "*", 10)
        eventually(lambda: _seen(api, "sales") == 10)
        assert run("sales", AFTER).returncode == 0
        assert _floor(api, "sales") == sales.scaling.baseline


def test_the_prescale_account_may_touch_nothing_else(
    deployed: tuple[Project, Run], kubeconfig: Path, api: Api, tmp_path: Path
) -> None:
    """The service account of one vertical is refused the autoscaler of another, and says so."""
    assert deployed[1].code == 0
    refused = _program(api, kubeconfig, "sales", tmp_path)("salon", PEAK)
    assert refused.returncode == 1
    assert "403" in refused.stderr


def _found_on(api: Api, kubeconfig: Path, plan: CapacityPlan, kept: list[NodeShape]) -> None:
    """Prove that all pods run on some of the plan's nodes, from all of them running on all; bring the nodes back."""
    _all_run(api, _expected(plan, {pool.name: pool.nodes for pool in plan.pools}))
    try:
        ensure_nodes(kubeconfig, kept)
        left = {pool.name: sum(shape.labels["headroom.dev/pool"] == pool.name for shape in kept) for pool in plan.pools}
        _all_run(api, _expected(plan, left))
    finally:
        ensure_nodes(kubeconfig, node_shapes(plan))


def _all_run(api: Api, expected: dict[str, int]) -> None:
    deadline = time.monotonic() + 90
    while short := _short(api, expected):
        assert time.monotonic() < deadline, f"ready and expected: {short}"
        time.sleep(0.5)


def _expected(plan: CapacityPlan, nodes: dict[str, int]) -> dict[str, int]:
    """Return how many pods of each workload must be ready, by the path of the workload."""
    most = {vertical.name: vertical.scaling.maximum for vertical in plan.live}
    expected = {}
    for resource in render(plan):
        kind = resource.type.rpartition(":")[2]
        if kind in ("Deployment", "StatefulSet", "DaemonSet"):
            metadata, spec = resource.props["metadata"], resource.props["spec"]
            if kind == "DaemonSet":
                pods = nodes[spec["template"]["spec"]["nodeSelector"]["headroom.dev/pool"]]
            else:
                pods = spec["replicas"] if "replicas" in spec else most[metadata["name"]]
            expected[f"/apis/apps/v1/namespaces/{metadata['namespace']}/{kind.lower()}s/{metadata['name']}"] = pods
    return expected


def _short(api: Api, expected: dict[str, int]) -> dict[str, tuple[int, int]]:
    """Return the workloads without exactly their ready pods: how many there are, how many there must be."""
    found = {}
    for path in expected:
        status = api.get(path)["status"]
        found[path] = int(status.get("numberReady" if "/daemonsets/" in path else "readyReplicas", 0))
    return {path: (found[path], pods) for path, pods in expected.items() if found[path] != pods}


def _class(name: str) -> Object:
    """Return the class of volumes that k3s brings."""
    body = {"provisioner": "rancher.io/local-path", "volumeBindingMode": "WaitForFirstConsumer"}
    return {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": name}, **body}


def _hpa(name: str) -> str:
    return f"/apis/autoscaling/v2/namespaces/{name}/horizontalpodautoscalers/{name}"


def _floor(api: Api, name: str) -> int:
    return int(api.get(_hpa(name))["spec"]["minReplicas"])


def _seen(api: Api, name: str) -> int | None:
    """The load that the autoscaler saw last, in sessions."""
    status = api.get(_hpa(name))["status"]
    for metric in status.get("currentMetrics") or []:
        value = metric.get("pods", {}).get("current", {}).get("averageValue")
        if value is not None:
            average = float(value[:-1]) / 1000 if value.endswith("m") else float(value)
            return round(average * int(status["currentReplicas"]))
    return None


def _patch_floor(api: Api, name: str, replicas: int) -> None:
    api.call("PATCH", _hpa(name), {"spec": {"minReplicas": replicas}}, content_type="application/merge-patch+json")


def _ready_pods(api: Api, name: str) -> list[str]:
    pods = api.get(f"/api/v1/namespaces/{name}/pods?labelSelector=app.kubernetes.io/name%3D{name}")["items"]
    return [
        pod["metadata"]["name"]
        for pod in pods
        if pod["spec"].get("nodeName")
        and any(
            condition["type"] == "Ready" and condition["status"] == "True" for condition in pod["status"].get("conditions", [])
        )
    ]


def _program(
    api: Api, kubeconfig: Path, vertical: str, folder: Path
) -> Callable[[str, datetime], "subprocess.CompletedProcess[str]"]:
    """The pre-scale program as deployed, run as a process with the token of its rendered service account."""
    import base64

    import yaml

    job = f"{vertical}-prescale"
    cluster = yaml.safe_load(kubeconfig.read_text())["clusters"][0]["cluster"]
    host, port = cluster["server"].removeprefix("https://").split(":")
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 600}}
    token = api.call("POST", f"/api/v1/namespaces/{vertical}/serviceaccounts/{job}/token", request)["status"]["token"]
    (folder / "token").write_text(token)
    authority = base64.b64decode(cluster["certificate-authority-data"]) if "certificate-authority-data" in cluster else b""
    (folder / "ca.crt").write_bytes(authority or Path(cluster["certificate-authority"]).read_bytes())
    program = folder / "prescale.py"
    program.write_text(api.get(f"/api/v1/namespaces/{vertical}/configmaps/{job}")["data"]["prescale.py"])

    def run(target: str, now: datetime) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-I", program, target, target, "--account", folder, "--now", now.isoformat()],
            env={"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return run
