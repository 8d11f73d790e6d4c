"""nodes-cover-maximum: every pool has the nodes for all of its pods at their maximum."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from policies.evidence import Context
from policies.figures import TINY, count
from policies.fleet import autoscaler_of, maximum_pods
from policies.rule import Finding, Rule, each
from policies.stack import Place, Resource, Stack, Unreadable, field, optional
from policies.workload_types import POD_SPECS

_POOL = "headroom:nodes:Pool"
_LARGEST_CLUSTER_PODS = 150_000
"""Kubernetes' own limit for large clusters."""


@dataclass(frozen=True)
class _Size:
    """Processor time, memory and places for pods: of a node, or of a pod."""

    cpu_cores: float
    memory_bytes: float
    pods: float

    def less(self, other: "_Size") -> "_Size":
        return _Size(self.cpu_cores - other.cpu_cores, self.memory_bytes - other.memory_bytes, self.pods - other.pods)

    def fits(self, pod: "_Size") -> bool:
        return (
            pod.cpu_cores <= self.cpu_cores + TINY
            and pod.memory_bytes <= self.memory_bytes + TINY * pod.memory_bytes
            and pod.pods <= self.pods
        )


@dataclass(frozen=True)
class _Demand:
    """The pods of one workload at its maximum."""

    workload: Resource
    pod: _Size
    pods: int


@dataclass(frozen=True)
class _Pool:
    component: Resource
    name: str


def _nodes_cover_maximum(stack: Stack, _context: Context) -> Iterator[Finding]:
    pools = [_Pool(component, field(component, "pool").text()) for component in stack.of_type(_POOL)]
    known = {pool.name for pool in pools}
    workloads = [resource for resource in stack.resources if resource.type in POD_SPECS]
    demands: dict[str, list[_Demand]] = {name: [] for name in known}
    everywhere: dict[str, list[_Demand]] = {name: [] for name in known}

    def place(workload: Resource) -> Iterator[Finding]:
        pool, demand = _demand(stack, workload)
        if pool in known:
            (everywhere if workload.type.endswith(":DaemonSet") else demands)[pool].append(demand)
        else:
            yield Finding(
                workload.name,
                f"its node selector names the pool {pool}, which the stack does not have",
                "name a pool of the stack",
            )

    def check(pool: _Pool) -> Iterator[Finding]:
        yield from _enough(pool, demands[pool.name], everywhere[pool.name])

    yield from each(workloads, lambda workload: workload.name, place)
    yield from each(pools, lambda pool: pool.component.name, check)


def _demand(stack: Stack, workload: Resource) -> tuple[str, _Demand]:
    pod = field(workload, POD_SPECS[workload.type])
    pool = pod["nodeSelector"]["headroom.dev/pool"].text()
    return pool, _Demand(workload, _pod_size(pod), _most(stack, workload))


def _most(stack: Stack, workload: Resource) -> int:
    kind = workload.type.rpartition(":")[2]
    if kind in ("Pod", "CronJob", "DaemonSet"):
        return 1
    if kind == "Job":
        parallelism = optional(workload, "spec.parallelism")
        return 1 if parallelism is None else parallelism.count()
    return maximum_pods(workload, autoscaler_of(stack, workload))


def _pod_size(pod: Place) -> _Size:
    """Return what the scheduler reserves: the sum of what runs together, or one initial container if that is more."""
    cpu, memory = 0.0, 0.0
    for container in pod["containers"].items():
        cpu, memory = cpu + _request(container, "cpu"), memory + _request(container, "memory")
    initial = pod.get("initContainers")
    for container in [] if initial is None else initial.items():
        if container.get("restartPolicy") is None:
            cpu, memory = max(cpu, _request(container, "cpu")), max(memory, _request(container, "memory"))
        else:  # An initial container that restarts stays beside the others.
            cpu, memory = cpu + _request(container, "cpu"), memory + _request(container, "memory")
    overhead = pod.get("overhead")
    if overhead is not None:
        raise Unreadable(pod.resource.name, f"{overhead.path} is set, which this rule does not count", "leave it out")
    return _Size(cpu, memory, 1)


def _request(container: Place, resource: str) -> float:
    return container["resources"]["requests"][resource].quantity()


def _enough(pool: _Pool, demands: Sequence[_Demand], everywhere: Sequence[_Demand]) -> Iterator[Finding]:
    component = pool.component
    node = _Size(
        field(component, "cpuCores").number(),
        field(component, "memoryBytes").number(),
        field(component, "pods").count(),
    )
    for demand in everywhere:
        node = node.less(demand.pod)
    provided = field(component, "nodes").count()
    too_large = [demand for demand in demands if demand.pods and not node.fits(demand.pod)]
    for demand in too_large:
        message = f"a pod of {demand.workload.name} asks for more than a whole node of the pool {pool.name} has"
        yield Finding(component.name, message, "take larger nodes, or smaller pods")
    if too_large:
        return
    pods = sum(demand.pods for demand in demands)
    if pods > _LARGEST_CLUSTER_PODS:
        message = f"{count(pods)} pods at their maximum are more than the {count(_LARGEST_CLUSTER_PODS)} that a cluster can run"
        yield Finding(component.name, message, "lower the maxima", pods, _LARGEST_CLUSTER_PODS, "pods")
        return
    nodes = _nodes_needed(node, demands)
    if nodes > provided:
        message = f"{count(pods)} pods at their maximum take {nodes} nodes of the pool {pool.name}; it has {provided}"
        yield Finding(component.name, message, f"set its nodes to {nodes}", nodes, provided, "nodes")


def _nodes_needed(node: _Size, demands: Sequence[_Demand]) -> int:
    """Return the nodes that first-fit decreasing fills: a packing that exists, though perhaps not the smallest."""
    free: list[_Size] = []
    ordered = sorted(demands, key=lambda demand: (-_largest_share(demand.pod, node), demand.workload.name))
    for demand in ordered:
        at = 0
        for _ in range(demand.pods):
            # Pods of one size: where one did not fit, the next does not either.
            while at < len(free) and not free[at].fits(demand.pod):
                at += 1
            if at == len(free):
                free.append(node)
            free[at] = free[at].less(demand.pod)
    return len(free)


def _largest_share(pod: _Size, node: _Size) -> float:
    return max(
        pod.cpu_cores / node.cpu_cores if node.cpu_cores else 0.0,
        pod.memory_bytes / node.memory_bytes if node.memory_bytes else 0.0,
    )


RULES = (
    Rule(
        name="nodes-cover-maximum",
        why="A pod that the autoscaler asks for and no node takes holds no session.",
        check=_nodes_cover_maximum,
    ),
)
