"""A part of the stack that is one Deployment behind one service, of a size that the plan fixes."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from capacity.sizing.pods import PodSize, Probes
from components.kubernetes import (
    DOMAIN,
    disruption_budget,
    kubernetes_object,
    labels,
    namespace,
    selected,
    service,
    service_account,
)
from components.network import OBSERVABILITY_NAMESPACE, Peer, in_namespace, network_policies
from components.pods import asked, ports, scratch_mount, scratch_volume, sized_as, spread, unprivileged, unprivileged_pod
from headroom.blueprint import Rendered


@dataclass(frozen=True)
class Serving:
    """What one part's Deployment is rendered from."""

    name: str
    """Of the component, the namespace and everything in it."""
    kind: str
    """As the gate knows it."""
    image: str
    pods: int
    unavailable: int
    """Pods that may be gone at once: in a rollout, and when a node is emptied."""
    zones: int
    pod: PodSize
    scratch: int
    port: int
    probes: Probes
    drain_seconds: float
    environment: Mapping[str, str]
    ingress: Sequence[Peer]
    egress: Sequence[Peer]
    files: Mapping[str, str] = field(default_factory=dict)
    """The data of a ConfigMap of the part's name; its folder in the container is /etc/headroom."""
    devices: Mapping[str, int] = field(default_factory=dict)
    """Extended resources of a pod, such as GPUs."""
    runtime_class: str | None = None
    tolerations: Sequence[Mapping[str, Any]] = ()
    more_labels: Mapping[str, str] = field(default_factory=dict)
    """Of the pods, beside those by which they are found."""


def serving_resources(part: Serving) -> list[Rendered]:
    """Return everything below the component of a part: namespace, policies, account, Deployment, service and budget."""
    name, space = part.name, f"{part.name}-namespace"
    after = (space, f"{name}-config") if part.files else (space,)
    ingress = [*part.ingress, in_namespace(OBSERVABILITY_NAMESPACE, part.probes.port)]
    metadata = {"name": name, "namespace": name}
    config = kubernetes_object(
        f"{name}-config", "v1", "ConfigMap", metadata, {"data": dict(part.files)}, parent=name, after=(space,)
    )
    return [
        namespace(name, resource=space, parent=name),
        *network_policies(name, parent=name, space=space, ingress=ingress, egress=part.egress),
        service_account(f"{name}-account", name, name, parent=name, space=space),
        *([config] if part.files else []),
        kubernetes_object(
            f"{name}-deployment",
            "apps/v1",
            "Deployment",
            {**metadata, "labels": labels(name), "annotations": {f"{DOMAIN}/kind": part.kind}},
            {"spec": _deployment(part)},
            parent=name,
            after=after,
        ),
        service(f"{name}-service", name, name, part.port, parent=name, space=space),
        disruption_budget(f"{name}-disruption-budget", name, name, part.unavailable, parent=name, space=space),
    ]


def _deployment(part: Serving) -> dict[str, Any]:
    container: dict[str, Any] = {
        "name": "app",
        "image": part.image,
        "env": [{"name": name, "value": value} for name, value in part.environment.items()],
        "ports": ports(part.port, part.probes),
        "resources": _with_devices(sized_as(part.pod), part.devices),
        "securityContext": unprivileged(),
        "volumeMounts": [scratch_mount("app")],
        **asked(part.probes),
    }
    volumes = [scratch_volume(part.scratch)]
    if part.files:
        container["volumeMounts"].append({"name": "config", "mountPath": "/etc/headroom", "readOnly": True})
        volumes.append({"name": "config", "configMap": {"name": part.name}})
    return {
        "replicas": part.pods,
        "selector": {"matchLabels": selected(part.name)},
        # The plan keeps no room for a pod more than there are.
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": part.unavailable}},
        "template": {
            "metadata": {"labels": {**labels(part.name), **part.more_labels}},
            "spec": {
                **({} if part.runtime_class is None else {"runtimeClassName": part.runtime_class}),
                **({"tolerations": [dict(one) for one in part.tolerations]} if part.tolerations else {}),
                "serviceAccountName": part.name,
                "automountServiceAccountToken": False,
                "nodeSelector": {f"{DOMAIN}/pool": part.pod.pool},
                "topologySpreadConstraints": spread(selected(part.name), part.zones),
                "terminationGracePeriodSeconds": math.ceil(part.drain_seconds),
                "securityContext": unprivileged_pod(),
                "containers": [container],
                "volumes": volumes,
            },
        },
    }


def _with_devices(size: dict[str, Any], devices: Mapping[str, int]) -> dict[str, Any]:
    counts = {name: str(count) for name, count in devices.items()}
    return {bound: {**given, **counts} for bound, given in size.items()}
