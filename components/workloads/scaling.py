"""The autoscaler of a vertical: its bounds, its habits and its week."""

import math
from typing import Any

from capacity.autoscaling import Scaling
from capacity.plan import LivePlan
from capacity.scaling import ScalingPlan
from components.kubernetes import DOMAIN, kubernetes_object
from headroom.blueprint import Options, Rendered, canonical_json

METRIC = "active_sessions_per_pod"
KUBERNETES_TOLERANCE = 0.1
"""--horizontal-pod-autoscaler-tolerance of kube-controller-manager, by default."""


def autoscaler(vertical: LivePlan, scaling: Scaling) -> Rendered:
    """Return the HorizontalPodAutoscaler on active sessions.

    `minReplicas` is set when it is created and belongs to the pre-scale job from then on.
    """
    name, plan = vertical.name, vertical.scaling
    metric = {"metric": {"name": METRIC}, "target": {"type": "AverageValue", "averageValue": str(plan.target.sessions)}}
    return kubernetes_object(
        f"{name}-autoscaler",
        "autoscaling/v2",
        "HorizontalPodAutoscaler",
        {
            "name": name,
            "namespace": name,
            "annotations": {**autoscaler_claims(vertical), f"{DOMAIN}/schedule": canonical_json(_schedule(plan))},
        },
        {
            "spec": {
                "scaleTargetRef": scale_target(name),
                "minReplicas": plan.baseline,
                "maxReplicas": plan.maximum,
                "metrics": [{"type": "Pods", "pods": metric}],
                "behavior": behavior(scaling),
            }
        },
        parent=name,
        after=(f"{name}-deployment",),
        options=Options(ignore_changes=("spec.minReplicas",)),
    )


def autoscaler_claims(vertical: LivePlan) -> dict[str, str]:
    """Return what an autoscaler says of the pods that it scales; the gate recomputes it."""
    return {
        f"{DOMAIN}/hard-ceiling": str(vertical.ceiling.hard),
        f"{DOMAIN}/alert-utilisation": f"{vertical.scaling.alert_utilisation:.6f}",
    }


def scale_target(name: str) -> dict[str, str]:
    """Return the Deployment that is scaled."""
    return {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}


def behavior(scaling: Scaling) -> dict[str, Any]:
    """Return how fast pods are added and taken away: added as the plan's lag counts on it, taken away slowly.

    A tolerance is said only where it is not Kubernetes' own: API servers before 1.35 do not know the field.
    """
    kinds = {"percent": "Percent", "pods": "Pods"}
    up, down = scaling.scale_up, scaling.scale_down
    tolerance = {} if scaling.tolerance == KUBERNETES_TOLERANCE else {"tolerance": f"{scaling.tolerance:g}"}
    return {
        "scaleUp": {
            "stabilizationWindowSeconds": 0,
            "selectPolicy": up.select.capitalize(),
            "policies": [
                {"type": kinds[policy.kind], "value": policy.value, "periodSeconds": math.ceil(policy.period)}
                for policy in up.policies
            ],
            **tolerance,
        },
        "scaleDown": {
            "stabilizationWindowSeconds": math.ceil(down.window),
            "selectPolicy": "Min",
            "policies": [{"type": "Pods", "value": down.pods, "periodSeconds": math.ceil(down.period)}],
            **tolerance,
        },
    }


def _schedule(plan: ScalingPlan) -> dict[str, Any]:
    windows = [
        {
            "day": window.day,
            "start": window.start,
            "end": window.end,
            "zone": window.zone,
            "leadSeconds": window.lead_seconds,
            "replicas": window.replicas,
        }
        for window in plan.windows
    ]
    return {"baseline": plan.baseline, "windows": windows}
