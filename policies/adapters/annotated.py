"""The opt-in mode: what the rules judge of a program that is not ours, which says by annotations what its workloads are."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from policies.autoscaler import AUTOSCALERS, HORIZONTAL, scales
from policies.evidence import Context, Unusable
from policies.fleet import live_deployments, pod_ceiling
from policies.floors import Floors
from policies.lock import Lock
from policies.margins import ALERT_UTILISATION, ROOT, TOLERANCE
from policies.rule import Rule
from policies.stack import Resource, Stack, Unreadable, identity, optional, optional_annotation
from policies.verdict import Violation
from policies.workload_types import HARMLESS, HARMLESS_PREFIXES, POD_SPECS

NAME = "annotated workloads"
_SCHEDULE = "schedule"
_PART_OF = {
    "plan-exists": ROOT,
    "planned-parts-stand": ROOT,
    "plan-falls-short-nowhere": ROOT,
    "calls-find-their-way": ROOT,
    "only-used-ways-open": ROOT,
    "references-resolve": ROOT,
    "bindings-resolve": "headroom:edge:Edge",
    "nodes-cover-maximum": "headroom:nodes:Pool",
    "one-node-loss-survived": "headroom:nodes:Pool",
    "one-zone-loss-survived": "headroom:nodes:Pool",
    "tokens-cover-burst": "headroom:model:Model",
    "limits-observed-recently": "headroom:model:Model",
    "reserved-capacity-names-its-product": "headroom:model:Model",
    "lead-times-met": "headroom:model:Model",
    "alerts-match-plan": "headroom:observability:Observability",
    "watchers-stand": "headroom:observability:Observability",
    "autoscalers-see-sessions": "headroom:observability:Observability",
    "operators-are-told": "headroom:observability:Observability",
    "containers-take-what-they-ask": "headroom:nodes:Pool",
    "pod-security-enforced": ROOT,
    "door-matches-plan": "headroom:door:Door",
    "edge-lets-in-callers-alone": "headroom:edge:Edge",
}
"""Rules on a component of ours, or on how a whole stack of ours hangs together: without it they have nothing to judge."""


def runs_on(rule: Rule, stack: Stack, context: Context) -> bool:
    """Return whether a program that is not ours has what a rule judges."""
    if rule.name == "prescale-covers-known-peaks":
        # A floor that is the same all week needs no job that sets it, unless a peak is known that it must stand before.
        known = isinstance(context.lock, Lock) and any(load.known_peaks for load in context.lock.verticals.values())
        return known or any(_claims(scaler, _SCHEDULE) for scaler in stack.of_type(*AUTOSCALERS))
    component = _PART_OF.get(rule.name)
    return component is None or any(stack.of_type(component))


def annotated_part(stack: Stack) -> Stack:
    """Return what opts in: annotated workloads, what scales or patches them, and what cannot run pods."""
    workloads = _annotated(stack)
    beside = [resource for resource in map(_placed, stack.resources) if _belongs(resource, workloads)]
    return Stack((*workloads, *beside))


def with_claims(part: Stack, context: Context) -> Stack:
    """Return a part with the claims that our own programs make: its margins are the organisation's floors, its facts the lock's.

    An autoscaler without `headroom.dev/schedule` keeps its minReplicas all week.
    """
    if isinstance(context.lock, Unusable) or isinstance(context.floors, Unusable):
        return part
    rooted = Stack((_root(context.lock, context.floors), *part.resources))
    ceilings = dict(_ceilings(rooted, context.floors))
    return Stack(tuple(_scaler(one, ceilings.get(one.name)) if one.type == HORIZONTAL else one for one in rooted.resources))


def nothing_annotated(rule: str) -> Violation:
    """Return the violation of a program in which nothing is annotated."""
    message = "no workload carries headroom.dev/kind, so nothing was judged"
    return Violation(rule, NAME, 1, 0, "workloads", message, "annotate the workloads that hold sessions", unread=True)


def not_judged(stack: Stack) -> tuple[tuple[str, str | None], ...]:
    """Return what the opt-in mode leaves out: a line and, of a workload, its name."""
    workloads, others = [], Counter[str]()
    annotated = _annotated(stack)
    for resource in map(_placed, stack.resources):
        if resource.type in POD_SPECS and not _claims(resource, "kind"):
            workloads.append((f"{resource.name} ({resource.type}) is not judged: it carries no headroom.dev/kind", resource.name))
        elif not (resource.type in POD_SPECS or _harmless(resource.type) or _reaches(resource, annotated)):
            others[resource.type] += 1
    types = ", ".join(f"{token} ({number})" for token, number in sorted(others.items()))
    return (*sorted(workloads), *([(f"no rule knows these types, which are not judged: {types}", None)] if types else []))


def _annotated(stack: Stack) -> list[Resource]:
    return [resource for resource in map(_placed, stack.resources) if resource.type in POD_SPECS and _claims(resource, "kind")]


def _belongs(resource: Resource, workloads: Sequence[Resource]) -> bool:
    if resource.type in POD_SPECS or resource.type == "pulumi:pulumi:Stack":
        return False
    if resource.type in AUTOSCALERS or not _harmless(resource.type):
        return _reaches(resource, workloads)
    return not resource.type.startswith("kubernetes:") or _is_named(resource)


def _reaches(resource: Resource, workloads: Sequence[Resource]) -> bool:
    """Return whether something scales or patches what is judged; the rules refuse what they do not know of that."""
    if resource.type in AUTOSCALERS:
        return any(_scales(resource, workload) for workload in workloads)
    spec = resource.props.get("spec")
    return resource.type.endswith("Patch") or (isinstance(spec, Mapping) and "scaleTargetRef" in spec)


def _scales(autoscaler: Resource, workload: Resource) -> bool:
    try:
        return scales(autoscaler, workload)
    except Unreadable:
        return True  # for the rules to say what cannot be read


def _is_named(resource: Resource) -> bool:
    try:
        identity(resource)
    except Unreadable:
        return False
    return True


def _claims(resource: Resource, name: str) -> bool:
    try:
        return optional_annotation(resource, name) is not None
    except Unreadable:
        return True  # nobody knows what it says: the rules refuse it


def _harmless(token: str) -> bool:
    return token in HARMLESS or token.startswith(HARMLESS_PREFIXES)


def _placed(resource: Resource) -> Resource:
    """Return a Kubernetes object with its namespace said: one that names none stands in `default`."""
    metadata = resource.props.get("metadata")
    if not resource.type.startswith("kubernetes:") or not isinstance(metadata, Mapping) or metadata.get("namespace") is not None:
        return resource
    return _changed(resource, {"metadata": {**metadata, "namespace": "default"}})


def _changed(resource: Resource, props: Mapping[str, Any]) -> Resource:
    return Resource(resource.type, resource.name, {**resource.props, **props})


def _root(lock: Lock, floors: Floors) -> Resource:
    claims = {
        "environment": lock.environment,
        "lockDigest": lock.actual_digest,
        "lockKind": lock.kind,
        "dataEnd": lock.data_end.isoformat(),
        "validUntil": lock.valid_until.isoformat(),
        "burst": floors.minimum_burst,
        "growthPerQuarter": floors.minimum_growth_per_quarter,
        "safeUtilisation": floors.maximum_safe_utilisation,
        "alertUtilisation": min(ALERT_UTILISATION, 1 / floors.minimum_burst),
        "lagSeconds": min((load.lag_seconds for load in lock.verticals.values()), default=0),
        "tolerance": TOLERANCE,
    }
    return Resource(ROOT, NAME, claims)


def _ceilings(stack: Stack, floors: Floors) -> list[tuple[str, int]]:
    try:
        scaled = [(live, live.autoscaler) for live in live_deployments(stack)]
        return [(scaler.name, pod_ceiling(live, floors).hard) for live, scaler in scaled if scaler is not None]
    except Unreadable:
        return []  # the rules say what cannot be read


def _scaler(autoscaler: Resource, ceiling: int | None) -> Resource:
    """Return an autoscaler with what our own carry as copies, where it does not say it."""
    try:
        least = optional(autoscaler, "spec.minReplicas")
        claims: dict[str, str] = {_SCHEDULE: json.dumps({"baseline": 1 if least is None else least.count(), "windows": []})}
        claims["alert-utilisation"] = str(ALERT_UTILISATION)
        if ceiling is not None:
            claims["hard-ceiling"] = str(ceiling)
        missing = {
            f"headroom.dev/{name}": value for name, value in claims.items() if optional_annotation(autoscaler, name) is None
        }
    except Unreadable:
        return autoscaler  # the rules say what cannot be read
    metadata = autoscaler.props.get("metadata") or {}
    return _changed(autoscaler, {"metadata": {**metadata, "annotations": {**(metadata.get("annotations") or {}), **missing}}})
