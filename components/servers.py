"""What servers with a disk have alike: the claim on it, the container that reads their figures, and their secrets."""

from collections.abc import Mapping
from typing import Any

from capacity.sizing.exporter import Exporter
from capacity.units import format_bytes
from components.kubernetes import DOMAIN, kubernetes_object
from components.pods import USER, resources, unprivileged, unprivileged_pod
from headroom.blueprint import Rendered, digest

DISK = "data"
"""The name of a server's disk, which is its folder too."""


def pod_with_disk() -> dict[str, Any]:
    """Return the security context of a pod whose disk belongs to its user."""
    return {**unprivileged_pod(), "fsGroup": USER, "fsGroupChangePolicy": "OnRootMismatch"}


def disk_claim(storage_class: str, size_bytes: int) -> dict[str, Any]:
    """Return the claim of a server's disk, mounted at /data; it stays when the server goes."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": DISK},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": storage_class,
            "resources": {"requests": {"storage": format_bytes(size_bytes)}},
        },
    }


def disk_mount() -> dict[str, Any]:
    """Return where the disk is."""
    return {"name": DISK, "mountPath": f"/{DISK}"}


def folder(name: str, path: str) -> dict[str, Any]:
    """Return a volume's mount that nothing is written to."""
    return {"name": name, "mountPath": path, "readOnly": True}


def exporter_container(image: str, size: Exporter, port: int, **how: list[Any]) -> dict[str, Any]:
    """Return the container that gives a server's figures to Prometheus; its `args` and `env` say how it reads them."""
    return {
        "name": "exporter",
        "image": image,
        **how,
        "ports": [{"name": "metrics", "containerPort": port}],
        "resources": resources(size.cpu, size.memory),
        "securityContext": unprivileged(),
    }


def configured(text: str) -> dict[str, str]:
    """Return the annotation of a pod template that replaces the pods when their configuration changes: they read it once."""
    return {f"{DOMAIN}/config": digest({"text": text}).removeprefix("sha256:")[:16]}


def from_secret(variable: str, secret: str, key: str) -> dict[str, Any]:
    """Return an environment variable whose value an operator put into a Secret."""
    return {"name": variable, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}}


def config_map(resource: str, name: str, namespace: str, data: Mapping[str, str], *, parent: str, space: str) -> Rendered:
    """Return a ConfigMap; `space` makes its namespace."""
    metadata = {"name": name, "namespace": namespace}
    return kubernetes_object(resource, "v1", "ConfigMap", metadata, {"data": dict(data)}, parent=parent, after=(space,))
