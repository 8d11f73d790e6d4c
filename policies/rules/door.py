"""door-matches-plan: the API server holds the stack's objects to the figures that they were judged by."""

import math
from collections.abc import Iterator
from typing import Any

from headroom.blueprint import canonical_json, digest
from policies.autoscaler import AUTOSCALERS, maximum_replicas, scale_up, scaling_target, tolerance_of, week_of
from policies.documents import WrongDocument, parse
from policies.evidence import Context, usable
from policies.figures import exceeds
from policies.fleet import autoscaler_of, forecast_share, live_deployments, load_of, safe_sessions
from policies.margins import margins, required
from policies.placement import POOL
from policies.quantities import quantity
from policies.rule import Finding, Rule, each
from policies.scaled_object import SCALED_OBJECT
from policies.stack import Place, Resource, Stack, Unreadable, WrongField, field, identity, optional
from policies.workloads import pod_of

POLICY = "sha256:e784ce39793d472c6dc9d667d97955a27fe46d0d49bb6bd65abbcbe3634e0695"
"""The digest of the policy that the rule knows, without its figures: what it refuses is tried on a real API server."""

_WORKLOADS = (
    "kubernetes:apps/v1:Deployment",
    "kubernetes:apps/v1:StatefulSet",
    "kubernetes:apps/v1:DaemonSet",
    "kubernetes:batch/v1:CronJob",
)
_ADMISSION = "kubernetes:admissionregistration.k8s.io/v1:ValidatingAdmissionPolicy"
_NAME = "door.headroom.dev"
_POOL = "headroom.dev/pool"
_SESSIONS = "HEADROOM_MAX_SESSIONS"
_RENDER = "deploy what the program renders"
_OF_VOLUMES = "phi-apart.headroom.dev"
_STORAGE = "headroom:storage:Storage"
VOLUMES = "sha256:ecf2ca35db52d1c937bc4b02baa5dd7764ccc307ec8c10ec218a6fdcc748631d"
"""The digest of the policy that keeps volumes of health data apart, without whose they are."""

Figures = dict[str, dict[str, dict[str, str]]]
"""By namespace, by plural and name of an object, by the name of a figure."""


def figures(stack: Stack) -> Figures:
    """Return the figures of a stack's objects, as the door should have them."""
    found: Figures = {}
    for resource in stack.of_type(*_WORKLOADS, *AUTOSCALERS):
        space, key = _key(resource)
        found.setdefault(space, {})[key] = dict(_figures_of(stack, resource))
    return found


def variable(space: str) -> str:
    """Return the name of the policy's variable that holds the figures of a namespace."""
    return f"of_{space.replace('-', '_')}"


def _figures_of(stack: Stack, resource: Resource) -> Iterator[tuple[str, str]]:
    if resource.type in AUTOSCALERS:
        yield from _autoscaler(resource)
    else:
        yield from _workload(resource)
        yield from _scaled(autoscaler_of(stack, resource))
    annotations = optional(resource, "metadata.annotations")
    ours = (
        {}
        if annotations is None
        else {name: annotations[name] for name in annotations.names() if name.startswith("headroom.dev/")}
    )
    yield "claims", "\n".join(f"{name}={str(ours[name].value).replace(chr(10), ' ')}" for name in sorted(ours))


def _key(resource: Resource) -> tuple[str, str]:
    names = identity(resource)
    return names.namespace, f"{resource.type.rpartition(':')[2].lower()}s/{names.name}"


def _autoscaler(scaler: Resource) -> Iterator[tuple[str, str]]:
    yield "maximum", str(maximum_replicas(scaler))
    yield "floor", str(week_of(scaler).baseline)
    yield "target", f"{scaling_target(scaler, identity(scaler).namespace):.12g}"
    yield from _growth(scaler)
    if scaler.type == SCALED_OBJECT:
        crons = [one["metadata"] for one in field(scaler, "spec.triggers").items() if one["type"].text() == "cron"]
        names = ("timezone", "start", "end", "desiredReplicas")
        yield "week", "\n".join("|".join(cron[name].text() for name in names) for cron in crons)


def _growth(scaler: Resource) -> Iterator[tuple[str, str]]:
    """Yield how an autoscaler adds pods; what it leaves out is as the API server has it."""
    up = scale_up(scaler)
    waits, chosen = (None if up is None else up.get(name) for name in ("stabilizationWindowSeconds", "selectPolicy"))
    first = f"{0 if waits is None else waits.count()} {'Max' if chosen is None else chosen.text()}"
    policies = [
        f"{one['type'].text()} {one['value'].count()} {one['periodSeconds'].count()}"
        for one in ([] if up is None else up.listed("policies"))
    ]
    yield "growth", "\n".join([first, *policies])
    yield "tolerance", f"{tolerance_of(scaler):.12g}"


def _scaled(scaler: Resource | None) -> Iterator[tuple[str, str]]:
    if scaler is not None:
        yield "scaled-by", f"{scaler.type.rpartition(':')[2]}/{identity(scaler).name}"
        yield "standing", str(week_of(scaler).baseline)


def _workload(workload: Resource) -> Iterator[tuple[str, str]]:
    pod = pod_of(workload)
    containers = [*pod.listed("initContainers"), *pod["containers"].items()]
    yield "resources", "\n".join(line for container in containers for line in _bounds(container))
    selector = pod.get("nodeSelector")
    pool = None if selector is None else selector.get(_POOL)
    if pool is not None:
        yield "pool", pool.text()
    for container in containers:
        yield from (("sessions", str(one["value"].count())) for one in container.listed("env") if one["name"].text() == _SESSIONS)
    replicas, schedule = optional(workload, "spec.replicas"), optional(workload, "spec.schedule")
    if replicas is not None:
        yield "replicas", str(replicas.count())
    if schedule is not None:
        yield "schedule", schedule.text()


def _bounds(container: Place) -> Iterator[str]:
    resources = container.get("resources")
    for bound in ("requests", "limits"):
        quantities = None if resources is None else resources.get(bound)
        if quantities is not None:
            yield from (f"{container['name'].text()} {bound} {name} {quantities[name].value}" for name in quantities.names())


def _door_matches_plan(stack: Stack, context: Context) -> Iterator[Finding]:
    held = [*stack.of_type(*_WORKLOADS, *AUTOSCALERS)]
    policy, binding = (_the_one(stack, kind) for kind in (_ADMISSION, f"{_ADMISSION}Binding"))
    spaces = sorted({identity(one).namespace for one in held})
    yield from each(["door"], str, lambda _: _stands(policy, binding, spaces))
    known = _known(policy, spaces)
    yield from each(held, lambda resource: resource.name, lambda resource: _held(stack, context, known, resource))
    yield from each([policy], lambda door: door.name, lambda door: _of_nothing(stack, known, door))
    if any(stack.of_type(POOL)):  # those of others' clusters may refuse what they like
        beside = [one for one in stack.of_type(_ADMISSION, f"{_ADMISSION}Binding") if one not in (policy, binding)]
        yield from each(beside, lambda one: one.name, lambda one: _refuses_what_it_must(stack, one))


def _refuses_what_it_must(stack: Stack, beside: Resource) -> Iterator[Finding]:
    """Yield policies of admission that no rule knows: one that refuses pods ends the stack with its next restart."""
    spec = _plain(field(beside, "spec"))
    if field(beside, "metadata.name").text() == _OF_VOLUMES:
        if beside.type != _ADMISSION:
            if spec == {"policyName": _OF_VOLUMES, "validationActions": ["Deny"]}:
                return
        else:
            first, *others = [_plain(one) for one in field(beside, "spec.variables").items()] or [None]
            owners = {"name": "owners", "expression": canonical_json(_owners(stack))}
            if first == owners and digest(spec | {"variables": others}) == VOLUMES:
                return
    yield Finding(beside.name, "it refuses what the gate does not know that it must", _RENDER)


def _owners(stack: Stack) -> dict[str, str]:
    """Return whose health data the volumes of each class are for."""
    classes = field(stack.the_one(_STORAGE), "classes")
    return {name: owner.text() for name in classes.names() if (owner := classes[name].get("phi")) is not None}


def _stands(policy: Resource, binding: Resource, spaces: list[str]) -> Iterator[Finding]:
    variables = field(policy, "spec.variables").items()
    count = len(spaces)
    by_space = ", ".join(f"'{space}': variables.{variable(space)}" for space in spaces)
    lookup = {"name": "figures", "expression": f"{{{by_space}}}[?request.namespace].orValue({{}})"}
    told = [one["name"].text() for one in variables[:count]], [_plain(one) for one in variables[count : count + 1]]
    same = _plain(field(policy, "spec")) | {"variables": [_plain(one) for one in variables[count + 1 :]]}
    if told != ([variable(space) for space in spaces], [lookup]) or digest(same) != POLICY:
        yield Finding(policy.name, "it does not refuse what the gate knows that it must", _RENDER)
    expected = {
        "policyName": _NAME,
        "validationActions": ["Deny"],
        "matchResources": {
            "namespaceSelector": {
                "matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "In", "values": spaces}]
            }
        },
    }
    if _plain(field(binding, "spec")) != expected:
        yield Finding(binding.name, "it does not bind the policy to every namespace of the stack, to deny", _RENDER)


def _the_one(stack: Stack, type_token: str) -> Resource:
    """Return the door's own policy or binding."""
    found = [one for one in stack.of_type(type_token) if field(one, "metadata.name").text() == _NAME]
    if len(found) != 1:
        kind = type_token.rpartition(":")[2]
        raise Unreadable("door", f"the stack has {len(found)} of the {kind} {_NAME}, and must have one", _RENDER)
    return found[0]


def _known(policy: Resource, spaces: list[str]) -> Place:
    """Return the figures that the policy has by namespace; what JSON reads of their texts, CEL reads alike."""
    named = {one["name"].text(): one["expression"] for one in field(policy, "spec.variables").items()}
    return Place(policy, "figures", {space: _read(named[variable(space)]) for space in spaces if variable(space) in named})


def _read(expression: Place) -> Any:
    try:
        return parse(expression.text())
    except WrongDocument as error:
        raise Unreadable(expression.resource.name, f"{expression.path}: {error}", _RENDER) from None


def _held(stack: Stack, context: Context, known: Place, resource: Resource) -> Iterator[Finding]:
    space, key = _key(resource)
    there = known.get(space)
    own = None if there is None else there.get(key)
    if own is None:
        yield Finding(resource.name, "the door has no figures of it", _RENDER)
        return
    for name, text in dict(_figures_of(stack, resource)).items():
        said = own.get(name)
        if said is None:
            yield Finding(resource.name, f"the door has no figure for its {name}", _RENDER)
        elif not isinstance(said.value, str) or not (
            _same(name, said.value, text) or (name == "maximum" and _enough(stack, context, resource, said.count()))
        ):
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


def _of_nothing(stack: Stack, known: Place, policy: Resource) -> Iterator[Finding]:
    told = {
        f"{space} {key} {name}" for space in known.names() for key in known[space].names() for name in known[space][key].names()
    }
    for name in sorted(told - _names(figures(stack))):
        yield Finding(policy.name, f"its figure {name} is of nothing that the stack has", _RENDER)


def _names(found: Figures) -> set[str]:
    return {f"{space} {key} {name}" for space, held in found.items() for key, own in held.items() for name in own}


def _plain(place: Place) -> Any:
    """Return a value of which all is known."""
    if isinstance(place.value, dict):
        return {key: None if (found := place.get(key)) is None else _plain(found) for key in place.names()}
    if isinstance(place.value, float) and not math.isfinite(place.value):
        raise WrongField(place.resource.name, place.path, "a number")
    return [_plain(item) for item in place.items()] if isinstance(place.value, list) else place.value


RULES = (
    Rule(
        name="door-matches-plan",
        condition="A policy of admission stands at the API server, bound to every namespace of the stack, and holds each "
        "workload and autoscaler to the figures that it is deployed with; none of ours stands beside it, but for the one that "
        "keeps volumes of health data apart.",
        why="What was judged here can be lowered there, by hand, a minute later.",
        reads="the ValidatingAdmissionPolicy door.headroom.dev (by its digest, and its figures one by one) and its binding; "
        "bounds, sizes, pools and claims of Deployments, StatefulSets, DaemonSets and autoscalers.",
        remedy="Deploy what the program renders.",
        check=_door_matches_plan,
    ),
)
