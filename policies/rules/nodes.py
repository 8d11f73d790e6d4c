"""nodes-cover-maximum: every pool has the nodes for all of its pods at their maximum."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from policies.covering import Size, nodes_enough, nodes_filled
from policies.evidence import Context
from policies.figures import count
from policies.fleet import autoscaler_of, maximum_pods
from policies.placement import never_together, stands_apart
from policies.rule import Finding, Rule, each
from policies.stack import Place, Resource, Stack, Unreadable, field, optional, optional_annotation
from policies.workload_types import POD_SPECS

_POOL = "headroom:nodes:Pool"
_PRIORITY = "kubernetes:scheduling.k8s.io/v1:PriorityClass"
_LARGEST_CLUSTER_PODS = 150_000
"""Kubernetes' own limit for large clusters."""


@dataclass(frozen=True)
class _Demand:
    """The pods of one workload at its maximum."""

    workload: Resource
    pod: Size
    pods: int
    apart: bool
    """Whether no two of them may stand on one node."""


@dataclass(frozen=True)
class _Pool:
    component: Resource
    name: str


def _nodes_cover_maximum(stack: Stack, _context: Context) -> Iterator[Finding]:
    pools = [_Pool(component, field(component, "pool").text()) for component in stack.of_type(_POOL)]
    known = {pool.name for pool in pools}
    workloads = [resource for resource in stack.resources if resource.type in POD_SPECS and not gives_way(stack, resource)]
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


def gives_way(stack: Stack, workload: Resource) -> bool:
    """Return whether a workload's pods are placeholders, whose room any other pod may take: by their priority, not a claim."""
    kind = optional_annotation(workload, "kind")
    if kind is None or kind.text() != "placeholder":
        return False
    wanted = field(workload, POD_SPECS[workload.type])["priorityClassName"].text()
    found = [one for one in stack.of_type(_PRIORITY) if field(one, "metadata.name").text() == wanted]
    if len(found) != 1:
        raise Unreadable(workload.name, f"the stack has {len(found)} PriorityClasses {wanted}", "deploy what the program renders")
    value = field(found[0], "value").value
    if isinstance(value, bool) or not isinstance(value, int | float) or value >= 0:
        raise Unreadable(found[0].name, "value is not below 0: its placeholders would keep their room", "set it below 0")
    return True


def _demand(stack: Stack, workload: Resource) -> tuple[str, _Demand]:
    pod = field(workload, POD_SPECS[workload.type])
    pool = pod["nodeSelector"]["headroom.dev/pool"].text()
    most = _most(stack, workload)
    return pool, _Demand(workload, _pod_size(pod), most, stands_apart(pod) or never_together(pod, most))


def _most(stack: Stack, workload: Resource) -> int:
    kind = workload.type.rpartition(":")[2]
    if kind in ("Pod", "CronJob", "DaemonSet"):
        return 1
    if kind == "Job":
        parallelism = optional(workload, "spec.parallelism")
        return 1 if parallelism is None else parallelism.count()
    return maximum_pods(workload, autoscaler_of(stack, workload))


def _pod_size(pod: Place) -> Size:
    """Return what the scheduler reserves: the sum of what runs together, or one initial container if that is more."""
    cpu, memory = 0.0, 0.0
    for container in pod["containers"].items():
        cpu, memory = cpu + _request(container, "cpu"), memory + _request(container, "memory")
    for container in pod.listed("initContainers"):
        if container.get("restartPolicy") is None:
            cpu, memory = max(cpu, _request(container, "cpu")), max(memory, _request(container, "memory"))
        else:  # An initial container that restarts stays beside the others.
            cpu, memory = cpu + _request(container, "cpu"), memory + _request(container, "memory")
    overhead = pod.get("overhead")
    if overhead is not None:
        raise Unreadable(pod.resource.name, f"{overhead.path} is set, which this rule does not count", "leave it out")
    return _size(cpu, memory)


def _request(container: Place, resource: str) -> float:
    return container["resources"]["requests"][resource].quantity()


def _enough(pool: _Pool, demands: Sequence[_Demand], everywhere: Sequence[_Demand]) -> Iterator[Finding]:
    component = pool.component
    node = _size(field(component, "cpuCores").number(), field(component, "memoryBytes").number())
    places = field(component, "pods").count() - len(everywhere)
    gpus = optional(component, "gpus")
    if gpus is not None:  # one pod a GPU, and our daemons take none
        places = min(places, gpus.count(at_least=1))
    for demand in everywhere:
        node = node.less(demand.pod)
    provided = field(component, "nodes").count()
    too_large = [demand for demand in demands if demand.pods and not (places > 0 and demand.pod.within(node))]
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
    sizes: Counter[Size] = Counter()
    for demand in demands:
        sizes[demand.pod] += demand.pods
    for demand in demands:
        if demand.apart and demand.pods:
            yield from _enough_apart(
                pool, demand, nodes_filled(node, places, demand.pod, sizes - Counter({demand.pod: demand.pods}))
            )
    enough = nodes_enough(node, places, sizes)
    nodes = _with_losses(enough, field(component, "survive").count(), field(component, "zones").count(at_least=1))
    if nodes > provided:
        spare = f", {nodes} so that enough remain after a loss" if nodes > enough else ""
        message = f"{count(pods)} pods at their maximum take {enough} nodes of the pool {pool.name}{spare}; it has {provided}"
        yield Finding(component.name, message, f"set its nodes to {nodes}", nodes, provided, "nodes")


def _enough_apart(pool: _Pool, demand: _Demand, filled: int) -> Iterator[Finding]:
    """Yield what is missing where each pod needs a node of its own, and others may fill some before it comes."""
    needed, provided = demand.pods + filled, field(pool.component, "nodes").count()
    if needed > provided:
        beside = f" and others may fill {filled}" if filled else ""
        message = (
            f"{count(demand.pods)} pods of {demand.workload.name} must stand on nodes of their own{beside}; it has {provided}"
        )
        yield Finding(pool.component.name, message, f"set its nodes to {needed}", needed, provided, "nodes")


def _with_losses(enough: int, survive: int, zones: int) -> int:
    """Return the least nodes of which enough remain when some are gone, or the largest of zones as even as can be."""
    nodes = enough + survive if enough else 0
    while zones > 1 and nodes - -(-nodes // zones) < enough:
        nodes += 1
    return nodes


def _size(cpu_cores: float, memory_bytes: float) -> Size:
    return Size(round(cpu_cores * 1_000_000), round(memory_bytes))


RULES = (
    Rule(
        name="nodes-cover-maximum",
        condition="Every pool has enough nodes for each of its pods, all at their maximum, to find room wherever the others "
        "stand, also on what remains after the loss of nodes or of a zone that it claims to survive.",
        why="A pod that the autoscaler asks for and no node takes holds no session.",
        reads="pools (`headroom:nodes:Pool`): nodes, what one gives to pods, `survive`, `zones`; requests, node selectors, "
        "spread, anti-affinity and maxima of every workload; the priority of placeholders.",
        remedy="More or larger nodes, smaller pods, or lower maxima.",
        check=_nodes_cover_maximum,
    ),
)
