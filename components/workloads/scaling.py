"""The autoscaler of a vertical and the job that keeps its week."""

from importlib.resources import files
from typing import Any

from capacity.plan import LivePlan
from capacity.planner import PRESCALE_POD
from capacity.scaling import ScalingPlan
from capacity.units import format_bytes, format_cores
from components.kubernetes import DOMAIN, kubernetes_object
from headroom.blueprint import Options, Rendered, canonical_json

METRIC = "active_sessions_per_pod"


def autoscaler(vertical: LivePlan) -> Rendered:
    """Return the HorizontalPodAutoscaler on active sessions.

    `minReplicas` is set when it is created and belongs to the pre-scale job from then on. Scale-down takes one pod a
    minute: a pod that goes takes its calls with it as soon as they end, and new ones must find room meanwhile.
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
            "annotations": {
                f"{DOMAIN}/hard-ceiling": str(vertical.ceiling.hard),
                f"{DOMAIN}/alert-utilisation": f"{plan.alert_utilisation:.6f}",
                f"{DOMAIN}/schedule": canonical_json(_schedule(plan)),
            },
        },
        {
            "spec": {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
                "minReplicas": plan.baseline,
                "maxReplicas": plan.maximum,
                "metrics": [{"type": "Pods", "pods": metric}],
                "behavior": {
                    "scaleUp": {
                        "stabilizationWindowSeconds": 0,
                        "selectPolicy": "Max",
                        "policies": [
                            {"type": "Percent", "value": 100, "periodSeconds": 15},
                            {"type": "Pods", "value": 4, "periodSeconds": 15},
                        ],
                    },
                    "scaleDown": {
                        "stabilizationWindowSeconds": 300,
                        "selectPolicy": "Min",
                        "policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}],
                    },
                },
            }
        },
        parent=name,
        after=(f"{name}-deployment",),
        options=Options(ignore_changes=("spec.minReplicas",)),
    )


def prescale_resources(vertical: LivePlan, tools_image: str) -> list[Rendered]:
    """Return the job that sets the autoscaler's floor each minute, with an account that may do just that."""
    name = vertical.name
    job = f"{name}-prescale"
    after = (f"{name}-namespace",)
    account = {"kind": "ServiceAccount", "name": job, "namespace": name}
    rule = {
        "apiGroups": ["autoscaling"],
        "resources": ["horizontalpodautoscalers"],
        "resourceNames": [name],
        "verbs": ["get", "patch"],
    }

    def part(suffix: str, api_version: str, kind: str, body: dict[str, Any], after: tuple[str, ...]) -> Rendered:
        metadata: dict[str, Any] = {"name": job, "namespace": name}
        if kind == "CronJob":
            metadata["annotations"] = {f"{DOMAIN}/kind": "prescale"}
        return kubernetes_object(f"{job}-{suffix}", api_version, kind, metadata, body, parent=name, after=after)

    return [
        part("account", "v1", "ServiceAccount", {"automountServiceAccountToken": False}, after),
        part("role", "rbac.authorization.k8s.io/v1", "Role", {"rules": [rule]}, after),
        part(
            "binding",
            "rbac.authorization.k8s.io/v1",
            "RoleBinding",
            {
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": job},
                "subjects": [account],
            },
            (f"{job}-account", f"{job}-role"),
        ),
        part("program", "v1", "ConfigMap", {"data": {"prescale.py": _program()}}, after),
        part(
            "job",
            "batch/v1",
            "CronJob",
            {"spec": _cron_job(vertical, tools_image)},
            (f"{job}-binding", f"{job}-program", f"{name}-autoscaler"),
        ),
    ]


def _cron_job(vertical: LivePlan, tools_image: str) -> dict[str, Any]:
    name = vertical.name
    size = {"cpu": format_cores(PRESCALE_POD.cpu_cores), "memory": format_bytes(PRESCALE_POD.memory_bytes)}
    pod = {
        "serviceAccountName": f"{name}-prescale",
        "automountServiceAccountToken": True,
        "restartPolicy": "Never",
        "nodeSelector": {f"{DOMAIN}/pool": vertical.spec.pool},
        "securityContext": {"runAsNonRoot": True, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [
            {
                "name": "prescale",
                "image": tools_image,
                "command": ["python", "-I", "/program/prescale.py", name, name],
                "resources": {"requests": size, "limits": dict(size)},
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "readOnlyRootFilesystem": True,
                    "capabilities": {"drop": ["ALL"]},
                },
                "volumeMounts": [{"name": "program", "mountPath": "/program", "readOnly": True}],
            }
        ],
        "volumes": [{"name": "program", "configMap": {"name": f"{name}-prescale"}}],
    }
    return {
        "schedule": "* * * * *",
        "concurrencyPolicy": "Forbid",
        "startingDeadlineSeconds": 50,
        "successfulJobsHistoryLimit": 1,
        "failedJobsHistoryLimit": 3,
        "jobTemplate": {"spec": {"backoffLimit": 0, "activeDeadlineSeconds": 50, "template": {"spec": pod}}},
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


def _program() -> str:
    return (files("components.workloads") / "prescale.py").read_text(encoding="utf-8")
