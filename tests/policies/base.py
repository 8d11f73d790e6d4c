"""A small stack that passes every rule, written by hand, and small changes to it."""

import copy
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from headroom.blueprint import canonical_json, digest
from policies.evidence import Context, Unusable, load_context
from policies.judge import judge
from policies.margins import ROOT
from policies.stack import Resource, Stack
from policies.verdict import Verdict
from tests.policies.door import POLICY, door, set_figure, stand
from tests.policies.network import policies
from tests.policies.parts import caps_text, part, rules_text
from tests.policies.pods import IMAGE, completed

DATA_END = date(2026, 11, 2)
FLOORS = Path(__file__).parents[2] / "policies" / "floors.json"

Document = dict[str, Any]

SEEN = {"basis": "declared", "source": "the account", "date": "2026-10-01", "leadSeconds": 0}
"""Where a limit comes from. More of it is there at once: lead times are of samples that say so."""


@dataclass(frozen=True)
class Situation:
    """Everything that a judgement looks at, as values that a sample may change."""

    resources: dict[str, Document]
    evidence: Document
    """`lock` and `floors` as documents, `as_of` as text."""


def passing() -> Situation:
    """Return a stack with two live verticals and a queue, and the evidence that it passes with."""
    resources = [
        _root(),
        _kubernetes("plan-namespace", "v1", "Namespace", "headroom", None, {}),
        _kubernetes("capacity-plan", "v1", "ConfigMap", "capacity-plan", "headroom", {"data": {"plan.json": _plan_text()}}),
        _component(
            "headroom:model:Model",
            "model",
            primary={
                "name": "openai",
                "vendor": "openai",
                "model": "realtime",
                "kind": "token-limited",
                "tokensPerMinute": 20_000_000,
                "tokensPerSessionMinute": 6000,
                "reserved": [],
                "limits": {"tokensPerMinute": dict(SEEN)},
            },
            fallbacks=[],
        ),
        _component(
            "headroom:nodes:Pool",
            "pool-general",
            pool="general",
            nodes=14,
            survive=0,
            zones=1,
            cpuCores=15.5,
            memoryBytes=63 * 2**30,
            pods=110,
            leadSeconds=0,
        ),
        *_live("healthcare", "fastapi", _healthcare_claims(), "4", "16Gi", 80),
        *_scaled("healthcare", 80, 48, 21, {"baseline": 4, "windows": []}),
        *_live("sales", "pm2", _sales_claims(), "5500m", "16Gi", 250),
        *_scaled("sales", 250, 151, 9, {"baseline": 2, "windows": [_monday(replicas=6)]}),
        *_queue(),
    ]
    lock = {
        "version": 1,
        "environment": "sample",
        "kind": "measured",
        "data_end": DATA_END.isoformat(),
        "verticals": {
            "healthcare": _load(peak=800, quiet=240),
            "sales": _load(peak=1000, quiet=300) | {"known_peaks": [_monday(sessions=1000)]},
        },
    }
    floors = json.loads(FLOORS.read_text())
    evidence = {"lock": lock, "floors": floors, "as_of": DATA_END.isoformat()}
    for resource in resources:
        completed(resource)
    named = {resource["name"]: resource for resource in [*resources, *budgets(resources), *door()]}
    stand(named, named)
    return Situation(named, evidence)


def change(situation: Situation, changes: list[Document]) -> Situation:
    """Return a changed situation.

    The lock's digest, the root's copy, NetworkPolicies, the door and what all pods have alike follow, unless they are changed
    themselves.
    """
    changed = broken(situation, changes)
    _keep(changed, situation)
    for resource in changed.resources.values():
        completed(resource)
    changed.resources.update({policy["name"]: policy for policy in policies(changed.resources)})
    stand(changed.resources, situation.resources)
    lock = changed.evidence["lock"]
    if isinstance(lock, dict):
        lock.setdefault("digest", digest(lock))
        for resource in changed.resources.values():
            if resource["type"] == ROOT:
                resource["props"].setdefault("lockDigest", lock["digest"])
    return changed


def broken(situation: Situation, changes: list[Document]) -> Situation:
    """Return a situation with changes that nothing follows."""
    changed = copy.deepcopy(situation)
    for one in changes:
        _apply(changed, one)
    return changed


def verdict_on(situation: Situation, folder: Path) -> Verdict:
    """Return the verdict of all rules, with the evidence read from files."""
    return judge(stack_of(situation), context_of(situation, folder))


def stack_of(situation: Situation) -> Stack:
    """Return the resources as the rules read them."""
    return Stack(
        tuple(
            Resource(item["type"], item["name"], item["props"], tuple(item.get("ignored", ())))
            for item in situation.resources.values()
        )
    )


def context_of(situation: Situation, folder: Path) -> Context:
    """Return the evidence, read from files in a folder; a null is evidence that is not configured."""
    lock, floors = (_write(situation.evidence[name], folder / f"{name}.json") for name in ("lock", "floors"))
    return load_context(lock, floors, situation.evidence["as_of"])


def usable_context(situation: Situation, folder: Path) -> Context:
    """Return the evidence, all of it usable."""
    context = context_of(situation, folder)
    assert not any(isinstance(item, Unusable) for item in (context.lock, context.floors, context.as_of))
    return context


def _write(document: object, path: Path) -> Path | None:
    if document is None:
        return None
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


def _apply(situation: Situation, one: Document) -> None:
    if "add" in one:
        added = copy.deepcopy(one["add"])
        situation.resources.update({resource["name"]: resource for resource in [added, *budgets([added])]})
    elif "with" in one:
        made = [resource for name in one["with"] for resource in part(name)]
        situation.resources.update({resource["name"]: resource for resource in [*made, *budgets(made)]})
    elif "copy" in one:
        twin = copy.deepcopy(situation.resources[one["copy"]])
        situation.resources[one["as"]] = twin | {"name": one["as"]}
    elif "ignore" in one:
        situation.resources[one["of"]]["ignored"] = one["ignore"]
    elif "drop" in one:
        del situation.resources[one["drop"]]
    elif "figure" in one:
        set_figure(situation.resources[POLICY], one["figure"], one)
    elif "rules" in one:
        situation.resources["prometheus-config"]["props"]["data"]["rules.yaml"] = rules_text(one["rules"], one.get("alerts", {}))
    elif "caps" in one:
        situation.resources["edge-caps"]["props"]["value"] = caps_text(**one["caps"])
    elif "keda" in one:
        _scale_by_keda(situation, one["keda"])
    else:
        _set(situation, one["at"], one)


def _set(situation: Situation, path: list[str | int], one: Document) -> None:
    first, *rest = path
    inside: Any = situation.evidence
    keys = path
    if first not in situation.evidence:
        inside, keys = situation.resources[str(first)]["props"], rest
    for key in keys[:-1]:
        if isinstance(inside, dict) and key not in inside:
            inside[key] = {}
        inside = inside[key]
    if "to" in one and isinstance(inside, list) and keys[-1] == len(inside):
        inside.append(copy.deepcopy(one["to"]))
    elif "to" in one:
        inside[keys[-1]] = copy.deepcopy(one["to"])
    else:
        del inside[keys[-1]]


def _plan() -> Document:
    return {
        "environment": "sample",
        "verticals": {"healthcare": {"kind": "fastapi", "maximum": 21}, "sales": {"kind": "pm2", "maximum": 9}},
        "shared": {"pools": {"general": {}}},
        "stack": {},
    }


def _plan_text() -> str:
    return canonical_json(_plan())


def _component(type_token: str, name: str, **props: object) -> Document:
    return {"type": type_token, "name": name, "props": props}


def _root() -> Document:
    return _component(
        ROOT,
        "voice",
        environment="sample",
        lockKind="measured",
        dataEnd=DATA_END.isoformat(),
        validUntil=(DATA_END + timedelta(days=28)).isoformat(),
        planDigest=digest(_plan()),
        burst=1.5,
        growthPerQuarter=2.0,
        safeUtilisation=0.9,
        alertUtilisation=0.7,
        lagSeconds=180,
        tolerance=0.1,
    )


def _kubernetes(  # noqa: PLR0917  # a row of a table
    name: str, version: str, kind: str, object_name: str, space: str | None, body: Mapping[str, Any]
) -> Document:
    metadata: Document = {"name": object_name} | ({"namespace": space} if space else {})
    props = {"apiVersion": version, "kind": kind, "metadata": metadata | body.get("metadata", {})}
    props |= {key: value for key, value in body.items() if key != "metadata"}
    group = version if "/" in version else f"core/{version}"
    return {"type": f"kubernetes:{group}:{kind}", "name": name, "props": copy.deepcopy(props)}


def _claims(**claims: str) -> dict[str, str]:
    return {f"headroom.dev/{key.replace('_', '-')}": value for key, value in claims.items()}


_SAID = {
    "session_basis": "assumed",
    "session_source": "no measurement yet",
    "longest_call_seconds": "3600",
    "mean_call_seconds": "180",
}


_OPEN_FILES = "- type: RLIMIT_NOFILE\n  hard: 65536\n  soft: 65536\n"


def _healthcare_claims() -> dict[str, str]:
    return _claims(
        session_memory_bytes="120000000",
        session_cpu_cores="0.05",
        session_descriptors="6",
        base_memory_bytes="0",
        base_cpu_cores="0",
        base_descriptors="64",
        workers="1",
        forecast_peak="800",
        **_SAID,
    )


def _sales_claims() -> dict[str, str]:
    return _claims(
        session_memory_bytes="50000000",
        session_cpu_cores="0.02",
        session_descriptors="6",
        base_memory_bytes="536870912",
        base_cpu_cores="0.5",
        base_descriptors="64",
        workers="8",
        forecast_peak="1000",
        **_SAID,
    )


def _live(  # noqa: PLR0917  # a row of a table
    name: str, kind: str, claims: dict[str, str], cpu: str, memory: str, admitted: int
) -> list[Document]:
    annotations = _claims(vertical=name, kind=kind, session_container="app") | claims
    told = {"HEADROOM_MAX_SESSIONS": str(admitted), "HEADROOM_DRAIN_SECONDS": "3600"}
    container = _container("app", cpu, memory) | {"env": [{"name": name, "value": value} for name, value in told.items()]}
    template = {
        "metadata": {"annotations": {"ulimits.nri.containerd.io/container.app": _OPEN_FILES}},
        "spec": {
            "nodeSelector": {"headroom.dev/pool": "general"},
            "terminationGracePeriodSeconds": 3660,
            "topologySpreadConstraints": [
                {"maxSkew": 1, "topologyKey": key, "whenUnsatisfiable": "ScheduleAnyway"}
                for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
            ],
            "containers": [container],
        },
    }
    body = {"metadata": {"annotations": annotations}, "spec": {"template": template}}
    return [
        _component("headroom:workloads:Vertical", name, vertical=name, kind=kind, namespace=name),
        _kubernetes(f"{name}-namespace", "v1", "Namespace", name, None, _of_vertical(name)),
        _kubernetes(f"{name}-deployment", "apps/v1", "Deployment", name, name, body),
        _kubernetes(f"{name}-service", "v1", "Service", name, name, {"spec": {"ports": [{"port": 8080}]}}),
    ]


def _of_vertical(name: str) -> Document:
    return {"metadata": {"labels": _claims(vertical=name)}}


def budgets(resources: list[Document]) -> list[Document]:
    """Return a PodDisruptionBudget of every workload that keeps its pods, whose pods get the label that it selects by."""
    found = []
    for resource in resources:
        if resource["type"] in ("kubernetes:apps/v1:Deployment", "kubernetes:apps/v1:StatefulSet"):
            metadata, labels = resource["props"]["metadata"], {"app": resource["name"]}
            resource["props"]["spec"]["template"].setdefault("metadata", {}).setdefault("labels", {}).update(labels)
            spec = {"maxUnavailable": 1, "selector": {"matchLabels": labels}}
            kept = _kubernetes("", "policy/v1", "PodDisruptionBudget", metadata["name"], metadata["namespace"], {"spec": spec})
            found.append(kept | {"name": f"{resource['name']}-budget"})
    return found


def _keep(changed: Situation, before: Situation) -> None:
    """Let the labels that budgets select by stand, and an autoscaler start at its week's baseline, where nobody changed it."""
    for name, resource in changed.resources.items():
        spec, was = resource["props"].get("spec"), before.resources.get(name, {}).get("props", {}).get("spec")
        if not isinstance(spec, dict):
            continue
        if f"{name}-budget" in changed.resources and isinstance(spec.get("template"), dict):
            spec["template"].setdefault("metadata", {}).setdefault("labels", {}).setdefault("app", name)
        if resource["type"].endswith(":HorizontalPodAutoscaler") and was and spec.get("minReplicas") == was["minReplicas"]:
            found = re.search(r'"baseline": *(\d+)', str(_annotations(resource).get("headroom.dev/schedule")))
            spec["minReplicas"] = int(found[1]) if found else spec["minReplicas"]


def _annotations(resource: Document) -> Document:
    metadata = resource["props"].get("metadata")
    found = metadata.get("annotations") if isinstance(metadata, dict) else None
    return found if isinstance(found, dict) else {}


def _scaled(name: str, hard: int, target: int, maximum: int, schedule: Document) -> list[Document]:
    annotations = _claims(hard_ceiling=str(hard), alert_utilisation="0.666667", schedule=json.dumps(schedule))
    metric = {
        "metric": {"name": "active_sessions_per_pod"},
        "target": {"type": "AverageValue", "averageValue": str(target)},
    }
    spec = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
        "minReplicas": schedule["baseline"],
        "maxReplicas": maximum,
        "metrics": [{"type": "Pods", "pods": metric}],
    }
    job = f"{name}-prescale"
    rule = {
        "apiGroups": ["autoscaling"],
        "resources": ["horizontalpodautoscalers"],
        "resourceNames": [name],
        "verbs": ["get", "patch"],
    }
    binding = {
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": job},
        "subjects": [{"kind": "ServiceAccount", "name": job, "namespace": name}],
    }
    pod = {
        "serviceAccountName": job,
        "nodeSelector": {"headroom.dev/pool": "general"},
        "containers": [_container("prescale", "50m", "64Mi")],
    }
    cron = {
        "metadata": {"annotations": _claims(kind="prescale")},
        "spec": {
            "schedule": "* * * * *",
            "concurrencyPolicy": "Forbid",
            "jobTemplate": {"spec": {"template": {"metadata": {"labels": {"app": job}}, "spec": pod}}},
        },
    }
    rbac = "rbac.authorization.k8s.io/v1"
    scaler = {"metadata": {"annotations": annotations}, "spec": spec}
    return [
        _kubernetes(f"{name}-autoscaler", "autoscaling/v2", "HorizontalPodAutoscaler", name, name, scaler),
        _kubernetes(f"{job}-account", "v1", "ServiceAccount", job, name, {}),
        _kubernetes(f"{job}-role", rbac, "Role", job, name, {"rules": [rule]}),
        _kubernetes(f"{job}-binding", rbac, "RoleBinding", job, name, binding),
        _kubernetes(f"{job}-job", "batch/v1", "CronJob", job, name, cron),
    ]


def _scale_by_keda(situation: Situation, name: str) -> None:
    """Put KEDA in the place of a vertical's autoscaler and of the job that keeps its week; the figures stay."""
    scaler = situation.resources.pop(f"{name}-autoscaler")["props"]
    for kind in ("account", "role", "binding", "job"):
        del situation.resources[f"{name}-prescale-{kind}"]
    annotations, spec = dict(scaler["metadata"]["annotations"]), scaler["spec"]
    week = json.loads(annotations.pop("headroom.dev/schedule"))
    sessions = {
        "query": f'sum(voice_active_sessions{{vertical="{name}"}})',
        "threshold": spec["metrics"][0]["pods"]["target"]["averageValue"],
        "ignoreNullValues": "false",
    }
    # The base knows one window, Monday from 9 to 11 with a lead of a quarter of an hour.
    floors = [
        {"timezone": window["zone"], "start": "45 8 * * 1", "end": "0 11 * * 1", "desiredReplicas": str(window["replicas"])}
        for window in week["windows"]
    ]
    body = {
        "metadata": {"annotations": annotations},
        "spec": {
            "scaleTargetRef": spec["scaleTargetRef"],
            "minReplicaCount": spec["minReplicas"],
            "maxReplicaCount": spec["maxReplicas"],
            "fallback": {"failureThreshold": 3, "replicas": spec["maxReplicas"], "behavior": "currentReplicasIfHigher"},
            "triggers": [
                {"type": "prometheus", "metricType": "AverageValue", "metadata": sessions},
                *({"type": "cron", "metadata": floor} for floor in floors),
            ],
        },
    }
    made = _kubernetes(f"{name}-scaled-object", "keda.sh/v1alpha1", "ScaledObject", name, name, body)
    situation.resources[made["name"]] = made


def _queue() -> list[Document]:
    body = {
        "metadata": {"annotations": _claims(vertical="after-hours", kind="queue")},
        "spec": {
            "replicas": 3,
            "template": {
                "metadata": {"annotations": {"ulimits.nri.containerd.io/container.app": _OPEN_FILES}},
                "spec": {
                    "nodeSelector": {"headroom.dev/pool": "general"},
                    "containers": [_container("app", "1", "2Gi")],
                },
            },
        },
    }
    return [
        _kubernetes("after-hours-namespace", "v1", "Namespace", "after-hours", None, _of_vertical("after-hours")),
        _kubernetes("after-hours-deployment", "apps/v1", "Deployment", "after-hours", "after-hours", body),
    ]


def _container(name: str, cpu: str, memory: str) -> Document:
    size = {"cpu": cpu, "memory": memory}
    return {"name": name, "image": IMAGE, "resources": {"requests": dict(size), "limits": dict(size)}}


def _load(peak: int, quiet: int) -> Document:
    lag = {"seconds": 180.0, "ratio": 1.2, "quiet_sessions": quiet, "basis": "measured", "source": "calls"}
    return {"basis": "measured", "source": "calls", "peak": peak, "statistic": "p99 of minutes", "lag": lag}


def _monday(*, replicas: int | None = None, sessions: int | None = None) -> Document:
    busy: Document = {"day": "mon", "start": "09:00", "end": "11:00", "zone": "America/New_York"}
    if replicas is not None:
        busy |= {"leadSeconds": 900, "replicas": replicas}
    if sessions is not None:
        busy |= {"sessions": sessions}
    return busy
