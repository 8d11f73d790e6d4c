"""The door of the samples' stack: it follows what a sample changes, as a plan's would, but for what the sample sets of it."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from components.door.policy import door_policy

Document = dict[str, Any]

FIGURES, KEPT = "door-figures", "door-kept"
_ADMISSION = "admissionregistration.k8s.io/v1"
_NAME = "door.headroom.dev"
_SCALERS = ("HorizontalPodAutoscaler", "ScaledObject")
_HELD = ("Deployment", "StatefulSet", "DaemonSet", *_SCALERS)


def door() -> list[Document]:
    """Return the door's resources, whose figures are still to be filled in."""
    binding = {
        "policyName": _NAME,
        "paramRef": {
            "namespace": "headroom",
            "selector": {"matchLabels": {"headroom.dev/door": "figures"}},
            "parameterNotFoundAction": "Allow",
        },
        "validationActions": ["Deny"],
        "matchResources": {
            "namespaceSelector": {"matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "In", "values": []}]}
        },
    }
    config_map = {"namespace": "headroom", "labels": {"headroom.dev/door": "figures"}}
    return [
        _object("v1", "ConfigMap", FIGURES, {"name": FIGURES, **config_map}, {"data": {}}),
        _object("v1", "ConfigMap", KEPT, {"name": KEPT, **config_map}, {"data": {}}),
        _object(_ADMISSION, "ValidatingAdmissionPolicy", "door-policy", {"name": _NAME}, {"spec": door_policy()}),
        _object(_ADMISSION, "ValidatingAdmissionPolicyBinding", "door-binding", {"name": _NAME}, {"spec": binding}),
    ]


def stand(resources: Mapping[str, Document], before: Mapping[str, Document]) -> None:
    """Let the door follow the objects, but in what differs from the door that was there before; nothing where there was none."""
    if FIGURES not in before:
        return
    held = [
        one["props"] | {"kind": kind}
        for one in resources.values()
        if (kind := one["type"].rpartition(":")[2]) in _HELD and isinstance(one["props"].get("metadata"), dict)
    ]
    had = before[FIGURES]["props"]["data"]
    figures = {key: text for one in held for key, text in _readable(one, held, had).items()}
    kept = {f"{_key(one)}.kept": "" for one in held if one["kind"] in _SCALERS}
    for name, fresh in ((FIGURES, figures), (KEPT, kept)):
        now, then = resources.get(name, {}).get("props", {}).get("data"), before[name]["props"]["data"]
        if isinstance(now, dict):
            own = {key for key in now.keys() | then.keys() if now.get(key) != then.get(key)}
            mine = {key: text for key, text in now.items() if key in own}
            resources[name]["props"]["data"] = {key: text for key, text in fresh.items() if key not in own} | mine
    binding = resources.get("door-binding", {}).get("props", {}).get("spec")
    if binding == before["door-binding"]["props"]["spec"]:
        spaces = {one["metadata"]["namespace"] for one in held if isinstance(one["metadata"].get("namespace"), str)}
        (named,) = binding["matchResources"]["namespaceSelector"]["matchExpressions"]
        named["values"] = sorted(spaces)


def _readable(one: Document, held: list[Document], had: Document) -> Document:
    """Return the figures of an object; those that it had where a sample made it one that nobody can read."""
    try:
        return dict(_figures(one, held))
    except (KeyError, IndexError, TypeError, AttributeError, ValueError):
        return {key: text for key, text in had.items() if key.startswith(f"{_key(one)}.")}


def _object(version: str, kind: str, name: str, metadata: Document, body: Document) -> Document:
    group = version if "/" in version else f"core/{version}"
    props = {"apiVersion": version, "kind": kind, "metadata": metadata, **body}
    return {"type": f"kubernetes:{group}:{kind}", "name": name, "props": props}


def _key(one: Document) -> str:
    return f"{one['metadata'].get('namespace')}.{one['kind'].lower()}s.{one['metadata'].get('name')}"


def _figures(one: Document, held: list[Document]) -> Iterator[tuple[str, str]]:
    spec, key = one["spec"], _key(one)
    if one["kind"] in _SCALERS:
        yield from ((f"{key}.{name}", text) for name, text in _bounds(one))
    else:
        yield from ((f"{key}.{name}", text) for name, text in _pods(spec))
        for scaler in held:
            target = scaler["spec"].get("scaleTargetRef", {})
            scaled = {"metadata": {"namespace": scaler["metadata"].get("namespace"), **target}, "kind": target.get("kind", "")}
            if scaler["kind"] in _SCALERS and _key(scaled) == key:
                yield f"{key}.scaled-by", f"{scaler['kind']}/{scaler['metadata']['name']}"
                yield f"{key}.standing", dict(_bounds(scaler))["floor"]
    claims = {name: value for name, value in one["metadata"].get("annotations", {}).items() if name.startswith("headroom.dev/")}
    yield f"{key}.claims", "\n".join(f"{name}={value}" for name, value in sorted(claims.items()))


def _bounds(scaler: Document) -> Iterator[tuple[str, str]]:
    spec = scaler["spec"]
    if scaler["kind"] == "ScaledObject":
        sessions, *crons = (one["metadata"] for one in spec["triggers"])
        yield "floor", str(spec["minReplicaCount"])
        yield "maximum", str(spec["maxReplicaCount"])
        yield "target", sessions["threshold"]
        yield "week", "\n".join("|".join(map(str, cron.values())) for cron in crons)
    else:
        yield "floor", str(json.loads(scaler["metadata"]["annotations"]["headroom.dev/schedule"])["baseline"])
        yield "maximum", str(spec["maxReplicas"])
        yield "target", spec["metrics"][0]["pods"]["target"]["averageValue"]


def _pods(spec: Document) -> Iterator[tuple[str, str]]:
    pod = spec["template"]["spec"]
    lines = [
        f"{container['name']} {bound} {name} {amount}"
        for container in [*pod.get("initContainers", []), *pod["containers"]]
        for bound, amounts in container.get("resources", {}).items()
        for name, amount in amounts.items()
    ]
    yield "resources", "\n".join(lines)
    if "headroom.dev/pool" in pod.get("nodeSelector", {}):
        yield "pool", pod["nodeSelector"]["headroom.dev/pool"]
    if "replicas" in spec:
        yield "replicas", str(spec["replicas"])
