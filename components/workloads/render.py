"""One vertical: its namespace, its pods, its autoscaler and what keeps them apart from the others."""

from typing import Any

from capacity.plan import LivePlan, QueuePlan
from capacity.spec import Pod
from capacity.units import format_bytes, format_cores
from components.kubernetes import DOMAIN, kubernetes_object, namespace
from components.workloads.network import network_policies
from components.workloads.scaling import autoscaler, prescale_resources
from headroom.blueprint import Rendered

SESSION_CONTAINER = "app"


def vertical_resources(vertical: LivePlan | QueuePlan, tools_image: str, *, parent: str) -> list[Rendered]:
    """Return the component of a vertical and every resource below it."""
    name = vertical.name
    space = f"{name}-namespace"
    resources = [
        Rendered("headroom:workloads:Vertical", name, _claims(vertical), parent=parent),
        namespace(name, resource=space, parent=name, labels={f"{DOMAIN}/vertical": name}),
        *network_policies(name, vertical.spec.port, serves=isinstance(vertical, LivePlan)),
        _deployment(vertical),
        _disruption_budget(name),
    ]
    if isinstance(vertical, LivePlan):
        resources += [
            _service(name, vertical.spec.port),
            autoscaler(vertical),
            *prescale_resources(vertical, tools_image),
        ]
    return resources


def _claims(vertical: LivePlan | QueuePlan) -> dict[str, Any]:
    claims: dict[str, Any] = {"vertical": vertical.name, "kind": vertical.spec.kind, "namespace": vertical.name}
    if isinstance(vertical, QueuePlan):
        return claims | {"replicas": vertical.spec.replicas, "depthCap": vertical.spec.depth_cap}
    return claims | {
        "forecastPeak": vertical.peak,
        "hardCeiling": vertical.ceiling.hard,
        "safeCeiling": vertical.ceiling.safe,
        "maximumReplicas": vertical.scaling.maximum,
        "provided": vertical.provided,
    }


def _deployment(vertical: LivePlan | QueuePlan) -> Rendered:
    name = vertical.name
    labels = {"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "headroom", f"{DOMAIN}/vertical": name}
    spec: dict[str, Any] = {
        "selector": {"matchLabels": {"app.kubernetes.io/name": name}},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
        "template": {
            "metadata": {"labels": labels, "annotations": _open_files(vertical.spec.pod)},
            "spec": {
                "automountServiceAccountToken": False,
                "nodeSelector": {f"{DOMAIN}/pool": vertical.spec.pool},
                "securityContext": {
                    "runAsNonRoot": True,
                    "runAsUser": 10001,
                    "seccompProfile": {"type": "RuntimeDefault"},
                },
                "containers": _containers(vertical),
            },
        },
    }
    if isinstance(vertical, QueuePlan):
        spec["replicas"] = vertical.spec.replicas
    else:
        spec["template"]["spec"]["terminationGracePeriodSeconds"] = vertical.spec.grace_seconds
    annotations = {f"{DOMAIN}/vertical": name, f"{DOMAIN}/kind": vertical.spec.kind}
    if isinstance(vertical, LivePlan):
        annotations |= _session_annotations(vertical)
    return kubernetes_object(
        f"{name}-deployment",
        "apps/v1",
        "Deployment",
        {"name": name, "namespace": name, "labels": labels, "annotations": annotations},
        {"spec": spec},
        parent=name,
        after=(f"{name}-namespace",),
    )


def _session_annotations(vertical: LivePlan) -> dict[str, str]:
    """Return what a session costs, as claims that the gate recomputes the ceilings from; no pod is rolled by them."""
    pod, cost = vertical.spec.pod, vertical.spec.session
    claims = {
        "session-container": SESSION_CONTAINER,
        "session-memory-bytes": str(cost.memory),
        "session-cpu-cores": _exact(cost.cpu),
        "session-descriptors": str(cost.descriptors),
        "base-memory-bytes": str(pod.base_memory),
        "base-cpu-cores": _exact(pod.base_cpu),
        "base-descriptors": str(pod.base_descriptors),
        "workers": str(pod.workers),
        "forecast-peak": str(vertical.peak),
    }
    if vertical.spec.cap is not None:
        claims |= {"session-cap": str(vertical.spec.cap.sessions), "session-cap-reason": vertical.spec.cap.reason}
    return {f"{DOMAIN}/{key}": value for key, value in claims.items()}


def _exact(cores: float) -> str:
    """Return cores to the ninth decimal, as the spec reads them: the gate must find the same ceiling."""
    return f"{cores:.9f}".rstrip("0").rstrip(".")


def _open_files(pod: Pod) -> dict[str, str]:
    """Return the pod annotation that sets the open files of one process (containerd's ulimit-adjuster plugin reads it)."""
    limit = f"- type: RLIMIT_NOFILE\n  hard: {pod.descriptors}\n  soft: {pod.descriptors}\n"
    return {f"ulimits.nri.containerd.io/container.{SESSION_CONTAINER}": limit}


def _containers(vertical: LivePlan | QueuePlan) -> list[dict[str, Any]]:
    pod = vertical.spec.pod
    requests = pod.requests or pod
    container: dict[str, Any] = {
        "name": SESSION_CONTAINER,
        "image": vertical.spec.image,
        "env": _environment(vertical),
        "resources": {
            "requests": {"cpu": format_cores(requests.cpu), "memory": format_bytes(requests.memory)},
            "limits": {"cpu": format_cores(pod.cpu), "memory": format_bytes(pod.memory)},
        },
        "securityContext": _unprivileged(),
    }
    if isinstance(vertical, LivePlan):
        container["ports"] = [{"name": "http", "containerPort": vertical.spec.port}]
        container["readinessProbe"] = {"httpGet": {"path": "/readyz", "port": "http"}, "periodSeconds": 5}
    return [
        container,
        *(_sidecar(sidecar.name, sidecar.image, sidecar.cpu, sidecar.memory) for sidecar in pod.sidecars),
    ]


def _sidecar(name: str, image: str, cpu_cores: float, memory_bytes: int) -> dict[str, Any]:
    size = {"cpu": format_cores(cpu_cores), "memory": format_bytes(memory_bytes)}
    return {
        "name": name,
        "image": image,
        "resources": {"requests": size, "limits": dict(size)},
        "securityContext": _unprivileged(),
    }


def _environment(vertical: LivePlan | QueuePlan) -> list[dict[str, str]]:
    if isinstance(vertical, QueuePlan):
        return [{"name": "HEADROOM_QUEUE_DEPTH_CAP", "value": str(vertical.spec.depth_cap)}]
    return [
        {"name": "HEADROOM_MAX_SESSIONS", "value": str(vertical.sessions_per_pod)},
        {"name": "HEADROOM_PORT", "value": str(vertical.spec.port)},
        {"name": "HEADROOM_WORKERS", "value": str(vertical.spec.pod.workers)},
    ]


def _unprivileged() -> dict[str, Any]:
    return {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def _service(name: str, port: int) -> Rendered:
    return kubernetes_object(
        f"{name}-service",
        "v1",
        "Service",
        {"name": name, "namespace": name, "labels": {"app.kubernetes.io/part-of": "headroom"}},
        {
            "spec": {
                "type": "ClusterIP",
                "selector": {"app.kubernetes.io/name": name},
                "ports": [{"name": "http", "port": port, "targetPort": "http", "protocol": "TCP"}],
            }
        },
        parent=name,
        after=(f"{name}-namespace",),
    )


def _disruption_budget(name: str) -> Rendered:
    return kubernetes_object(
        f"{name}-disruption-budget",
        "policy/v1",
        "PodDisruptionBudget",
        {"name": name, "namespace": name},
        {"spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"app.kubernetes.io/name": name}}}},
        parent=name,
        after=(f"{name}-namespace",),
    )
