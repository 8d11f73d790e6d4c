"""What scales a workload: a HorizontalPodAutoscaler, or KEDA's ScaledObject. Both answer the same questions."""

from policies.scaled_object import SCALED_OBJECT, cron_schedule, sessions_target
from policies.schedule import Schedule, schedule_of
from policies.stack import Resource, Unreadable, field, identity

HORIZONTAL = "kubernetes:autoscaling/v2:HorizontalPodAutoscaler"
AUTOSCALERS = (HORIZONTAL, SCALED_OBJECT)
_METRIC = "active_sessions_per_pod"


def scales(autoscaler: Resource, workload: Resource) -> bool:
    """Return whether an autoscaler names a workload as its target."""
    target = field(autoscaler, "spec.scaleTargetRef")
    if target["kind"].text() != workload.type.rpartition(":")[2]:
        return False
    names = identity(workload)
    return identity(autoscaler).namespace == names.namespace and target["name"].text() == names.name


def maximum_field(autoscaler: Resource) -> str:
    """Return the name of the field that bounds the pods."""
    return "maxReplicaCount" if autoscaler.type == SCALED_OBJECT else "maxReplicas"


def maximum_replicas(autoscaler: Resource) -> int:
    """Return the pods that an autoscaler may ask for."""
    return field(autoscaler, f"spec.{maximum_field(autoscaler)}").count(at_least=1)


def week_of(autoscaler: Resource) -> Schedule:
    """Return the floors of the week: an annotation that the pre-scale job keeps, or KEDA's cron triggers."""
    return cron_schedule(autoscaler) if autoscaler.type == SCALED_OBJECT else schedule_of(autoscaler)


def scaling_target(autoscaler: Resource, vertical: str) -> float:
    """Return the sessions a pod at which an autoscaler of a vertical aims."""
    if autoscaler.type == SCALED_OBJECT:
        return sessions_target(autoscaler, vertical)
    found = [
        metric["pods"]["target"]
        for metric in field(autoscaler, "spec.metrics").items()
        if metric["type"].text() == "Pods" and metric["pods"]["metric"]["name"].text() == _METRIC
    ]
    if len(found) != 1 or found[0]["type"].text() != "AverageValue":
        raise Unreadable(
            autoscaler.name,
            f"spec.metrics must aim at an average value of {_METRIC}, exactly once",
            f"scale on the Pods metric {_METRIC}",
        )
    return found[0]["averageValue"].quantity()
