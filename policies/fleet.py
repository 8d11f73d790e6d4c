"""The live Deployments of a stack, what scales them, and the sessions that one pod can hold."""

from collections.abc import Mapping
from dataclasses import dataclass

from policies.autoscaler import AUTOSCALERS, Target, as_target, maximum_replicas, target_of
from policies.figures import whole
from policies.floors import Floors, SessionCost
from policies.lock import Load, Lock
from policies.stack import (
    MissingField,
    Place,
    Resource,
    Stack,
    Unreadable,
    annotation,
    field,
    optional,
    optional_annotation,
)
from policies.workloads import open_files

DEPLOYMENT = "kubernetes:apps/v1:Deployment"
LIVE_KINDS = frozenset({"fastapi", "nats", "pm2"})

DESCRIPTOR_ROOM = 1.5
"""A process opens files beside its sessions' sockets, and old sockets linger."""


@dataclass(frozen=True)
class Live:
    """A Deployment that holds live sessions, and its autoscaler if it has one."""

    vertical: str
    deployment: Resource
    autoscaler: Resource | None

    @property
    def name(self) -> str:
        """The name of what sets the number of pods: the autoscaler, or the Deployment itself."""
        return (self.autoscaler or self.deployment).name


@dataclass(frozen=True)
class Ceiling:
    """Sessions that one pod holds at 100% of its tightest limit."""

    hard: int
    """By its limits."""
    guaranteed: int
    """By its requests, which it has also on a full node."""


def live_deployments(stack: Stack) -> tuple[Live, ...]:
    """Return the Deployments of a live kind, each with its autoscaler."""
    return stack.once(_live_deployments)


def _live_deployments(stack: Stack) -> tuple[Live, ...]:
    found = []
    for deployment in stack.of_type(DEPLOYMENT):
        kind = optional_annotation(deployment, "kind")
        if kind is not None and kind.text() in LIVE_KINDS:
            found.append(Live(annotation(deployment, "vertical").text(), deployment, autoscaler_of(stack, deployment)))
    return tuple(found)


def autoscaler_of(stack: Stack, workload: Resource) -> Resource | None:
    """Return the autoscaler that scales a workload, or None; two of them are `Unreadable`: they would fight."""
    found = stack.once(_autoscalers).get(as_target(workload), ())
    if len(found) > 1:
        names = " and ".join(sorted(scaler.name for scaler in found))
        raise Unreadable(workload.name, f"{names} both scale it", "keep one autoscaler")
    return found[0] if found else None


def _autoscalers(stack: Stack) -> Mapping[Target, list[Resource]]:
    found: dict[Target, list[Resource]] = {}
    for scaler in stack.of_type(*AUTOSCALERS):
        found.setdefault(target_of(scaler), []).append(scaler)
    return found


def maximum_pods(workload: Resource, autoscaler: Resource | None) -> int:
    """Return the pods that a workload can grow to; raise `MissingField` where nothing bounds them."""
    if autoscaler is not None:
        return maximum_replicas(autoscaler)
    replicas = optional(workload, "spec.replicas")
    if replicas is None:
        raise MissingField(workload.name, "spec.replicas (no autoscaler scales it)")
    return replicas.count()


def session_cost(live: Live, floors: Floors) -> SessionCost:
    """Return what a session costs: the stricter of the Deployment's claim and the floor, for each resource."""
    floor = floors.session(live.vertical)
    return SessionCost(
        memory_bytes=max(annotation(live.deployment, "session-memory-bytes").number(), floor.memory_bytes),
        cpu_cores=max(annotation(live.deployment, "session-cpu-cores").number(), floor.cpu_cores),
        descriptors=max(annotation(live.deployment, "session-descriptors").number(), floor.descriptors),
    )


def pod_ceiling(live: Live, floors: Floors) -> Ceiling:
    """Return the sessions of one pod: the least of memory, processor time, open files and its cap, by limits and by requests.

    What the pod needs before its first session is taken off first.
    """
    cost = session_cost(live, floors)
    base_memory = annotation(live.deployment, "base-memory-bytes").number()
    base_cpu = annotation(live.deployment, "base-cpu-cores").number()
    cap = optional_annotation(live.deployment, "session-cap")
    caps = [] if cap is None else [cap.count()]
    workers = annotation(live.deployment, "workers").count(at_least=1)
    own_files = annotation(live.deployment, "base-descriptors").number()
    caps.append(workers * whole((descriptor_limit(live) / DESCRIPTOR_ROOM - own_files) / cost.descriptors))
    resources = session_container(live)["resources"]

    def ceiling(bound: Place) -> int:
        by_memory = whole((bound["memory"].quantity() - base_memory) / cost.memory_bytes)
        by_cpu = whole((bound["cpu"].quantity() - base_cpu) / cost.cpu_cores)
        return min(by_memory, by_cpu, *caps)

    hard = ceiling(resources["limits"])
    return Ceiling(hard=hard, guaranteed=min(hard, ceiling(resources["requests"])))


def session_container(live: Live) -> Place:
    """Return the place of the container that holds the sessions."""
    name = annotation(live.deployment, "session-container").text()
    containers = field(live.deployment, "spec.template.spec.containers")
    found = [container for container in containers.items() if container["name"].text() == name]
    if len(found) != 1:
        raise Unreadable(
            live.deployment.name,
            f"{len(found)} of its containers carry the name that headroom.dev/session-container gives",
            "name the one container that holds the sessions",
        )
    return found[0]


def descriptor_limit(live: Live) -> float:
    """Return the open files that one process of the session container may have (RLIMIT_NOFILE, soft)."""
    return open_files(live.deployment, session_container(live)["name"].text())


def admitted_sessions(live: Live) -> int:
    """Return the sessions that a pod admits by its own setting, HEADROOM_MAX_SESSIONS."""
    environment = session_container(live)["env"]
    found = [entry for entry in environment.items() if entry["name"].text() == "HEADROOM_MAX_SESSIONS"]
    if len(found) != 1:
        raise Unreadable(
            live.deployment.name,
            f"{environment.path} sets HEADROOM_MAX_SESSIONS {len(found)} times",
            "set it once, to the sessions that a pod may admit",
        )
    admitted = found[0]["value"]
    if admitted.value == "0":
        message = "its pods admit no session (HEADROOM_MAX_SESSIONS is 0): by processor, memory or open files they hold none"
        raise Unreadable(live.deployment.name, message, "see what `headroom plan` asks for in its shortfalls")
    return admitted.count(at_least=1)


def safe_sessions(live: Live, floors: Floors, safe_utilisation: float) -> int:
    """Return the sessions that one pod safely holds by its limits and by its requests, and admits."""
    ceiling = pod_ceiling(live, floors)
    return min(admitted_sessions(live), whole(ceiling.hard * safe_utilisation), whole(ceiling.guaranteed * safe_utilisation))


def forecast_share(live: Live, peak: int) -> float:
    """Return the share of its vertical's load that a Deployment is there for, by the peak that it claims."""
    return annotation(live.deployment, "forecast-peak").number() / peak


def load_of(lock: Lock, live: Live) -> Load:
    """Return the load of a Deployment's vertical; raise `Unreadable` where the lock knows nothing of it."""
    load = lock.verticals.get(live.vertical)
    if load is None:
        raise Unreadable(live.deployment.name, f"the lock knows nothing of {live.vertical}", f"forecast {live.vertical}")
    return load
