"""One vertical: its namespace, its pods, its autoscaler and what keeps them apart from the others."""

from typing import Any

from capacity.plan import LivePlan, QueuePlan
from components.kubernetes import (
    DOMAIN,
    HEALTH_DATA,
    disruption_budget,
    kubernetes_object,
    labels,
    namespace,
    selected,
    service,
    service_account,
)
from components.network import EDGE_NAMESPACE, OBSERVABILITY_NAMESPACE, WORLD, in_namespace, network_policies
from components.workloads.claims import session_annotations
from components.workloads.keda import scaled_object
from components.workloads.pod import pod_files, pod_template
from components.workloads.prescale_job import prescale_resources
from components.workloads.scaling import autoscaler
from components.workloads.surroundings import Surroundings
from headroom.blueprint import Rendered


def vertical_resources(vertical: LivePlan | QueuePlan, around: Surroundings, *, parent: str) -> list[Rendered]:
    """Return the component of a vertical and every resource below it."""
    name, space = vertical.name, f"{vertical.name}-namespace"
    ingress = [in_namespace(OBSERVABILITY_NAMESPACE, vertical.spec.probes.port)]
    if isinstance(vertical, LivePlan):
        ingress = [in_namespace(EDGE_NAMESPACE, vertical.spec.port), *ingress]
    egress = [WORLD, *(address.peer for address in around.calls)]
    health = {HEALTH_DATA: name} if vertical.spec.phi else {}
    return [
        Rendered("headroom:workloads:Vertical", name, _claims(vertical), parent=parent),
        namespace(name, resource=space, parent=name, labels={f"{DOMAIN}/vertical": name} | health),
        *network_policies(name, parent=name, space=space, ingress=ingress, egress=egress),
        service_account(f"{name}-account", name, name, parent=name, space=space),
        *(_config_map(name, file, data) for file, data in pod_files(vertical).items()),
        _deployment(vertical, around),
        disruption_budget(f"{name}-disruption-budget", name, name, 1, parent=name, space=space),
        *(_scaled(vertical, around) if isinstance(vertical, LivePlan) else []),
    ]


def _scaled(vertical: LivePlan, around: Surroundings) -> list[Rendered]:
    name, space = vertical.name, f"{vertical.name}-namespace"
    served = service(f"{name}-service", name, name, vertical.spec.port, parent=name, space=space)
    if around.scaling.autoscaler == "keda":
        return [served, scaled_object(vertical, around.scaling)]
    return [served, autoscaler(vertical, around.scaling), *prescale_resources(vertical, around.tools_image)]


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


def _config_map(vertical: str, name: str, data: dict[str, str]) -> Rendered:
    metadata = {"name": name, "namespace": vertical}
    after = (f"{vertical}-namespace",)
    return kubernetes_object(f"{name}-config", "v1", "ConfigMap", metadata, {"data": data}, parent=vertical, after=after)


def _deployment(vertical: LivePlan | QueuePlan, around: Surroundings) -> Rendered:
    name = vertical.name
    spec: dict[str, Any] = {
        "selector": {"matchLabels": selected(name)},
        "strategy": {
            "type": "RollingUpdate",
            "rollingUpdate": {"maxSurge": vertical.replaced.surge, "maxUnavailable": vertical.replaced.unavailable},
        },
        "template": pod_template(vertical, around),
    }
    annotations = {f"{DOMAIN}/vertical": name, f"{DOMAIN}/kind": vertical.spec.kind}
    if isinstance(vertical, QueuePlan):
        spec["replicas"] = vertical.spec.replicas
    else:
        annotations |= session_annotations(vertical)
    return kubernetes_object(
        f"{name}-deployment",
        "apps/v1",
        "Deployment",
        {
            "name": name,
            "namespace": name,
            "labels": {**labels(name), f"{DOMAIN}/vertical": name},
            "annotations": annotations,
        },
        {"spec": spec},
        parent=name,
        after=(f"{name}-namespace", f"{name}-account", *(f"{file}-config" for file in pod_files(vertical))),
    )
