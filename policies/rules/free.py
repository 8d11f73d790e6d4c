"""pods-are-free-to-run: nothing keeps a pod from coming, from standing where it was counted, or from staying."""

from collections.abc import Iterator

from policies.evidence import Context
from policies.fleet import LIVE_KINDS
from policies.known import unknown_of
from policies.known_objects import WORKLOADS
from policies.margins import ROOT
from policies.placement import HOST, POOL, ZONE
from policies.pod_settings import odd_settings
from policies.probes import impatient, late, unanswered
from policies.rule import Finding, Rule, each
from policies.stack import Place, Resource, Stack, annotation, field, optional, optional_annotation
from policies.started import otherwise_started
from policies.workload_types import POD_SPECS
from policies.workloads import of_kind, pod_of

_PRIORITY = "kubernetes:scheduling.k8s.io/v1:PriorityClass"
_SELECTED = "headroom.dev/pool"
_COUNTED = frozenset({"cpu", "memory", "nvidia.com/gpu"})
_DISK = "ephemeral-storage"
"""Of others' nodes the gate counts nothing, and of ours not their disks."""
_ON_THE_NODE = frozenset({"turn"})
"""Kinds whose pods take ports of their node, and are counted so."""
_KNOWN = frozenset(
    {
        "affinity",
        "automountServiceAccountToken",
        "containers",
        "dnsConfig",
        "dnsPolicy",
        "enableServiceLinks",
        "hostAliases",
        "hostNetwork",
        "imagePullSecrets",
        "initContainers",
        "nodeSelector",
        "overhead",
        "priorityClassName",
        "restartPolicy",
        "runtimeClassName",
        "securityContext",
        "serviceAccount",
        "serviceAccountName",
        "terminationGracePeriodSeconds",
        "tolerations",
        "topologySpreadConstraints",
        "volumes",
    }
)
"""What a pod may say: rules judge it, or it keeps no pod from running. Gates, other schedulers and deadlines are not among it."""
_FREE = "leave it out"


def _pods_are_free_to_run(stack: Stack, _context: Context) -> Iterator[Finding]:
    workloads = [one for one in stack.of_type(*POD_SPECS) if optional_annotation(one, "kind") is not None]
    yield from each(workloads, lambda workload: workload.name, lambda workload: _is_free(stack, workload))
    live = list(of_kind(stack, *sorted(LIVE_KINDS)))
    timed = live
    if any(stack.of_type(POOL)):  # others' programs start and answer in ways of their own
        timed = workloads
        yield from each(workloads, lambda workload: workload.name, lambda workload: _answers(stack, workload))
    yield from each(timed, lambda workload: workload.name, lambda workload: late(pod_of(workload), _lag(stack)))
    yield from each(live, lambda workload: workload.name, _leaves_room)
    yield from each(stack.of_type(_PRIORITY), lambda priority: priority.name, _is_for_those_who_name_it)


def _is_free(stack: Stack, workload: Resource) -> Iterator[Finding]:
    pod, ours = pod_of(workload), any(stack.of_type(POOL))
    paused = optional(workload, "spec.paused")
    if paused is not None and paused.value is not False:
        yield Finding(workload.name, "its rollout is paused: its pods do not come", _FREE)
    if ours:
        yield from unknown_of(workload, WORKLOADS.get(workload.type, {}))
        yield from odd_settings(workload)
    else:
        for key in sorted(pod.names() - _KNOWN):
            if pod.get(key) is not None:
                yield Finding(workload.name, f"no rule knows {key} of its pods", _FREE)
    yield from _may_stand(pod, ours=ours)
    yield from _may_stay(stack, pod, ours=ours)
    yield from _takes_what_is_counted(workload, pod, ours=ours)


def _lag(stack: Stack) -> float:
    return field(stack.the_one(ROOT), "lagSeconds").number()


def _answers(stack: Stack, workload: Resource) -> Iterator[Finding]:
    """A program is started as its image knows, and asked what it answers, until it does."""
    pod = pod_of(workload)
    yield from otherwise_started(stack, workload)
    yield from unanswered(annotation(workload, "kind").text(), pod)
    yield from impatient(pod)


def _leaves_room(workload: Resource) -> Iterator[Finding]:
    """No container beside what holds sessions takes what the pod was given for them."""
    pod = pod_of(workload)
    for container in [*pod["containers"].items(), *pod.listed("initContainers")]:
        limits = container["resources"].get("limits")
        if limits is None or limits.get("memory") is None:
            yield Finding(workload.name, f"{container.path} takes as much memory as it likes", "give it a limit")


def _is_for_those_who_name_it(priority: Resource) -> Iterator[Finding]:
    everyones = optional(priority, "globalDefault")
    if everyones is not None and everyones.value is not False and _gives_way(priority):
        yield Finding(priority.name, "it is everyone's priority, and below zero: other pods push all of them away", _FREE)


def _may_stand(pod: Place, *, ours: bool) -> Iterator[Finding]:
    """What a pod asks of its node must be what the pool's nodes were counted for; of others' nodes the gate knows nothing."""
    name, selector, affinity = pod.resource.name, pod.get("nodeSelector"), pod.get("affinity")
    if ours and selector is not None and (more := sorted(selector.names() - {_SELECTED})):
        yield Finding(name, f"its node selector asks for {more[0]} beside the pool", _FREE)
    for kind in ("nodeAffinity", "podAffinity", "podAntiAffinity") if affinity is not None else ():
        asked = affinity.get(kind)  # type: ignore[union-attr]
        required = asked and asked.get("requiredDuringSchedulingIgnoredDuringExecution")
        if required is None or (kind == "nodeAffinity" and not ours):
            continue
        if kind != "podAntiAffinity" or any(term["topologyKey"].text() != HOST for term in required.items()):
            yield Finding(name, f"its {kind} asks for nodes that its pool was not counted with", _FREE)
    for one in pod.listed("topologySpreadConstraints"):
        if one["whenUnsatisfiable"].text() != "ScheduleAnyway" and one["topologyKey"].text() not in (HOST, ZONE):
            yield Finding(
                name, f"it is spread over {one['topologyKey'].text()}, or does not come", "spread it over nodes or zones"
            )


def _may_stay(stack: Stack, pod: Place, *, ours: bool) -> Iterator[Finding]:
    named, kind = pod.get("priorityClassName"), optional_annotation(pod.resource, "kind")
    if named is None or named.text().startswith("system-") or (kind is not None and kind.text() == "placeholder"):
        return  # placeholders are there to give way: nodes-cover-maximum asks for it
    found = [one for one in stack.of_type(_PRIORITY) if field(one, "metadata.name").text() == named.text()]
    if (ours and not found) or any(_gives_way(one) for one in found):
        yield Finding(pod.resource.name, f"its priority {named.text()} may let other pods push it away", _FREE)


def _gives_way(priority: Resource) -> bool:
    value = field(priority, "value").value
    return isinstance(value, bool) or not isinstance(value, int | float) or value < 0


def _takes_what_is_counted(workload: Resource, pod: Place, *, ours: bool) -> Iterator[Finding]:
    counted = _COUNTED if ours else _COUNTED | {_DISK}
    kind, shares = optional_annotation(workload, "kind"), pod.get("hostNetwork")
    on_node = kind is not None and kind.text() in _ON_THE_NODE
    if shares is not None and shares.value is not False and not on_node:
        yield Finding(workload.name, "its pods take the network of their node: no two of them stand on one", _FREE)
    for container in [*pod["containers"].items(), *pod.listed("initContainers")]:
        ports, resources = container.get("ports"), container.get("resources")
        if not on_node and any(port.get("hostPort") is not None for port in ([] if ports is None else ports.items())):
            yield Finding(workload.name, f"{container.path} takes a port of its node: no two of them stand on one", _FREE)
        for bound in ("limits", "requests", "claims"):
            asked = None if resources is None else resources.get(bound)
            if asked is not None and (bound == "claims" or not asked.names() <= counted):
                yield Finding(
                    workload.name, f"{asked.path} asks for what no rule counts", f"ask for {', '.join(sorted(counted))}"
                )


RULES = (
    Rule(
        name="pods-are-free-to-run",
        condition="No rollout is paused, and no pod says what keeps it from coming, from standing where it was counted, or from "
        "staying: gates, other schedulers, deadlines, nodes by name, ports of nodes, devices, priorities and, in a stack of "
        "ours, any field that no rule knows; probes that ask later than the scaling lag, or go on with a pod that does not "
        "answer; a container of a live pod without a limit of memory. In a stack of ours programs are started as they are "
        "rendered, and asked what they answer, for 30 s at least before a pod is ended.",
        why="A pod that is counted and never comes, or is taken away again, carries no call.",
        reads="`spec.paused` and every field of the pods of workloads with a kind, their commands and probes among them; "
        "RLIMIT_NOFILE of the container `limits`; PriorityClasses; the claim `lagSeconds`.",
        remedy="Leave the field out.",
        check=_pods_are_free_to_run,
    ),
)
