"""A part of the stack that is one Deployment behind one service, of a size that the plan fixes."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from capacity.plan import CapacityPlan
from capacity.sizing.pods import FixedPods, PodSize, Probes
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
from components.servers import folder
from headroom.blueprint import Rendered

SECRETS_FOLDER = "/etc/headroom-secrets"


@dataclass(frozen=True)
class Served:
    """How many pods of what size answer, where they stand, and how one ends."""

    pods: int
    unavailable: int
    """Pods that may be gone at once: in a rollout, and when a node is emptied."""
    zones: int
    pod: PodSize
    scratch: int
    port: int
    probes: Probes
    drain_seconds: float


@dataclass(frozen=True)
class Serving:
    """What one part's Deployment is rendered from."""

    name: str
    """Of the component, the namespace and everything in it."""
    kind: str
    """As the gate knows it."""
    image: str
    served: Served
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
    space_labels: Mapping[str, str] = field(default_factory=dict)
    """Of the namespace, beside those of every one."""
    secrets: Sequence[str] = ()
    """Secrets of the namespace that an operator makes; each is a folder of files below /etc/headroom-secrets."""
    claims: Mapping[str, str] = field(default_factory=dict)
    """Annotations of the Deployment, beside its kind."""


def served_by(section: FixedPods, plan: CapacityPlan) -> Served:
    """Return what a section of the spec says of its pods."""
    return Served(
        pods=section.pods,
        unavailable=max(1, section.survive),
        zones=next(pool.zones for pool in plan.pools if pool.name == section.pod.pool),
        pod=section.pod,
        scratch=section.scratch,
        port=section.port,
        probes=section.probes,
        drain_seconds=section.drain,
    )


def serving_resources(part: Serving) -> list[Rendered]:
    """Return everything below the component of a part: namespace, policies, account, Deployment, service and budget."""
    name, space = part.name, f"{part.name}-namespace"
    after = (space, f"{name}-config") if part.files else (space,)
    ingress = [*part.ingress, in_namespace(OBSERVABILITY_NAMESPACE, part.served.probes.port)]
    metadata = {"name": name, "namespace": name}
    config = kubernetes_object(
        f"{name}-config", "v1", "ConfigMap", metadata, {"data": dict(part.files)}, parent=name, after=(space,)
    )
    return [
        namespace(name, resource=space, parent=name, labels=part.space_labels),
        *network_policies(name, parent=name, space=space, ingress=ingress, egress=part.egress),
        service_account(f"{name}-account", name, name, parent=name, space=space),
        *([config] if part.files else []),
        kubernetes_object(
            f"{name}-deployment",
            "apps/v1",
            "Deployment",
            {**metadata, "labels": labels(name), "annotations": {f"{DOMAIN}/kind": part.kind, **part.claims}},
            {"spec": _deployment(part)},
            parent=name,
            after=after,
        ),
        service(f"{name}-service", name, name, part.served.port, parent=name, space=space),
        disruption_budget(f"{name}-disruption-budget", name, name, part.served.unavailable, parent=name, space=space),
    ]


def _deployment(part: Serving) -> dict[str, Any]:
    container: dict[str, Any] = {
        "name": "app",
        "image": part.image,
        "env": [{"name": name, "value": value} for name, value in part.environment.items()],
        "ports": ports(part.served.port, part.served.probes),
        "resources": _with_devices(sized_as(part.served.pod), part.devices),
        "securityContext": unprivileged(),
        "volumeMounts": [scratch_mount("app")],
        **asked(part.served.probes),
    }
    volumes = [scratch_volume(part.served.scratch)]
    if part.files:
        container["volumeMounts"].append({"name": "config", "mountPath": "/etc/headroom", "readOnly": True})
        volumes.append({"name": "config", "configMap": {"name": part.name}})
    for secret in part.secrets:
        container["volumeMounts"].append(folder(secret, f"{SECRETS_FOLDER}/{secret}"))
        volumes.append({"name": secret, "secret": {"secretName": secret}})
    return {
        "replicas": part.served.pods,
        "selector": {"matchLabels": selected(part.name)},
        # The plan keeps no room for a pod more than there are.
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": part.served.unavailable}},
        "template": {
            "metadata": {"labels": {**labels(part.name), **part.more_labels}},
            "spec": {
                **({} if part.runtime_class is None else {"runtimeClassName": part.runtime_class}),
                **({"tolerations": [dict(one) for one in part.tolerations]} if part.tolerations else {}),
                "serviceAccountName": part.name,
                "automountServiceAccountToken": False,
                "nodeSelector": {f"{DOMAIN}/pool": part.served.pod.pool},
                "topologySpreadConstraints": spread(selected(part.name), part.served.zones),
                "terminationGracePeriodSeconds": math.ceil(part.served.drain_seconds),
                "securityContext": unprivileged_pod(),
                "containers": [container],
                "volumes": volumes,
            },
        },
    }


def _with_devices(size: dict[str, Any], devices: Mapping[str, int]) -> dict[str, Any]:
    counts = {name: str(count) for name, count in devices.items()}
    return {bound: {**given, **counts} for bound, given in size.items()}
