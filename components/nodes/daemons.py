"""Daemons of ours that every node of a pool runs, and the namespace that they stand in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from capacity.machines import DaemonSize
from capacity.plan import CapacityPlan
from capacity.pool_plan import PoolPlan
from components.kubernetes import DOMAIN, kubernetes_object, labels, namespace, selected, service_account
from components.network import network_policies
from components.pods import resources
from headroom.blueprint import Rendered

SPACE = "node-bootstrap"
"""Their namespace: the one whose pods may mount folders of the machine."""
_SOCKET = "/var/run/nri/nri.sock"


@dataclass(frozen=True)
class Daemon:
    """What one DaemonSet is rendered from."""

    name: str
    kind: str
    """As the gate knows it."""
    pool: str
    image: str
    size: DaemonSize
    arguments: Sequence[str]
    volumes: Sequence[Mapping[str, Any]]
    mounts: Sequence[Mapping[str, Any]]
    runtime_class: str | None = None


def bootstrap_resources(plan: CapacityPlan, *, parent: str) -> list[Rendered]:
    """Return the namespace of daemons, and on every pool the one that sets the open files of pods; nothing without its image."""
    images = plan.images
    if images.ulimit_adjuster is None and images.device_plugin is None:
        return []
    resource = f"{SPACE}-namespace"
    found = [
        Rendered("headroom:nodes:Bootstrap", SPACE, {"namespace": SPACE}, parent=parent),
        namespace(SPACE, resource=resource, parent=SPACE, labels={"pod-security.kubernetes.io/enforce": "privileged"}),
        *network_policies(SPACE, parent=SPACE, space=resource),
        service_account(f"{SPACE}-account", SPACE, SPACE, parent=SPACE, space=resource),
    ]
    if images.ulimit_adjuster is not None:
        found += [daemon_set(_ulimit_adjuster(pool, images.ulimit_adjuster), after=(resource,)) for pool in plan.pools]
    return found


def daemon_set(daemon: Daemon, *, after: tuple[str, ...]) -> Rendered:
    """Return the DaemonSet of one daemon on one pool.

    It runs as root, for the kubelet's folders and containerd's socket are root's, and with no capability beyond that.
    """
    container = {
        "name": "daemon",
        "image": daemon.image,
        "args": list(daemon.arguments),
        "resources": resources(daemon.size.cpu, daemon.size.memory),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [dict(mount) for mount in daemon.mounts],
    }
    pod: dict[str, Any] = {
        "serviceAccountName": SPACE,
        "automountServiceAccountToken": False,
        "nodeSelector": {f"{DOMAIN}/pool": daemon.pool},
        # On every node, whatever keeps other pods off it.
        "tolerations": [{"operator": "Exists"}],
        "priorityClassName": "system-node-critical",
        "securityContext": {"runAsUser": 0, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
        "volumes": [dict(volume) for volume in daemon.volumes],
    }
    if daemon.runtime_class is not None:
        pod["runtimeClassName"] = daemon.runtime_class
    return kubernetes_object(
        f"{daemon.name}-daemon",
        "apps/v1",
        "DaemonSet",
        {
            "name": daemon.name,
            "namespace": SPACE,
            "labels": labels(daemon.name),
            "annotations": {f"{DOMAIN}/kind": daemon.kind},
        },
        {
            "spec": {
                "selector": {"matchLabels": selected(daemon.name)},
                "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}},
                "template": {"metadata": {"labels": labels(daemon.name)}, "spec": pod},
            }
        },
        parent=SPACE,
        after=after,
    )


def _ulimit_adjuster(pool: PoolPlan, image: str) -> Daemon:
    """Return containerd's plugin that sets open files by a pod's annotation (containerd/nri, contrib/kustomize)."""
    return Daemon(
        name=f"ulimit-adjuster-{pool.name}",
        kind="ulimit-adjuster",
        pool=pool.name,
        image=image,
        size=pool.spec.daemons.ulimit_adjuster,
        arguments=("-idx", "10"),
        volumes=[{"name": "nri", "hostPath": {"path": _SOCKET, "type": "Socket"}}],
        mounts=[{"name": "nri", "mountPath": _SOCKET}],
    )
