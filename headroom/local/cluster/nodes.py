"""Nodes of the local cluster: real to the scheduler, played by kwok."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from headroom.local.cluster.components import NODE_ANNOTATION
from headroom.local.errors import ToolFailed
from headroom.local.kubernetes.client import Api, Object, connect

_READY_WITHIN_S = 60.0
_POLL_S = 0.1
_NOT_READY_TAINT = "node.kubernetes.io/not-ready"


@dataclass(frozen=True)
class Taint:
    """Keeps pods off a node that do not tolerate it."""

    key: str
    value: str
    effect: str


@dataclass(frozen=True)
class NodeShape:
    """A node as the scheduler sees it; its zone is the label ``topology.kubernetes.io/zone``."""

    name: str
    cpu: str
    """Allocatable, as a Kubernetes quantity such as ``16`` or ``3920m``."""
    memory: str
    """Allocatable, as a Kubernetes quantity such as ``64Gi``."""
    pods: int = 110
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: Sequence[Taint] = ()
    devices: Mapping[str, int] = field(default_factory=dict)
    """Extended resources, such as nvidia.com/gpu."""


def ensure_nodes(kubeconfig: Path, nodes: Sequence[NodeShape]) -> None:
    """Make the cluster's kwok nodes exactly ``nodes`` and wait until each takes pods.

    Of a kwok node that is not listed the pods are deleted with it, so that their owners make new ones elsewhere; nodes that
    kwok does not play are left alone.

    Raises ToolFailed naming the nodes that did not become ready, Refused where the API server refuses a node.
    """
    api = connect(kubeconfig)
    listed = {node.name for node in nodes}
    for gone in _kwok_nodes(api).keys() - listed:
        _remove(api, gone)
    for node in nodes:
        manifest = _manifest(node)
        api.apply(f"/api/v1/nodes/{node.name}", manifest)
        # The status of a node that was there before does not follow from the call above.
        api.apply(f"/api/v1/nodes/{node.name}/status", manifest)
    deadline = time.monotonic() + _READY_WITHIN_S
    while waiting := listed - {name for name, node in _kwok_nodes(api).items() if _takes_pods(node)}:
        if time.monotonic() > deadline:
            raise ToolFailed(
                f"{len(waiting)} of {len(listed)} nodes were not ready within {_READY_WITHIN_S:.0f} s",
                ", ".join(sorted(waiting)),
                "See `make cluster-status` and kwok.log beside the kubeconfig.",
            )
        time.sleep(_POLL_S)


def _kwok_nodes(api: Api) -> dict[str, Object]:
    key, value = NODE_ANNOTATION
    items = api.get("/api/v1/nodes")["items"]
    return {node["metadata"]["name"]: node for node in items if node["metadata"].get("annotations", {}).get(key) == value}


def _remove(api: Api, node: str) -> None:
    api.delete(f"/api/v1/nodes/{node}")
    for pod in api.get("/api/v1/pods", fieldSelector=f"spec.nodeName={node}")["items"]:
        metadata = pod["metadata"]
        # No grace: the kwok node that would confirm the end is gone.
        api.delete(f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}", gracePeriodSeconds="0")


def _manifest(node: NodeShape) -> Object:
    key, value = NODE_ANNOTATION
    devices = {name: str(count) for name, count in node.devices.items()}
    room = {"cpu": node.cpu, "memory": node.memory, "pods": str(node.pods), **devices}
    manifest: Object = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": node.name,
            "annotations": {key: value},
            "labels": {"kubernetes.io/hostname": node.name, **node.labels},
        },
        "status": {"allocatable": room, "capacity": room},
    }
    if node.taints:
        # Only then: the list has one owner, and the controllers keep their own taints in it.
        taints = [{"key": taint.key, "value": taint.value, "effect": taint.effect} for taint in node.taints]
        manifest["spec"] = {"taints": taints}
    return manifest


def _takes_pods(node: Object) -> bool:
    ready = any(
        condition["type"] == "Ready" and condition["status"] == "True" for condition in node["status"].get("conditions", [])
    )
    return ready and all(taint["key"] != _NOT_READY_TAINT for taint in node["spec"].get("taints", []))
