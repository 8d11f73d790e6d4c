"""What the pods of every part have alike: no privileges, a read-only root, probes on a port apart, and distance."""

import math
from collections.abc import Mapping
from typing import Any

from capacity.sizing.pods import PodSize, Probes
from capacity.units import format_bytes, format_cores

USER = 10001
SCRATCH = "scratch"
PROBES = "probes"
"""The name of the port of probes, drain and metrics."""


def pod_of(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the pod that the spec of a workload makes."""
    pod: Mapping[str, Any] = (spec["jobTemplate"]["spec"] if "jobTemplate" in spec else spec)["template"]["spec"]
    return pod


def unprivileged_pod() -> dict[str, Any]:
    """Return the security context of a pod that the restricted Pod Security Standard admits."""
    return {"runAsNonRoot": True, "runAsUser": USER, "seccompProfile": {"type": "RuntimeDefault"}}


def unprivileged() -> dict[str, Any]:
    """Return the security context of a container that may neither rise nor write to its image."""
    return {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}


def resources(cpu_cores: float, memory_bytes: int) -> dict[str, Any]:
    """Return requests and limits that are the same, so that all of it is guaranteed."""
    size = {"cpu": format_cores(cpu_cores), "memory": format_bytes(memory_bytes)}
    return {"requests": size, "limits": dict(size)}


def scratch_volume(size_bytes: int) -> dict[str, Any]:
    """Return the volume behind /tmp of a pod's containers; the kubelet evicts a pod that fills it."""
    return {"name": SCRATCH, "emptyDir": {"sizeLimit": format_bytes(size_bytes)}}


def scratch_mount(container: str) -> dict[str, Any]:
    """Return /tmp of one container: a folder of its own on the pod's scratch volume."""
    return {"name": SCRATCH, "mountPath": "/tmp", "subPath": container}  # noqa: S108  # a path in the container


def spread(labels: Mapping[str, str], zones: int) -> list[dict[str, Any]]:
    """Return the constraints that keep a workload's pods apart: over nodes, and over zones where there are several.

    They weigh, they do not forbid: a pod must find room on the last node too, and zones that are lost still count as places.
    Pods of another version do not count, or a rollout would put the new ones where the old ones are not.
    """
    keys = ["kubernetes.io/hostname"] if zones == 1 else ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]
    return [
        {
            "maxSkew": 1,
            "topologyKey": key,
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": dict(labels)},
            "matchLabelKeys": ["pod-template-hash"],
        }
        for key in keys
    ]


def asked(probes: Probes) -> dict[str, Any]:
    """Return the probes and the drain of a container.

    /livez answers while the process runs, /readyz until it drains, full or not. /drain makes /readyz fail and answers when the
    last call has ended; the kubelet waits for that before it sends the signal to end, at most for the grace of the pod. A server
    that closes its sockets at the signal (uvicorn does) so has none left to close. docs/contract.md has the whole of it.
    """
    every = {"periodSeconds": math.ceil(probes.period), "timeoutSeconds": math.ceil(probes.timeout)}

    def probe(path: str, within: float) -> dict[str, Any]:
        return {
            "httpGet": {"path": path, "port": PROBES},
            **every,
            "failureThreshold": math.ceil(within / every["periodSeconds"]),
        }

    return {
        "startupProbe": probe("/livez", probes.start),
        "readinessProbe": probe("/readyz", probes.unready),
        "livenessProbe": probe("/livez", probes.dead),
        "lifecycle": {"preStop": {"httpGet": {"path": "/drain", "port": PROBES}}},
    }


def ports(port: int, probes: Probes) -> list[dict[str, Any]]:
    """Return the ports of a container that serves calls."""
    return [{"name": "http", "containerPort": port}, {"name": PROBES, "containerPort": probes.port}]


def sized_as(pod: PodSize) -> dict[str, Any]:
    """Return the resources of the only container of a part's pod."""
    return resources(pod.cpu, pod.memory)
