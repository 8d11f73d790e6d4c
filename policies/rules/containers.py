"""Rules on single containers: what one may take is what its node was counted with, and what it is told of itself is so."""

from collections.abc import Iterator, Mapping

from policies.edge import object_of
from policies.evidence import Context
from policies.figures import exceeds
from policies.fleet import LIVE_KINDS, Live, descriptor_limit, live_deployments, session_container
from policies.known import known, unknown_inside
from policies.placement import POOL
from policies.pm2 import ecosystem_of
from policies.rule import Finding, Rule, each
from policies.stack import Place, Resource, Stack, annotation, optional_annotation
from policies.workload_types import POD_SPECS
from policies.workloads import beside_each_other, pod_of, starting

_PM2 = known("apps(name script instances exec_mode kill_timeout max_memory_restart out_file error_file)")
_PORTS = {"HEADROOM_PORT": "http", "HEADROOM_PROBE_PORT": "probes"}
_PORTS_OF_SETTINGS = {"port": "http", "probesPort": "probes"}
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
    for container in beside_each_other(pod):
        if container["name"].text() != sessions:
            yield from _is_bounded(container, may_take_more=kind == "queue")
    for container, stays in starting(pod):
        if not stays:
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
    workloads = [one for one in stack.of_type(*POD_SPECS) if optional_annotation(one, "kind") is not None]
    yield from each(workloads, lambda workload: workload.name, _listens_where_it_says)


def _is_told(live: Live) -> Iterator[Finding]:
    container, real = session_container(live), _real(live)
    for one in container.listed("env"):
        name = one["name"].text()
        if name in real and exceeds(abs(one["value"].number() - real[name]), 0.0):
            message = f"its program is told {name} {one['value'].number():.12g}; what its container has is {real[name]:.12g}"
            yield Finding(live.deployment.name, message, f"set it to {real[name]:.12g}", real[name], one["value"].number())


def _listens_where_it_says(workload: Resource) -> Iterator[Finding]:
    """A program that listens elsewhere is never ready, or ready and never reached."""
    for container in beside_each_other(pod_of(workload)):
        ports = {port["name"].text(): port["containerPort"].count() for port in container.listed("ports") if port.get("name")}
        for name, told in _told_ports(container):
            real = ports.get(name)
            if real is not None and told.count() != real:
                message = f"by {told.path} its program listens on {told.count()}; the port {name} of its container is {real}"
                yield Finding(workload.name, message, f"set it to {real}", real, told.count())


def _told_ports(container: Place) -> Iterator[tuple[str, Place]]:
    """Yield the ports that a program is told to listen on, by the names that its container has for them."""
    for one in container.listed("env"):
        name = one["name"].text()
        if name in _PORTS:
            yield _PORTS[name], one["value"]
        elif name == "HEADROOM_SETTINGS":
            settings = Place(container.resource, one["value"].path, object_of(one["value"]))
            yield from ((port, told) for key, port in _PORTS_OF_SETTINGS.items() if (told := settings.get(key)) is not None)


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
    if any(stack.of_type(POOL)):
        yield from unknown_inside(ecosystem.place, object_of(ecosystem.place), _PM2)
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
        "container has; PM2 starts as many processes as are counted. The ports that any program is told are those of its "
        "container.",
        why="A program that is told too much does not start, or admits what its pod cannot hold; one that is told too little "
        "does not notice at its start that something is missing.",
        reads="HEADROOM_WORKERS, HEADROOM_OPEN_FILES, HEADROOM_MEMORY_BYTES, HEADROOM_CPU_CORES; requests and RLIMIT_NOFILE of "
        "the session container; the claim `workers`; `instances` of PM2's ecosystem file; of every workload with a kind "
        "HEADROOM_PORT, HEADROOM_PROBE_PORT, HEADROOM_SETTINGS and the ports of its containers.",
        remedy="Tell it what it has.",
        check=_programs_know_their_pod,
    ),
)
