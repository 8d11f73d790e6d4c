"""What scales a workload: a HorizontalPodAutoscaler, or KEDA's ScaledObject. Both answer the same questions."""

from dataclasses import dataclass

from policies.margins import TOLERANCE
from policies.scaled_object import SCALED_OBJECT, cron_schedule, sessions_target
from policies.schedule import Schedule, schedule_of
from policies.stack import Identity, Place, Resource, Unreadable, field, identity, optional

HORIZONTAL = "kubernetes:autoscaling/v2:HorizontalPodAutoscaler"
AUTOSCALERS = (HORIZONTAL, SCALED_OBJECT)
_METRIC = "active_sessions_per_pod"


@dataclass(frozen=True)
class Target:
    """What a cluster knows a workload by."""

    kind: str
    identity: Identity


def target_of(autoscaler: Resource) -> Target:
    """Return what an autoscaler scales: something of its own namespace."""
    named = field(autoscaler, "spec.scaleTargetRef")
    namespace = field(autoscaler, "metadata.namespace").text()
    return Target(named["kind"].text(), Identity(namespace, named["name"].text()))


def as_target(workload: Resource) -> Target:
    """Return what an autoscaler that scales a workload names."""
    return Target(workload.type.rpartition(":")[2], identity(workload))


def scales(autoscaler: Resource, workload: Resource) -> bool:
    """Return whether an autoscaler names a workload as its target."""
    return target_of(autoscaler) == as_target(workload)


def maximum_field(autoscaler: Resource) -> str:
    """Return the name of the field that bounds the pods."""
    return "maxReplicaCount" if autoscaler.type == SCALED_OBJECT else "maxReplicas"


def maximum_replicas(autoscaler: Resource) -> int:
    """Return the pods that an autoscaler may ask for."""
    return field(autoscaler, f"spec.{maximum_field(autoscaler)}").count(at_least=1)


def week_of(autoscaler: Resource) -> Schedule:
    """Return the floors of the week: an annotation that the pre-scale job keeps, or KEDA's cron triggers."""
    return cron_schedule(autoscaler) if autoscaler.type == SCALED_OBJECT else schedule_of(autoscaler)


def scale_up(autoscaler: Resource) -> Place | None:
    """Return how an autoscaler adds pods, where it says so itself."""
    within = "spec.advanced.horizontalPodAutoscalerConfig" if autoscaler.type == SCALED_OBJECT else "spec"
    return optional(autoscaler, f"{within}.behavior.scaleUp")


def tolerance_of(autoscaler: Resource) -> float:
    """Return the share of its target within which an autoscaler adds no pods."""
    borne = None if (up := scale_up(autoscaler)) is None else up.get("tolerance")
    return TOLERANCE if borne is None else borne.quantity()


def scaling_target(autoscaler: Resource, vertical: str) -> float:
    """Return the sessions a pod at which an autoscaler of a vertical aims."""
    if autoscaler.type == SCALED_OBJECT:
        return sessions_target(autoscaler, vertical)
    found = [
        metric["pods"]["target"]
        for metric in field(autoscaler, "spec.metrics").items()
        if metric["type"].text() == "Pods" and metric["pods"]["metric"]["name"].text() == _METRIC
        if metric["pods"]["metric"].get("selector") is None
    ]
    if len(found) != 1 or found[0]["type"].text() != "AverageValue":
        raise Unreadable(
            autoscaler.name,
            f"spec.metrics must aim at an average value of {_METRIC}, exactly once",
            f"scale on the Pods metric {_METRIC}",
        )
    return found[0]["averageValue"].quantity()
