"""The programs of the namespace, each as a Deployment or a StatefulSet with its account, service and budget."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from capacity.observability import Servers
from components.kubernetes import DOMAIN, disruption_budget, kubernetes_object, labels, selected, service_account
from components.network import OBSERVABILITY_NAMESPACE as NAMESPACE
from components.pods import scratch_mount, scratch_volume, sized_as, spread, unprivileged
from components.servers import config_map, disk_mount, folder, pod_with_disk
from headroom.blueprint import Rendered, digest

COMPONENT = "observability"
SPACE = f"{COMPONENT}-namespace"
CONFIG_FOLDER = "/etc/headroom"


@dataclass(frozen=True)
class Program:
    """What one program's pods are rendered from."""

    name: str
    image: str
    servers: Servers
    zones: int
    scratch: int
    arguments: Sequence[str]
    ports: Mapping[str, int]
    """By name. The one called `metrics` is read by Prometheus; the first is what the service leads to."""
    ready: Mapping[str, Any]
    """The action of the readiness probe."""
    files: Mapping[str, str] = field(default_factory=dict)
    reloads: bool = False
    """Whether it reads changed files by itself. One that does not is restarted for them."""
    environment: Sequence[Mapping[str, Any]] = ()
    token: bool = False
    """Whether it talks to the API server."""
    disk: Mapping[str, Any] | None = None
    named: bool = False
    """Whether each pod has a name of its own, which the others know."""
    volumes: Sequence[tuple[Mapping[str, Any], str]] = ()
    """More of them, each with the folder that it is mounted at."""
    service_port: int | None = None
    """Left out: the first port."""


def program_resources(program: Program) -> list[Rendered]:
    """Return a program's account, files, pods, service and, with several pods, its budget."""
    name, resource = program.name, f"{COMPONENT}-{program.name}"
    made = {"parent": COMPONENT, "space": SPACE}
    port = next(iter(program.ports))
    listening = program.service_port or program.ports[port]
    return [
        service_account(f"{resource}-account", name, NAMESPACE, **made),
        *([config_map(f"{resource}-config", name, NAMESPACE, program.files, **made)] if program.files else []),
        _workload(program, resource),
        _service(f"{resource}-service", name, name, port, listening),
        *([_service(f"{resource}-pods", f"{name}-pods", name, port, listening, headless=True)] if program.named else []),
        *([disruption_budget(f"{resource}-disruption-budget", name, NAMESPACE, 1, **made)] if program.servers.pods > 1 else []),
    ]


def _workload(program: Program, resource: str) -> Rendered:
    name = program.name
    template: dict[str, Any] = {"metadata": {"labels": labels(name)}, "spec": _pod(program)}
    if program.files and not program.reloads:
        template["metadata"]["annotations"] = {f"{DOMAIN}/config": digest(dict(program.files))}
    spec: dict[str, Any] = {
        "replicas": program.servers.pods,
        "selector": {"matchLabels": selected(name)},
        "template": template,
    }
    if program.named:
        spec |= {"serviceName": f"{name}-pods", "podManagementPolicy": "Parallel"}
        if program.disk is not None:
            spec["volumeClaimTemplates"] = [dict(program.disk)]
    else:
        # The plan keeps no room for a pod more than there are.
        spec["strategy"] = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}
    return kubernetes_object(
        f"{resource}-workload",
        "apps/v1",
        "StatefulSet" if program.named else "Deployment",
        {"name": name, "namespace": NAMESPACE, "labels": labels(name), "annotations": {f"{DOMAIN}/kind": "watch"}},
        {"spec": spec},
        parent=COMPONENT,
        after=(f"{resource}-account", *((f"{resource}-config",) if program.files else ())),
    )


def _pod(program: Program) -> dict[str, Any]:
    mounts = [scratch_mount(program.name)]
    volumes: list[dict[str, Any]] = [scratch_volume(program.scratch)]
    if program.files:
        volumes.append({"name": "config", "configMap": {"name": program.name}})
        mounts.append(folder("config", CONFIG_FOLDER))
    for volume, path in program.volumes:
        volumes.append(dict(volume))
        mounts.append(folder(str(volume["name"]), path))
    if program.disk is not None:
        mounts.append(disk_mount())
    container = {
        "name": program.name,
        "image": program.image,
        "args": list(program.arguments),
        "env": [dict(variable) for variable in program.environment],
        "ports": [{"name": name, "containerPort": port} for name, port in program.ports.items()],
        "readinessProbe": {**program.ready, "periodSeconds": 5},
        "resources": sized_as(program.servers.pod),
        "securityContext": unprivileged(),
        "volumeMounts": mounts,
    }
    return {
        "serviceAccountName": program.name,
        "automountServiceAccountToken": program.token,
        "nodeSelector": {f"{DOMAIN}/pool": program.servers.pod.pool},
        "topologySpreadConstraints": spread(selected(program.name), program.zones),
        "securityContext": pod_with_disk(),
        "containers": [container],
        "volumes": volumes,
    }


def _service(resource: str, name: str, pods: str, port: str, listening: int, *, headless: bool = False) -> Rendered:
    spec: dict[str, Any] = {
        "type": "ClusterIP",
        "selector": selected(pods),
        "ports": [{"name": port, "port": listening, "targetPort": port, "protocol": "TCP"}],
    }
    if headless:
        # Servers must find one another before they are ready.
        spec |= {"clusterIP": "None", "publishNotReadyAddresses": True}
    metadata = {"name": name, "namespace": NAMESPACE, "labels": {"app.kubernetes.io/part-of": "headroom"}}
    return kubernetes_object(resource, "v1", "Service", metadata, {"spec": spec}, parent=COMPONENT, after=(SPACE,))
