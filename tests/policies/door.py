"""The door of the samples' stack: it follows what a sample changes, as a plan's would, but for what the sample sets of it."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from components.door.policy import door_policy

Document = dict[str, Any]
Figures = dict[tuple[str, str, str], Any]
"""By namespace, by plural and name of an object, by the name of a figure."""

POLICY = "door-policy"
_ADMISSION = "admissionregistration.k8s.io/v1"
_NAME = "door.headroom.dev"
_SCALERS = ("HorizontalPodAutoscaler", "ScaledObject")
_HELD = ("Deployment", "StatefulSet", "DaemonSet", "CronJob", *_SCALERS)


def door() -> list[Document]:
    """Return the door's resources, whose figures are still to be filled in."""
    binding = {
        "policyName": _NAME,
        "validationActions": ["Deny"],
        "matchResources": {
            "namespaceSelector": {"matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "In", "values": []}]}
        },
    }
    return [
        _object(_ADMISSION, "ValidatingAdmissionPolicy", POLICY, {"name": _NAME}, {"spec": door_policy({})}),
        _object(_ADMISSION, "ValidatingAdmissionPolicyBinding", "door-binding", {"name": _NAME}, {"spec": binding}),
    ]


def stand(resources: Mapping[str, Document], before: Mapping[str, Document]) -> None:
    """Let the door follow the objects, but in what differs from the door that was there before; nothing where there was none."""
    if POLICY not in before:
        return
    held = [
        one["props"] | {"kind": kind}
        for one in resources.values()
        if (kind := one["type"].rpartition(":")[2]) in _HELD and isinstance(one["props"].get("metadata"), dict)
    ]
    had = _figures_in(before[POLICY]) or {}
    fresh = {name: text for one in held for name, text in _readable(one, held, had).items()}
    if POLICY in resources and (now := _figures_in(resources[POLICY])) is not None:
        own = {name for name in now.keys() | had.keys() if now.get(name) != had.get(name)}
        mine = {name: text for name, text in now.items() if name in own}
        _write(resources[POLICY], {name: text for name, text in fresh.items() if name not in own} | mine)
    binding = resources.get("door-binding", {}).get("props", {}).get("spec")
    if binding == before["door-binding"]["props"]["spec"]:
        spaces = {one["metadata"]["namespace"] for one in held if isinstance(one["metadata"].get("namespace"), str)}
        (named,) = binding["matchResources"]["namespaceSelector"]["matchExpressions"]
        named["values"] = sorted(spaces)


def set_figure(policy: Document, name: list[str], change: Document) -> None:
    """Set a figure of the door by namespace, object and name; without a value it goes."""
    space, key, own = name
    figures = _figures_in(policy) or {}
    figures.pop((space, key, own), None)
    _write(policy, figures | ({(space, key, own): change["to"]} if "to" in change else {}))


def _figures_in(policy: Document) -> Figures | None:
    """Return the figures that stand in the policy; None where a sample wrote them as the planner does not."""
    variables = policy["props"]["spec"]["variables"]
    told = variables[: _lookup(variables)]
    try:
        tree = {one["name"].removeprefix("of_").replace("_", "-"): json.loads(one["expression"]) for one in told}
    except (TypeError, ValueError):
        return None
    if door_policy(tree)["variables"][: len(told) + 1] != variables[: len(told) + 1]:
        return None
    return {(space, key, name): text for space, held in tree.items() for key, own in held.items() for name, text in own.items()}


def _write(policy: Document, figures: Figures) -> None:
    tree: dict[str, dict[str, dict[str, str]]] = {}
    for (space, key, name), text in figures.items():
        tree.setdefault(space, {}).setdefault(key, {})[name] = text
    variables = policy["props"]["spec"]["variables"]
    variables[: _lookup(variables) + 1] = door_policy(tree)["variables"][: len(tree) + 1]


def _lookup(variables: list[Document]) -> int:
    """Return where the variable stands that finds a namespace's figures; those come before it."""
    return next(index for index, one in enumerate(variables) if one["name"] == "figures")


def _readable(one: Document, held: list[Document], had: Figures) -> Figures:
    """Return the figures of an object; those that it had where a sample made it one that nobody can read."""
    space, key = _key(one)
    try:
        found = {(space, key, name): text for name, text in _figures(one, held)}
    except (KeyError, IndexError, TypeError, AttributeError, ValueError):
        found = {}
    if found and all(isinstance(text, str) for text in found.values()):
        return found
    return {name: text for name, text in had.items() if name[:2] == (space, key)}


def _object(version: str, kind: str, name: str, metadata: Document, body: Document) -> Document:
    group = version if "/" in version else f"core/{version}"
    props = {"apiVersion": version, "kind": kind, "metadata": metadata, **body}
    return {"type": f"kubernetes:{group}:{kind}", "name": name, "props": props}


def _key(one: Document) -> tuple[str, str]:
    return str(one["metadata"].get("namespace")), f"{one['kind'].lower()}s/{one['metadata'].get('name')}"


def _figures(one: Document, held: list[Document]) -> Iterator[tuple[str, str]]:
    if one["kind"] in _SCALERS:
        yield from _bounds(one)
    else:
        yield from _pods(one["spec"])
        for scaler in held:
            target = scaler["spec"].get("scaleTargetRef", {})
            scaled = {"metadata": {"namespace": scaler["metadata"].get("namespace"), **target}, "kind": target.get("kind", "")}
            if scaler["kind"] in _SCALERS and _key(scaled) == _key(one):
                yield "scaled-by", f"{scaler['kind']}/{scaler['metadata']['name']}"
                yield "standing", dict(_bounds(scaler))["floor"]
    claims = {name: value for name, value in one["metadata"].get("annotations", {}).items() if name.startswith("headroom.dev/")}
    yield "claims", "\n".join(f"{name}={value}" for name, value in sorted(claims.items()))


def _bounds(scaler: Document) -> Iterator[tuple[str, str]]:
    spec = scaler["spec"]
    if scaler["kind"] == "ScaledObject":
        sessions, *crons = (one["metadata"] for one in spec["triggers"])
        yield "floor", str(spec["minReplicaCount"])
        yield "maximum", str(spec["maxReplicaCount"])
        yield "target", sessions["threshold"]
        yield "week", "\n".join("|".join(map(str, cron.values())) for cron in crons)
        yield from _growth(
            spec.get("advanced", {}).get("horizontalPodAutoscalerConfig", {}).get("behavior", {}).get("scaleUp", {})
        )
    else:
        yield "floor", str(json.loads(scaler["metadata"]["annotations"]["headroom.dev/schedule"])["baseline"])
        yield "maximum", str(spec["maxReplicas"])
        yield "target", spec["metrics"][0]["pods"]["target"]["averageValue"]
        yield from _growth(spec.get("behavior", {}).get("scaleUp", {}))


def _growth(up: Document) -> Iterator[tuple[str, str]]:
    policies = [f"{one['type']} {one['value']} {one['periodSeconds']}" for one in up.get("policies", [])]
    yield "growth", "\n".join([f"{up.get('stabilizationWindowSeconds', 0)} {up.get('selectPolicy', 'Max')}", *policies])
    yield "tolerance", str(up.get("tolerance", "0.1"))


def _pods(spec: Document) -> Iterator[tuple[str, str]]:
    pod = spec.get("jobTemplate", {}).get("spec", spec)["template"]["spec"]
    containers = [*pod.get("initContainers", []), *pod["containers"]]
    lines = [
        f"{container['name']} {bound} {name} {amount}"
        for container in containers
        for bound, amounts in container.get("resources", {}).items()
        for name, amount in amounts.items()
    ]
    yield "resources", "\n".join(lines)
    if "headroom.dev/pool" in pod.get("nodeSelector", {}):
        yield "pool", pod["nodeSelector"]["headroom.dev/pool"]
    for container in containers:
        yield from (("sessions", one["value"]) for one in container.get("env", []) if one["name"] == "HEADROOM_MAX_SESSIONS")
    if "schedule" in spec:
        yield "schedule", spec["schedule"]
    if "replicas" in spec:
        yield "replicas", str(spec["replicas"])
