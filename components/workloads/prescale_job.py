"""The job that keeps an autoscaler's week: it sets the floor each minute, with an account that may do just that."""

from importlib.resources import files
from typing import Any

from capacity.plan import LivePlan
from capacity.pool_plan import PRESCALE_POD
from components.kubernetes import DOMAIN, kubernetes_object, labels, selected
from components.network import network_policy
from components.pods import resources, unprivileged, unprivileged_pod
from headroom.blueprint import Rendered

API_SERVER = 6443
"""The port behind the service `kubernetes`: policies see the packet after the service's address was replaced."""


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

    reach = {
        "podSelector": {"matchLabels": selected(job)},
        "policyTypes": ["Egress"],
        "egress": [{"ports": [{"protocol": "TCP", "port": API_SERVER}]}],
    }
    return [
        network_policy("prescale-traffic", name, reach, parent=name, space=f"{name}-namespace"),
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
    pod = {
        "serviceAccountName": f"{name}-prescale",
        "automountServiceAccountToken": True,
        "restartPolicy": "Never",
        "nodeSelector": {f"{DOMAIN}/pool": vertical.spec.pool},
        "securityContext": unprivileged_pod(),
        "containers": [
            {
                "name": "prescale",
                "image": tools_image,
                "command": ["python", "-I", "/program/prescale.py", name, name],
                "resources": resources(PRESCALE_POD.cpu_cores, PRESCALE_POD.memory_bytes),
                "securityContext": unprivileged(),
                "volumeMounts": [{"name": "program", "mountPath": "/program", "readOnly": True}],
            }
        ],
        "volumes": [{"name": "program", "configMap": {"name": f"{name}-prescale"}}],
    }
    template = {"metadata": {"labels": labels(f"{name}-prescale")}, "spec": pod}
    return {
        "schedule": "* * * * *",
        "concurrencyPolicy": "Forbid",
        "startingDeadlineSeconds": 50,
        "successfulJobsHistoryLimit": 1,
        "failedJobsHistoryLimit": 3,
        "jobTemplate": {"spec": {"backoffLimit": 0, "activeDeadlineSeconds": 50, "template": template}},
    }


def _program() -> str:
    return (files("components.workloads") / "prescale.py").read_text(encoding="utf-8")
