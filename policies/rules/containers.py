"""Rules on single containers: what one may take is what its node was counted with, and what it is told of itself is so."""

from collections.abc import Iterator, Mapping

from policies.evidence import Context
from policies.figures import exceeds
from policies.fleet import LIVE_KINDS, Live, descriptor_limit, live_deployments, session_container
from policies.pm2 import ecosystem_of
from policies.rule import Finding, Rule, each
from policies.stack import Place, Resource, Stack, annotation, optional_annotation
from policies.workload_types import POD_SPECS
from policies.workloads import pod_of

_BOUNDED = {"cpu": "cores", "memory": "bytes"}


def _containers_take_what_they_ask(stack: Stack, _context: Context) -> Iterator[Finding]:
    workloads = [one for one in stack.of_type(*POD_SPECS) if optional_annotation(one, "kind") is not None]
    yield from each(workloads, lambda workload: workload.name, _takes_what_it_asks)


def _takes_what_it_asks(workload: Resource) -> Iterator[Finding]:
    """The container of a vertical may be let take more than it asks for, by the spec, and the check that runs before it.

    The sessions of such a pod are counted by limits and by requests: pod-limits-cover-sessions.
    """
    kind, pod = annotation(workload, "kind").text(), pod_of(workload)
    sessions = annotation(workload, "session-container").text() if kind in LIVE_KINDS else None
    for container in pod["containers"].items():
        if container["name"].text() != sessions:
            yield from _is_bounded(container, may_take_more=kind == "queue")
    for container in pod.listed("initContainers"):
        yield from _is_bounded(container, may_take_more=kind == "queue" or kind in LIVE_KINDS)


def _is_bounded(container: Place, *, may_take_more: bool) -> Iterator[Finding]:
    for resource, unit in _BOUNDED.items():
        bound, asked = (container["resources"][which][resource] for which in ("limits", "requests"))
        must, have = asked.quantity(), bound.quantity()
        remedy = f"set it to {asked.value}"
        if exceeds(must, have):
            message = f"{bound.path} is {bound.value}, below the {asked.value} that it asks for: the API server refuses its pods"
            yield Finding(container.resource.name, message, remedy, must, have, unit)
        elif exceeds(have, must) and not may_take_more:
            message = f"{bound.path} lets it take {bound.value} from the calls on its node, which was counted with {asked.value}"
            yield Finding(container.resource.name, message, remedy, must, have, unit)


def _programs_know_their_pod(stack: Stack, _context: Context) -> Iterator[Finding]:
    yield from each(live_deployments(stack), lambda live: live.deployment.name, _is_told)
    yield from each(live_deployments(stack), lambda live: live.deployment.name, lambda live: _starts(stack, live))


def _is_told(live: Live) -> Iterator[Finding]:
    container, real = session_container(live), _real(live)
    for one in container.listed("env"):
        name = one["name"].text()
        if name in real and exceeds(abs(one["value"].number() - real[name]), 0.0):
            message = f"its program is told {name} {one['value'].number():.12g}; what its container has is {real[name]:.12g}"
            yield Finding(live.deployment.name, message, f"set it to {real[name]:.12g}", real[name], one["value"].number())


def _real(live: Live) -> Mapping[str, float]:
    requests = session_container(live)["resources"]["requests"]
    return {
        "HEADROOM_WORKERS": float(annotation(live.deployment, "workers").count(at_least=1)),
        "HEADROOM_OPEN_FILES": descriptor_limit(live),
        "HEADROOM_MEMORY_BYTES": requests["memory"].quantity(),
        "HEADROOM_CPU_CORES": requests["cpu"].quantity(),
    }


def _starts(stack: Stack, live: Live) -> Iterator[Finding]:
    ecosystem, workers = ecosystem_of(stack, live), annotation(live.deployment, "workers").count(at_least=1)
    if ecosystem is None:
        return
    started = sum(ecosystem.of_each("instances", at_least=1))
    if started != workers:
        message = f"PM2 starts {started:g} processes in its pods; sessions and open files are counted with {workers}"
        remedy = f"set instances to {workers}"
        yield Finding(live.deployment.name, message, remedy, workers, started, "processes")


RULES = (
    Rule(
        name="containers-take-what-they-ask",
        condition="Every container is limited to the memory and the processor time that it asks for, but for those that hold "
        "sessions or work off a queue, and the check before them: they may be let take more, never less.",
        why="Nodes are counted by what pods ask for: what a helper takes beyond that it takes from the calls beside it, and a "
        "pod that may is among the first that a full node ends.",
        reads="limits and requests of every container of workloads with a kind.",
        remedy="Limits that are the requests.",
        check=_containers_take_what_they_ask,
    ),
    Rule(
        name="programs-know-their-pod",
        condition="What the program of a live pod is told of its workers, open files, memory and processor time is what its "
        "container has; PM2 starts as many processes as are counted.",
        why="A program that is told too much does not start, or admits what its pod cannot hold; one that is told too little "
        "does not notice at its start that something is missing.",
        reads="HEADROOM_WORKERS, HEADROOM_OPEN_FILES, HEADROOM_MEMORY_BYTES, HEADROOM_CPU_CORES; requests and RLIMIT_NOFILE of "
        "the session container; the claim `workers`; `instances` of PM2's ecosystem file.",
        remedy="Tell it what it has.",
        check=_programs_know_their_pod,
    ),
)
