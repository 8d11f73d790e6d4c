"""workloads-are-known: nothing runs beside what the other rules judge."""

from collections.abc import Iterator

from policies.autoscaler import AUTOSCALERS, HORIZONTAL, target_of
from policies.evidence import Context
from policies.fleet import DEPLOYMENT, LIVE_KINDS, autoscaler_of
from policies.known import unknown_of
from policies.known_objects import OBJECTS
from policies.placement import POOL
from policies.rule import Finding, Rule, each
from policies.services import SERVICE, pods_behind, standing
from policies.stack import Resource, Stack, annotation, field, find_object, identity, optional, optional_annotation
from policies.workload_types import HARMLESS, HARMLESS_PREFIXES, KINDS, POD_SPECS

_OF_THE_WEEK = "spec.minReplicas"
"""What the job sets that keeps an autoscaler's week: a deploy that took it back would take away the floor of the minute."""
_LIVE_ANNOTATIONS = (
    "vertical",
    "session-container",
    "session-memory-bytes",
    "session-cpu-cores",
    "session-descriptors",
    "base-memory-bytes",
    "base-cpu-cores",
    "base-descriptors",
    "workers",
    "forecast-peak",
)


def _workloads_are_known(stack: Stack, _context: Context) -> Iterator[Finding]:
    yield from each(stack.resources, lambda resource: resource.name, _is_known)
    if any(stack.of_type(POOL)):  # the programs of others may say what they like
        said = list(stack.of_type(*OBJECTS))
        yield from each(said, lambda resource: resource.name, lambda resource: unknown_of(resource, OBJECTS[resource.type]))
        workloads, services = list(stack.of_type(*POD_SPECS)), list(stack.of_type(SERVICE))
        yield from each(workloads, lambda workload: workload.name, lambda workload: _has_its_pods_alone(stack, workload))
        yield from each(services, lambda service: service.name, lambda service: _leads_to_judged_pods(stack, service))
    yield from each(stack.resources, lambda resource: resource.name, _is_deployed_as_judged)
    yield from each(stack.of_type(*AUTOSCALERS), lambda scaler: scaler.name, lambda scaler: _scales_one(stack, scaler))
    yield from each(
        stack.of_type(DEPLOYMENT),
        lambda deployment: deployment.name,
        lambda deployment: _scaled_once(stack, deployment),
    )


def _is_known(resource: Resource) -> Iterator[Finding]:
    runs_pods = resource.type in POD_SPECS
    if not runs_pods and resource.type not in HARMLESS and not resource.type.startswith(HARMLESS_PREFIXES):
        message = f"no rule knows the type {resource.type}"
        yield Finding(resource.name, message, "leave it out, or teach the gate what it runs")
        return
    if resource.type.startswith("kubernetes:"):
        yield from _is_what_it_says(resource)
    if runs_pods:
        yield from _has_known_kind(resource)


def _is_what_it_says(resource: Resource) -> Iterator[Finding]:
    _, group_version, kind = resource.type.split(":")
    token = (group_version.removeprefix("core/"), kind)
    manifest = (field(resource, "apiVersion").text(), field(resource, "kind").text())
    if manifest != token:
        message = f"its manifest is of {manifest[0]} {manifest[1]}, its type of {token[0]} {token[1]}"
        yield Finding(resource.name, message, "declare it by the type that it is")


def _has_known_kind(resource: Resource) -> Iterator[Finding]:
    kind, exempt = optional_annotation(resource, "kind"), optional_annotation(resource, "exempt")
    known = KINDS.get(resource.type, frozenset())
    remedy = "annotate it with headroom.dev/exempt and the reason"
    if known:
        remedy = f"annotate it with headroom.dev/kind ({', '.join(sorted(known))}), or with headroom.dev/exempt and the reason"
    if kind is None:
        if exempt is None or not any(letter.isalpha() for letter in str(exempt.value)):
            yield Finding(resource.name, "it runs pods that no rule knows", remedy)
    elif kind.text() not in known:
        yield Finding(resource.name, f"no rule knows its kind {kind.text()}", remedy)
    elif kind.text() in LIVE_KINDS:
        for name in _LIVE_ANNOTATIONS:
            annotation(resource, name)


def _is_deployed_as_judged(resource: Resource) -> Iterator[Finding]:
    kept = [place for place in resource.ignored if resource.type != HORIZONTAL or place != _OF_THE_WEEK]
    if kept:
        message = f"the engine ignores changes of {kept[0]}: what stands there was not judged"
        yield Finding(resource.name, message, "leave it out of ignore_changes")


def _has_its_pods_alone(stack: Stack, workload: Resource) -> Iterator[Finding]:
    """An autoscaler, and a budget, look at every pod that a workload's selector fits."""
    chosen = optional(workload, "spec.selector.matchLabels")
    if chosen is None:
        return
    wanted = chosen.texts()
    for other, carried in standing(stack).get(identity(workload).namespace, ()):
        if other is not workload and wanted.items() <= carried.items():
            message = f"its selector fits the pods of {other.name} too: an autoscaler counts their sessions as its own"
            yield Finding(workload.name, message, f"give the pods of {other.name} labels of their own")


def _leads_to_judged_pods(stack: Stack, service: Resource) -> Iterator[Finding]:
    if field(service, "spec").get("selector") is None:
        return
    behind = pods_behind(stack, service)
    strangers = [one for one in behind if optional_annotation(one, "kind") is None]
    if len(strangers) < len(behind):
        for one in strangers:
            message = f"it leads to the pods of {one.name}, which no rule judges, beside others"
            yield Finding(service.name, message, f"give the pods of {one.name} labels of their own")


def _scales_one(stack: Stack, autoscaler: Resource) -> Iterator[Finding]:
    target = target_of(autoscaler)
    scaled = find_object(stack, DEPLOYMENT, target.identity) if target.kind == "Deployment" else None
    if scaled is None:
        where = f"{target.kind} {target.identity.namespace}/{target.identity.name}"
        yield Finding(autoscaler.name, f"it scales {where}, which the stack does not have as a Deployment", "leave it out")
        return
    version = field(autoscaler, "spec.scaleTargetRef").get("apiVersion")
    if (version is None and autoscaler.type == HORIZONTAL) or (version is not None and version.text() != "apps/v1"):
        message = "its target is not of apps/v1, so it scales nothing"
        yield Finding(autoscaler.name, message, "set scaleTargetRef.apiVersion to apps/v1")
    kind = optional_annotation(scaled, "kind")
    if kind is not None and kind.text() not in LIVE_KINDS:
        message = f"it scales {scaled.name}, of kind {kind.text()}, which keeps a fixed size"
        yield Finding(autoscaler.name, message, "leave it out")


def _scaled_once(stack: Stack, deployment: Resource) -> Iterator[Finding]:
    scaler = autoscaler_of(stack, deployment)
    if scaler is not None and optional(deployment, "spec.replicas") is not None:
        message = f"it sets spec.replicas, which every deploy would take back from {scaler.name}"
        yield Finding(deployment.name, message, "leave spec.replicas out")


RULES = (
    Rule(
        name="workloads-are-known",
        condition="Every resource is of a type that the gate knows and, in a stack of ours, says nothing that it does not know; "
        "every workload is of a kind that its rules judge, or exempt with a reason; each is scaled by one autoscaler at most, "
        "and no pods of another are among its own, or behind its Service without a rule that judges them. What is deployed is "
        "what was judged: but for the floor that a job sets, no change is ignored.",
        why="A workload that no rule knows takes nodes, or calls, behind the gate's back.",
        reads="types of all resources, and the fields of those of Kubernetes; `headroom.dev/kind` and `headroom.dev/exempt`; "
        "autoscalers and their targets; selectors, and labels of pods; in the program, `ignore_changes`.",
        remedy="Annotate it with its kind, or with the reason why no rule need judge it.",
        check=_workloads_are_known,
    ),
)
