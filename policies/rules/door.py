"""door-matches-plan: the API server holds the stack's objects to the figures that they were judged by."""

from collections.abc import Iterator
from typing import Any

from headroom.blueprint import digest
from policies.autoscaler import AUTOSCALERS, maximum_replicas, scaling_target, week_of
from policies.evidence import Context, usable
from policies.figures import exceeds
from policies.fleet import autoscaler_of, forecast_share, live_deployments, load_of, safe_sessions
from policies.margins import margins, required
from policies.quantities import quantity
from policies.rule import Finding, Rule, each
from policies.scaled_object import SCALED_OBJECT
from policies.stack import Identity, Place, Resource, Stack, Unreadable, field, find_object, identity, optional
from policies.workloads import CONFIG_MAP, pod_of

POLICY = "sha256:d797aee62e15a71d18f613aa2765cdb5d142bbbdf2e76a41b9b2f699f8cbc131"
"""The digest of the policy that the rule knows: what it refuses, by which figures, is tried on a real API server."""

_WORKLOADS = ("kubernetes:apps/v1:Deployment", "kubernetes:apps/v1:StatefulSet", "kubernetes:apps/v1:DaemonSet")
_ADMISSION = "kubernetes:admissionregistration.k8s.io/v1:ValidatingAdmissionPolicy"
_NAME = "door.headroom.dev"
_NAMESPACE = "headroom"
_LABEL = "headroom.dev/door"
_POOL = "headroom.dev/pool"
_RENDER = "deploy what the program renders"


def figures(stack: Stack) -> dict[str, str]:
    """Return the figures of a stack's objects by their names, as the door should have them."""
    return {
        f"{_key(resource)}.{name}": text
        for resource in stack.of_type(*_WORKLOADS, *AUTOSCALERS)
        for name, text in _figures_of(stack, resource)
    }


def _figures_of(stack: Stack, resource: Resource) -> Iterator[tuple[str, str]]:
    if resource.type in AUTOSCALERS:
        yield from _autoscaler(resource)
    else:
        yield from _workload(resource)
        yield from _scaled(resource, autoscaler_of(stack, resource))
    annotations = optional(resource, "metadata.annotations")
    ours = (
        {} if annotations is None else {name: annotations[name] for name in annotations.value if name.startswith("headroom.dev/")}
    )
    yield "claims", "\n".join(f"{name}={str(ours[name].value).replace(chr(10), ' ')}" for name in sorted(ours))


def _key(resource: Resource) -> str:
    names = identity(resource)
    return f"{names.namespace}.{resource.type.rpartition(':')[2].lower()}s.{names.name}"


def _autoscaler(scaler: Resource) -> Iterator[tuple[str, str]]:
    yield "maximum", str(maximum_replicas(scaler))
    yield "floor", str(week_of(scaler).baseline)
    yield "target", f"{scaling_target(scaler, identity(scaler).namespace):.12g}"
    if scaler.type == SCALED_OBJECT:
        crons = [one["metadata"] for one in field(scaler, "spec.triggers").items() if one["type"].text() == "cron"]
        names = ("timezone", "start", "end", "desiredReplicas")
        yield "week", "\n".join("|".join(cron[name].text() for name in names) for cron in crons)


def _scaled(workload: Resource, scaler: Resource | None) -> Iterator[tuple[str, str]]:
    if scaler is not None:
        yield "scaled-by", f"{scaler.type.rpartition(':')[2]}/{identity(scaler).name}"
        yield "standing", str(week_of(scaler).baseline)
    replicas = optional(workload, "spec.replicas")
    if replicas is not None:
        yield "replicas", str(replicas.count())


def _workload(workload: Resource) -> Iterator[tuple[str, str]]:
    pod = pod_of(workload)
    containers = [*pod.listed("initContainers"), *pod["containers"].items()]
    yield "resources", "\n".join(line for container in containers for line in _bounds(container))
    selector = pod.get("nodeSelector")
    pool = None if selector is None else selector.get(_POOL)
    if pool is not None:
        yield "pool", pool.text()


def _bounds(container: Place) -> Iterator[str]:
    resources = container.get("resources")
    for bound in ("requests", "limits"):
        quantities = None if resources is None else resources.get(bound)
        if quantities is not None:
            yield from (f"{container['name'].text()} {bound} {name} {quantities[name].value}" for name in quantities.value)


def _door_matches_plan(stack: Stack, context: Context) -> Iterator[Finding]:
    held = [*stack.of_type(*_WORKLOADS, *AUTOSCALERS)]
    yield from each(["door"], str, lambda _: _stands(stack, held))
    known = _config_map(stack, "door-figures")
    yield from each(held, lambda resource: resource.name, lambda resource: _held(stack, context, known, resource))
    yield from each(["door-figures"], str, lambda _: _of_nothing(stack, known))
    kept = _config_map(stack, "door-kept")
    yield from each(stack.of_type(*AUTOSCALERS), lambda scaler: scaler.name, lambda scaler: _kept(kept, scaler))


def _stands(stack: Stack, held: list[Resource]) -> Iterator[Finding]:
    policy, binding = (_the_one(stack, kind) for kind in (_ADMISSION, f"{_ADMISSION}Binding"))
    if digest(_plain(field(policy, "spec"))) != POLICY:
        yield Finding(policy.name, "it does not refuse what the gate knows that it must", _RENDER)
    expected = {
        "policyName": _NAME,
        "paramRef": {
            "namespace": _NAMESPACE,
            "selector": {"matchLabels": {_LABEL: "figures"}},
            "parameterNotFoundAction": "Allow",
        },
        "validationActions": ["Deny"],
        "matchResources": {
            "namespaceSelector": {
                "matchExpressions": [
                    {
                        "key": "kubernetes.io/metadata.name",
                        "operator": "In",
                        "values": sorted({identity(one).namespace for one in held}),
                    }
                ]
            }
        },
    }
    if _plain(field(binding, "spec")) != expected:
        yield Finding(binding.name, "it does not bind the policy to every namespace of the stack, to deny", _RENDER)


def _the_one(stack: Stack, type_token: str) -> Resource:
    """Return the door's own policy or binding; others may stand beside it: they can only refuse more."""
    found = [one for one in stack.of_type(type_token) if field(one, "metadata.name").text() == _NAME]
    if len(found) != 1:
        kind = type_token.rpartition(":")[2]
        raise Unreadable("door", f"the stack has {len(found)} of the {kind} {_NAME}, and must have one", _RENDER)
    return found[0]


def _config_map(stack: Stack, name: str) -> Place:
    """Return the data of one of the door's ConfigMaps, which carries the label that the binding looks for."""
    found = find_object(stack, CONFIG_MAP, Identity(_NAMESPACE, name))
    if found is None:
        raise Unreadable("door", f"the stack has no ConfigMap {_NAMESPACE}/{name}", _RENDER)
    if field(found, "metadata.labels")[_LABEL].text() != "figures":
        raise Unreadable(found.name, f"the door does not find it: its label {_LABEL} is not figures", _RENDER)
    return field(found, "data")


def _held(stack: Stack, context: Context, known: Place, resource: Resource) -> Iterator[Finding]:
    for name, text in _figures_of(stack, resource):
        said = known.get(f"{_key(resource)}.{name}")
        if said is None:
            yield Finding(resource.name, f"the door has no figure for its {name}", _RENDER)
        elif not (_same(name, str(said.value), text) or (name == "maximum" and _enough(stack, context, resource, said.count()))):
            yield Finding(resource.name, f"the door has another figure for its {name}", _RENDER)


def _same(name: str, said: str, text: str) -> bool:
    """Return whether two texts of a figure say the same."""
    try:
        if name == "resources":
            return _quantities(said) == _quantities(text)
        return said == text or (name not in {"claims", "pool", "scaled-by", "week"} and quantity(said) == quantity(text))
    except ValueError:
        return False


def _quantities(lines: str) -> dict[str, float]:
    amounts = (line.rpartition(" ") for line in lines.splitlines())
    return {what: quantity(amount) for what, _, amount in amounts}


def _enough(stack: Stack, context: Context, scaler: Resource, maximum: int) -> bool:
    """Return whether an autoscaler that comes down to a maximum still holds the week's floors and what is required."""
    lock, floors = usable(context.lock), usable(context.floors)
    kept = margins(stack, floors)
    if not week_of(scaler).highest <= maximum <= maximum_replicas(scaler):
        return False
    for live in live_deployments(stack):
        if live.autoscaler is scaler:
            load = load_of(lock, live)
            sessions = required(lock, load, lock.valid_until, kept) * forecast_share(live, load.peak)
            return not exceeds(sessions, maximum * safe_sessions(live, floors, kept.safe_utilisation))
    return False


def _kept(kept: Place, scaler: Resource) -> Iterator[Finding]:
    if kept.get(f"{_key(scaler)}.kept") is None:
        yield Finding(scaler.name, "the door lets it be deleted", _RENDER)


def _of_nothing(stack: Stack, known: Place) -> Iterator[Finding]:
    for name in sorted(set(known.value) - set(figures(stack))):
        yield Finding("door-figures", f"{name} is of nothing that the stack has", _RENDER)


def _plain(place: Place) -> Any:
    """Return a value of which all is known."""
    if isinstance(place.value, dict):
        return {key: None if (found := place.get(key)) is None else _plain(found) for key in place.value}
    return [_plain(item) for item in place.items()] if isinstance(place.value, list) else place.value


RULES = (
    Rule(
        name="door-matches-plan",
        condition="A policy of admission stands at the API server, bound to every namespace of the stack, and holds each "
        "workload and autoscaler to the figures that it is deployed with.",
        why="What was judged here can be lowered there, by hand, a minute later.",
        reads="the ValidatingAdmissionPolicy door.headroom.dev (by its digest) and its binding; the ConfigMaps door-figures and "
        "door-kept; bounds, sizes, pools and claims of Deployments, StatefulSets, DaemonSets and autoscalers.",
        remedy="Deploy what the program renders.",
        check=_door_matches_plan,
    ),
)
