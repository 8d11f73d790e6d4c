"""The rendered observability on a real API server, and the autoscaler's metric by real Prometheus, adapter and controller."""

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from capacity import CapacityPlan
from components.observability.render import observability_resources
from components.workloads.scaling import METRIC
from headroom.blueprint import Rendered, encode
from headroom.local.cluster.nodes import NodeShape, ensure_nodes
from headroom.local.goprograms import ensure_adapter
from headroom.local.kubernetes.client import Api, Object, Refused, connect
from headroom.local.paths import paths
from headroom.local.prometheus import ensure_prometheus, serving
from headroom.ports import free_ports
from tests.cluster.objects import eventually, held, path
from tests.environments import planned

pytestmark = pytest.mark.needs("go", "install Go 1.26 or later (https://go.dev/doc/install)")

SPACE = "calls"
NAMES = {"app.kubernetes.io/name": "calls"}
PODS, DEPLOYMENT = f"/api/v1/namespaces/{SPACE}/pods", f"/apis/apps/v1/namespaces/{SPACE}/deployments/calls"
GROUP = "/apis/custom.metrics.k8s.io/v1beta2"


@dataclass
class Calls:
    """The sessions that the pods say they hold, shared evenly."""

    api: Api
    sessions: float = 0.0

    def page(self) -> str:
        """Return the metrics page of all pods, each under its own labels."""
        names = [pod["metadata"]["name"] for pod in self.api.get(PODS)["items"] if "deletionTimestamp" not in pod["metadata"]]
        each = self.sessions / max(1, len(names))
        return "".join(f'voice_active_sessions{{namespace="{SPACE}",pod="{name}",vertical="{SPACE}"}} {each}\n' for name in names)


def rendered(plan: CapacityPlan) -> dict[str, Rendered]:
    """Return what the component renders, by name."""
    return {resource.name: resource for resource in observability_resources(plan, parent="voice")}


@contextmanager
def answering(calls: Calls) -> Iterator[int]:
    """Yield the port on which the pods' metrics can be read."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = calls.page().encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def adapter(api: Api, kubeconfig: Path, objects: dict[str, Rendered], prometheus: str, folder: Path) -> Iterator[int]:
    """Yield the port of the adapter, run with the rendered arguments and configuration by the rendered account."""
    own = folder / "kubeconfig"
    document = yaml.safe_load(kubeconfig.read_text())
    token = api.call(
        "POST",
        "/api/v1/namespaces/observability/serviceaccounts/adapter/token",
        {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}},
    )["status"]["token"]
    document["users"][0]["user"] = {"token": token}
    own.write_text(yaml.safe_dump(document))
    (folder / "adapter.yaml").write_text(objects["observability-adapter-config"].props["data"]["adapter.yaml"])
    (port,) = free_ports(1)
    here = {
        "--config": folder / "adapter.yaml",
        "--prometheus-url": prometheus,
        "--secure-port": port,
        "--cert-dir": folder,
        "--metrics-relist-interval": "1s",
    }
    container = objects["observability-adapter-workload"].props["spec"]["template"]["spec"]["containers"][0]
    names = [argument.partition("=")[0] for argument in container["args"]]
    assert here.keys() <= set(names)
    arguments = [
        f"{name}={here[name]}" if name in here else argument for name, argument in zip(names, container["args"], strict=True)
    ]
    kubeconfigs = [f"--{purpose}-kubeconfig={own}" for purpose in ("lister", "authentication", "authorization")]
    command = [ensure_adapter(paths(), print), *arguments, "--bind-address=127.0.0.1", *kubeconfigs]
    with (folder / "adapter.log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            yield port
        finally:
            process.terminate()


def registered(objects: dict[str, Rendered], port: int) -> list[Object]:
    """The rendered APIService; only its address is replaced, for this cluster has no network of its own."""
    body: Object = {"type": "ExternalName", "externalName": "localhost", "ports": [{"port": port}]}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "adapter", "namespace": "observability"}, "spec": body}
    manifest = encode(objects["observability-custom-metrics"].props)
    manifest["spec"]["service"]["port"] = port
    return [service, manifest]


def workload(target: int) -> list[Object]:
    """A Deployment and its autoscaler on the metric, in a namespace."""
    container = {"name": "app", "image": "registry.example/calls"}
    template = {"metadata": {"labels": NAMES}, "spec": {"containers": [container]}}
    metadata = {"name": "calls", "namespace": SPACE}
    spec: Object = {"selector": {"matchLabels": NAMES}, "template": template}
    metric = {"metric": {"name": METRIC}, "target": {"type": "AverageValue", "averageValue": str(target)}}
    scaling: Object = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "calls"},
        "minReplicas": 2,
        "maxReplicas": 12,
        "metrics": [{"type": "Pods", "pods": metric}],
    }
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SPACE}},
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec},
        {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": metadata, "spec": scaling},
    ]


def test_every_object_is_accepted(kubeconfig: Path) -> None:
    """The API server takes every rendered object under strict validation, and the namespace admits every pod."""
    api = connect(kubeconfig)
    objects = [encode(resource.props) for resource in rendered(planned("prod")).values() if not resource.is_component]
    workloads = [path(api, found) for found in objects if found["kind"] in ("Deployment", "StatefulSet")]
    # Prometheus' pods wait for their disks, which nobody provides here.
    (prometheus,) = (one for one in workloads if one.endswith("/prometheus"))
    ensure_nodes(kubeconfig, (NodeShape("node-a", "32", "128Gi", labels={"headroom.dev/pool": "general"}),))
    with held(api, objects):
        for one in set(workloads) - {prometheus}:
            eventually(partial(_all_ready, api, one))
        pods = api.get("/api/v1/namespaces/observability/pods")["items"]
        assert sum(pod["metadata"]["labels"]["app.kubernetes.io/name"] == "prometheus" for pod in pods) == 2
    ensure_nodes(kubeconfig, ())


def _all_ready(api: Api, path: str) -> bool:
    workload = api.get(path)
    return bool(workload.get("status", {}).get("readyReplicas", 0) == workload["spec"]["replicas"])


def test_the_autoscaler_follows_the_session_gauge(kubeconfig: Path, tmp_path: Path) -> None:
    """The gauge on a metrics page moves replicas, through the rendered rules, roles and registration."""
    api, objects = connect(kubeconfig), rendered(planned("prod"))
    ensure_nodes(kubeconfig, (NodeShape("node-a", "8", "32Gi", labels={}),))
    names = [name for name in objects if name.startswith(("observability-adapter-", "observability-autoscalers-"))]
    roles = [name for name in names if "Role" in objects[name].props["kind"] or name.endswith("-account")]
    before = [encode(objects[name].props) for name in ("observability-namespace", *roles)]
    calls, programs, data = Calls(api), ensure_prometheus(paths(), print), tmp_path / "data"
    with held(api, [*before, *workload(target=100)]), answering(calls) as page:
        pods = {
            "job_name": "pods",
            "honor_labels": True,
            "scrape_interval": "1s",
            "scrape_timeout": "1s",
            "static_configs": [{"targets": [f"127.0.0.1:{page}"]}],
        }
        with (
            serving(programs, data, tmp_path, yaml.safe_dump({"scrape_configs": [pods]})) as prometheus,
            adapter(api, kubeconfig, objects, prometheus, tmp_path) as port,
            held(api, registered(objects, port)),
        ):
            eventually(lambda: _listed(api))
            calls.sessions = 750
            eventually(lambda: api.get(DEPLOYMENT)["spec"]["replicas"] == 8)
            eventually(lambda: len(api.get(f"{GROUP}/namespaces/{SPACE}/pods/*/{METRIC}")["items"]) == 8)
            calls.sessions = 300
            eventually(lambda: api.get(DEPLOYMENT)["spec"]["replicas"] == 3)
    ensure_nodes(kubeconfig, ())


def _listed(api: Api) -> bool:
    try:
        return any(one["name"] == f"pods/{METRIC}" for one in api.get(GROUP)["resources"])
    except Refused:
        return False
