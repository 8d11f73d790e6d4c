"""The figures that the door holds objects to: those of the objects themselves, as they are rendered."""

from collections.abc import Iterable, Mapping
from typing import Any

from capacity.plan import LivePlan
from capacity.scaling import replicas_for
from components.kubernetes import DOMAIN
from headroom.blueprint import Rendered

WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet")
AUTOSCALERS = ("HorizontalPodAutoscaler", "ScaledObject")
POOL = f"{DOMAIN}/pool"


def guarded(resources: Iterable[Rendered]) -> list[Rendered]:
    """Return the resources that the door holds to their figures."""
    return [one for one in resources if one.type.rpartition(":")[2] in (*WORKLOADS, *AUTOSCALERS)]


def key(resource: Rendered) -> str:
    """Return what the figures of an object begin with, as the API server names it: namespace, plural, name."""
    metadata = resource.props["metadata"]
    return _key(metadata["namespace"], resource.props["kind"], metadata["name"])


def door_figures(resources: Iterable[Rendered], verticals: Iterable[LivePlan]) -> dict[str, str]:
    """Return every figure by its name, for a ConfigMap: CEL reads numbers, quantities and lines from text."""
    found = guarded(resources)
    scaled = {_target(one): one for one in found if one.props["kind"] in AUTOSCALERS}
    plans = {vertical.name: vertical for vertical in verticals}
    figures: dict[str, str] = {}
    for one in found:
        if one.props["kind"] in AUTOSCALERS:
            own = _autoscaler(one.props["spec"], plans[one.props["metadata"]["name"]])
        else:
            own = _workload(one.props["spec"]) | _scaled(scaled.get(key(one)))
        own["claims"] = _claims(one.props["metadata"].get("annotations", {}))
        figures |= {f"{key(one)}.{name}": text for name, text in own.items()}
    return figures


def _key(namespace: str, kind: str, name: str) -> str:
    return f"{namespace}.{kind.lower()}s.{name}"


def _target(autoscaler: Rendered) -> str:
    target = autoscaler.props["spec"]["scaleTargetRef"]
    return _key(autoscaler.props["metadata"]["namespace"], target["kind"], target["name"])


def _autoscaler(spec: Mapping[str, Any], vertical: LivePlan) -> dict[str, str]:
    """Return the bounds of an autoscaler, whose maximum may come down as far as what is required and the week's floors allow."""
    plan = vertical.scaling
    enough = replicas_for(vertical.required.sessions, vertical.takes.guaranteed_safe)
    highest = max([plan.baseline, *(window.replicas for window in plan.windows)])
    figures = {
        "maximum": str(min(plan.maximum, max(enough, highest))),
        "floor": str(plan.baseline),
        "target": str(plan.target.sessions),
    }
    if "triggers" in spec:
        figures["week"] = "\n".join(_line(one["metadata"]) for one in spec["triggers"] if one["type"] == "cron")
    return figures


def _line(metadata: Mapping[str, str]) -> str:
    return "|".join(metadata[name] for name in ("timezone", "start", "end", "desiredReplicas"))


def _workload(spec: Mapping[str, Any]) -> dict[str, str]:
    pod = spec["template"]["spec"]
    containers = [*pod.get("initContainers", ()), *pod["containers"]]
    figures = {"resources": "\n".join(line for container in containers for line in _bounds(container))}
    if POOL in pod.get("nodeSelector", {}):
        figures["pool"] = pod["nodeSelector"][POOL]
    if "replicas" in spec:
        figures["replicas"] = str(spec["replicas"])
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
