"""The figures that the door holds objects to: those of the objects themselves, as they are rendered."""

from collections.abc import Iterable, Mapping
from typing import Any

from capacity.plan import LivePlan
from capacity.scaling import replicas_for
from components.kubernetes import DOMAIN
from components.pods import pod_of
from components.workloads.scaling import KUBERNETES_TOLERANCE
from headroom.blueprint import Rendered

WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "CronJob")
AUTOSCALERS = ("HorizontalPodAutoscaler", "ScaledObject")
KEPT = (*AUTOSCALERS, "CronJob")
"""What may not be deleted for as long as the plan has it."""
POOL = f"{DOMAIN}/pool"
SESSIONS = "HEADROOM_MAX_SESSIONS"

Figures = dict[str, dict[str, dict[str, str]]]
"""By namespace, by plural and name of an object, by the name of a figure. CEL reads numbers, quantities and lines from text."""


def guarded(resources: Iterable[Rendered]) -> list[Rendered]:
    """Return the resources that the door holds to their figures."""
    return [one for one in resources if one.type.rpartition(":")[2] in (*WORKLOADS, *AUTOSCALERS)]


def door_figures(resources: Iterable[Rendered], verticals: Iterable[LivePlan]) -> Figures:
    """Return the figures of every object that the door holds."""
    found = guarded(resources)
    scaled = {_target(one): one for one in found if one.props["kind"] in AUTOSCALERS}
    plans = {vertical.name: vertical for vertical in verticals}
    figures: Figures = {}
    for one in found:
        metadata, key = one.props["metadata"], _key(one.props["kind"], one.props["metadata"]["name"])
        if one.props["kind"] in AUTOSCALERS:
            own = _autoscaler(one.props["spec"], plans[metadata["name"]])
        else:
            own = _workload(one.props["spec"]) | _scaled(scaled.get((metadata["namespace"], key)))
        own["claims"] = _claims(metadata.get("annotations", {}))
        figures.setdefault(metadata["namespace"], {})[key] = own
    return figures


def _key(kind: str, name: str) -> str:
    """Return what the API server calls an object within its namespace."""
    return f"{kind.lower()}s/{name}"


def _target(autoscaler: Rendered) -> tuple[str, str]:
    target = autoscaler.props["spec"]["scaleTargetRef"]
    return autoscaler.props["metadata"]["namespace"], _key(target["kind"], target["name"])


def _autoscaler(spec: Mapping[str, Any], vertical: LivePlan) -> dict[str, str]:
    """Return the bounds of an autoscaler, whose maximum may come down as far as what is required and the week's floors allow."""
    plan = vertical.scaling
    enough = replicas_for(vertical.required.sessions, vertical.takes.guaranteed_safe)
    highest = max([plan.baseline, *(window.replicas for window in plan.windows)])
    figures = {
        "maximum": str(min(plan.maximum, max(enough, highest))),
        "floor": str(plan.baseline),
        "target": str(plan.target.sessions),
        **_growth(spec),
    }
    if "triggers" in spec:
        figures["week"] = "\n".join(_line(one["metadata"]) for one in spec["triggers"] if one["type"] == "cron")
    return figures


def _growth(spec: Mapping[str, Any]) -> dict[str, str]:
    up = (spec["behavior"] if "behavior" in spec else spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"])["scaleUp"]
    policies = [f"{one['type']} {one['value']} {one['periodSeconds']}" for one in up["policies"]]
    return {
        "growth": "\n".join([f"{up['stabilizationWindowSeconds']} {up['selectPolicy']}", *policies]),
        "tolerance": up.get("tolerance", f"{KUBERNETES_TOLERANCE:g}"),
    }


def _line(metadata: Mapping[str, str]) -> str:
    return "|".join(metadata[name] for name in ("timezone", "start", "end", "desiredReplicas"))


def _workload(spec: Mapping[str, Any]) -> dict[str, str]:
    pod = pod_of(spec)
    containers = [*pod.get("initContainers", ()), *pod["containers"]]
    figures = {"resources": "\n".join(line for container in containers for line in _bounds(container))}
    if POOL in pod.get("nodeSelector", {}):
        figures["pool"] = pod["nodeSelector"][POOL]
    for one in (entry for container in containers for entry in container.get("env", ()) if entry["name"] == SESSIONS):
        figures["sessions"] = one["value"]
    if "replicas" in spec:
        figures["replicas"] = str(spec["replicas"])
    if "schedule" in spec:
        figures["schedule"] = spec["schedule"]
    return figures


def _scaled(autoscaler: Rendered | None) -> dict[str, str]:
    if autoscaler is None:
        return {}
    spec = autoscaler.props["spec"]
    floor = spec["minReplicas" if "minReplicas" in spec else "minReplicaCount"]
    return {"scaled-by": f"{autoscaler.props['kind']}/{autoscaler.props['metadata']['name']}", "standing": str(floor)}


def _bounds(container: Mapping[str, Any]) -> list[str]:
    return [
        f"{container['name']} {bound} {resource} {quantity}"
        for bound, quantities in container["resources"].items()
        for resource, quantity in quantities.items()
    ]


def _claims(annotations: Mapping[str, str]) -> str:
    """Return the claims of an object, a line each."""
    ours = {name: value for name, value in annotations.items() if name.startswith(f"{DOMAIN}/")}
    return "\n".join(f"{name}={value.replace(chr(10), ' ')}" for name, value in sorted(ours.items()))
