"""A driver of volumes for a cluster that has none: gives each claim a volume that is there and holds nothing."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from headroom.local.kubernetes.client import Api, Object, connect

_PLACED = "volume.kubernetes.io/selected-node"
"""What the scheduler writes on a claim once it has a node for its pod."""
_EVERY_S = 0.2


@contextmanager
def volume_driver(kubeconfig: Path) -> Iterator[None]:
    """Make a volume for every claim whose pod has a place, as a driver does, until the block ends."""
    stop = threading.Event()
    worker = threading.Thread(target=_serve, args=(connect(kubeconfig), stop), daemon=True)
    worker.start()
    try:
        yield
    finally:
        stop.set()
        worker.join()


def _serve(api: Api, stop: threading.Event) -> None:
    while not stop.wait(_EVERY_S):
        for claim in api.get("/api/v1/persistentvolumeclaims")["items"]:
            placed = _PLACED in claim["metadata"].get("annotations", {})
            if placed and claim["status"].get("phase") == "Pending" and not claim["spec"].get("volumeName"):
                api.apply(f"/api/v1/persistentvolumes/{_name(claim)}", _volume(claim))


def _name(claim: Object) -> str:
    return f"pvc-{claim['metadata']['uid']}"


def _volume(claim: Object) -> Object:
    metadata, spec = claim["metadata"], claim["spec"]
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": _name(claim)},
        "spec": {
            "capacity": spec["resources"]["requests"],
            "accessModes": spec["accessModes"],
            "storageClassName": spec["storageClassName"],
            "persistentVolumeReclaimPolicy": "Retain",
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "namespace": metadata["namespace"],
                "name": metadata["name"],
                "uid": metadata["uid"],
            },
            "hostPath": {"path": "/nowhere"},
        },
    }
