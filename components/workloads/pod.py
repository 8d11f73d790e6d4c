"""The pod of a vertical: the container that holds its sessions, those beside it, and the check that runs before them."""

import math
from importlib.resources import files
from typing import Any

from capacity.plan import LivePlan, QueuePlan
from capacity.units import format_bytes, format_cores
from capacity.verticals import Pod, Sidecar
from components.kubernetes import DOMAIN, exact, labels, selected
from components.pods import asked, ports, resources, scratch_mount, scratch_volume, spread, unprivileged, unprivileged_pod
from components.servers import folder, from_secret
from components.workloads import pm2
from components.workloads.surroundings import Broker, Surroundings

SESSION_CONTAINER = "app"
CHECK = "limits"
"""The container that checks the limits before the others start."""


def pod_template(vertical: LivePlan | QueuePlan, around: Surroundings) -> dict[str, Any]:
    """Return the pod template of a vertical. Nothing of a forecast is in it: a new one must roll no pod."""
    name, spec = vertical.name, vertical.spec
    body: dict[str, Any] = {
        "serviceAccountName": name,
        "automountServiceAccountToken": False,
        "nodeSelector": {f"{DOMAIN}/pool": spec.pool},
        "topologySpreadConstraints": spread(selected(name), around.zones),
        "securityContext": unprivileged_pod(),
        "initContainers": [
            _check(vertical, around.tools_image),
            *(_sidecar(sidecar, around.brokers) for sidecar in spec.pod.sidecars),
        ],
        "containers": [_session_container(vertical, around)],
        "volumes": [
            scratch_volume(spec.pod.scratch),
            {"name": "program", "configMap": {"name": f"{name}-limits"}},
            *({"name": broker.name, "configMap": {"name": broker.settings}} for broker in around.brokers),
            *([{"name": "pm2", "configMap": {"name": f"{name}-pm2"}}] if _ecosystem(vertical) else []),
        ],
    }
    if isinstance(vertical, LivePlan):
        body["terminationGracePeriodSeconds"] = vertical.spec.grace_seconds
    if vertical.replaced.toleration_seconds is not None:
        body["tolerations"] = _lost_nodes(vertical.replaced.toleration_seconds)
    metadata = {"labels": {**labels(name), f"{DOMAIN}/vertical": name}, "annotations": _open_files(spec.pod)}
    return {"metadata": metadata, "spec": body}


def pod_files(vertical: LivePlan | QueuePlan) -> dict[str, dict[str, str]]:
    """Return the ConfigMaps that the pods read, by name."""
    name = vertical.name
    program = (files("components.workloads") / "check_limits.py").read_text(encoding="utf-8")
    found = {f"{name}-limits": {"check_limits.py": program}}
    ecosystem = _ecosystem(vertical)
    if ecosystem:
        found[f"{name}-pm2"] = {pm2.FILE: ecosystem}
    return found


def _ecosystem(vertical: LivePlan | QueuePlan) -> str:
    workers = vertical.workers if isinstance(vertical, LivePlan) else None
    return "" if workers is None else pm2.ecosystem(vertical.name, workers)


def _lost_nodes(seconds: int) -> list[dict[str, Any]]:
    keys = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
    return [{"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": seconds} for key in keys]


def _open_files(pod: Pod) -> dict[str, str]:
    """Return the annotations that set the open files of one process (containerd's ulimit-adjuster plugin reads them)."""
    limit = f"- type: RLIMIT_NOFILE\n  hard: {pod.descriptors}\n  soft: {pod.descriptors}\n"
    return {f"ulimits.nri.containerd.io/container.{name}": limit for name in (SESSION_CONTAINER, CHECK)}


def _check(vertical: LivePlan | QueuePlan, image: str) -> dict[str, Any]:
    """Return the container that ends the pod's start where a limit is below the plan.

    It asks what the session container asks, so that the pod as a whole asks no more for it.
    """
    command = ["python", "-I", "/program/check_limits.py", "--open-files", str(vertical.spec.pod.descriptors)]
    sockets = vertical.spec.sockets if isinstance(vertical, LivePlan) else None
    if sockets is not None:
        # The sizing counts on the lower of the two.
        command += ["--somaxconn", str(min(sockets.backlog.value, sockets.somaxconn.value))]
    return {
        "name": CHECK,
        "image": image,
        "command": command,
        "resources": _requested(vertical.spec.pod),
        "securityContext": unprivileged(),
        "volumeMounts": [folder("program", "/program")],
    }


def _requested(pod: Pod) -> dict[str, Any]:
    requests = pod.requests or pod
    return {
        "requests": {"cpu": format_cores(requests.cpu), "memory": format_bytes(requests.memory)},
        "limits": {"cpu": format_cores(pod.cpu), "memory": format_bytes(pod.memory)},
    }


def _session_container(vertical: LivePlan | QueuePlan, around: Surroundings) -> dict[str, Any]:
    spec = vertical.spec
    container: dict[str, Any] = {
        "name": SESSION_CONTAINER,
        "image": spec.image,
        "env": [*_environment(vertical), *_called(around), *_logins(around.brokers)],
        "resources": _requested(spec.pod),
        "securityContext": unprivileged(),
        "volumeMounts": [scratch_mount(SESSION_CONTAINER), *_settings(around.brokers)],
        **asked(spec.probes),
    }
    if isinstance(vertical, LivePlan):
        container["ports"] = ports(spec.port, spec.probes)
    else:  # it serves nobody, and its jobs are taken up again by others
        container["ports"] = [port for port in ports(spec.port, spec.probes) if port["name"] != "http"]
    if _ecosystem(vertical):
        container["command"] = list(pm2.COMMAND)
        container["env"].append({"name": "PM2_HOME", "value": "/tmp/pm2"})  # noqa: S108  # a path in the container
        container["volumeMounts"].append(folder("pm2", pm2.FOLDER))
    return container


def _sidecar(sidecar: Sidecar, brokers: tuple[Broker, ...]) -> dict[str, Any]:
    """Return a container that starts before the sessions' and is ended after it: calls that drain still need it."""
    return {
        "name": sidecar.name,
        "image": sidecar.image,
        "restartPolicy": "Always",
        "env": _logins(brokers),
        "resources": resources(sidecar.cpu, sidecar.memory),
        "securityContext": unprivileged(),
        "volumeMounts": [scratch_mount(sidecar.name), *_settings(brokers)],
    }


def _called(around: Surroundings) -> list[dict[str, str]]:
    telemetry = ({"name": name, "value": value} for name, value in around.telemetry.items())
    return [*(address.environment for address in around.calls), *telemetry]


def _logins(brokers: tuple[Broker, ...]) -> list[dict[str, Any]]:
    return [from_secret(f"HEADROOM_{broker.name.upper()}_PASSWORD", broker.login, "password") for broker in brokers]


def _settings(brokers: tuple[Broker, ...]) -> list[dict[str, Any]]:
    return [folder(broker.name, f"/etc/headroom/{broker.name}") for broker in brokers]


def _counted_on(pod: Pod) -> dict[str, object]:
    """Return what the plan counts on, for the check at the workload's own start (docs/contract.md); files are of a process."""
    requests = pod.requests or pod
    return {
        "HEADROOM_OPEN_FILES": pod.descriptors,
        "HEADROOM_MEMORY_BYTES": requests.memory,
        "HEADROOM_CPU_CORES": exact(requests.cpu),
    }


def _environment(vertical: LivePlan | QueuePlan) -> list[dict[str, str]]:
    values: dict[str, object] = {"HEADROOM_PROBE_PORT": vertical.spec.probes.port}
    if isinstance(vertical, QueuePlan):
        values["HEADROOM_QUEUE_DEPTH_CAP"] = vertical.spec.depth_cap
    else:
        values |= {
            "HEADROOM_MAX_SESSIONS": vertical.sessions_per_pod,
            "HEADROOM_PORT": vertical.spec.port,
            "HEADROOM_WORKERS": vertical.spec.pod.workers,
            "HEADROOM_DRAIN_SECONDS": math.ceil(vertical.spec.longest_call),
            **_counted_on(vertical.spec.pod),
        }
    return [{"name": name, "value": str(value)} for name, value in values.items()]
