"""nodes-cover-maximum: every pool has the nodes for all of its pods at their maximum."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from policies.covering import Size, nodes_enough, nodes_filled
from policies.demand import Demand
from policies.evidence import Context
from policies.figures import count, needed
from policies.fleet import autoscaler_of, forecast_share, load_of, maximum_pods, safe_sessions
from policies.margins import required
from policies.parts import Part
from policies.placement import POOL, never_together, stands_apart
from policies.rule import Finding, Rule, each
from policies.stack import Place, Resource, Stack, Unreadable, WrongField, field, optional, optional_annotation
from policies.workload_types import POD_SPECS
from policies.workloads import beside_each_other, starting

_PRIORITY = "kubernetes:scheduling.k8s.io/v1:PriorityClass"
_LARGEST_CLUSTER_PODS = 150_000
"""Kubernetes' own limit for large clusters."""


@dataclass(frozen=True)
class Pods:
    """The pods of one workload at its maximum."""

    workload: Resource
    pool: str
    size: Size
    number: int
    apart: bool
    """Whether no two of them may stand on one node."""
    everywhere: bool
    """Whether one of them stands on each node."""


@dataclass(frozen=True)
class Pool:
    """Machines of one shape, as they are claimed."""

    component: Resource
    name: str
    node: Size
    """What one has for pods, its daemons taken off."""
    places: int
    nodes: int
    survive: int
    zones: int


def _nodes_cover_maximum(stack: Stack, _context: Context) -> Iterator[Finding]:
    pools = list(stack.of_type(POOL))
    known = {field(pool, "pool").text() for pool in pools}
    standing: list[Pods] = []

    def place(workload: Resource) -> Iterator[Finding]:
        pods = _pods(stack, workload)
        if pods.pool in known:
            standing.append(pods)
        else:
            yield Finding(
                workload.name,
                f"its node selector names the pool {pods.pool}, which the stack does not have",
                "name a pool of the stack",
            )

    yield from each(_placed(stack), lambda workload: workload.name, place)
    yield from each(pools, lambda pool: pool.name, lambda pool: _enough(*filled(pool, standing)))


def machines(stack: Stack, pool: Resource, demand: Demand) -> Part:
    """Return the nodes of a pool against those that its pods take on a day, each live Deployment as the load then asks."""
    of_pool, pods = filled(pool, stack.once(standing_at_most))
    fleet = {live.deployment.name: live for live in demand.fleet}
    grows = any(one.workload.name in fleet for one in pods)

    def on(day: date, one: Pods) -> Pods:
        live = fleet.get(one.workload.name)
        held = 0 if live is None else safe_sessions(live, demand.floors, demand.kept.safe_utilisation)
        if live is None or not held:
            return one
        load = load_of(demand.lock, live)
        asked = required(demand.lock, load, day, demand.kept) * forecast_share(live, load.peak)
        return replace(one, number=needed(asked, held))

    return Part(
        resource=pool.name,
        what="its pods take",
        unit="nodes",
        asked=lambda day: _nodes(of_pool, [on(day, one) for one in pods]) if grows else 0,
        provided=lambda _day: of_pool.nodes,
        holds=f"{count(of_pool.nodes)} nodes of the pool {of_pool.name}",
        remedy="order more nodes now",
        lead_seconds=field(pool, "leadSeconds").number(),
        at_most=lambda: _nodes(of_pool, pods),
    )


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


def _placed(stack: Stack) -> list[Resource]:
    return [resource for resource in stack.resources if resource.type in POD_SPECS and not gives_way(stack, resource)]


def standing_at_most(stack: Stack) -> list[Pods]:
    """Return the pods of every workload at its maximum."""
    return [_pods(stack, workload) for workload in _placed(stack)]


def _pods(stack: Stack, workload: Resource) -> Pods:
    pod = field(workload, POD_SPECS[workload.type])
    pool = pod["nodeSelector"]["headroom.dev/pool"].text()
    most = _most(stack, workload)
    apart = stands_apart(pod) or never_together(pod, most)
    return Pods(workload, pool, _pod_size(pod), most, apart, everywhere=workload.type.endswith(":DaemonSet"))


def _most(stack: Stack, workload: Resource) -> int:
    kind = workload.type.rpartition(":")[2]
    if kind in ("Pod", "DaemonSet"):
        return 1
    if kind == "Job":
        return _at_once(optional(workload, "spec.parallelism"))
    if kind == "CronJob":
        said = field(workload, "spec.concurrencyPolicy")
        if said.text() != "Forbid":
            raise WrongField(workload.name, said.path, "Forbid", why="its runs may pile up")
        return _at_once(optional(workload, "spec.jobTemplate.spec.parallelism"))
    return maximum_pods(workload, autoscaler_of(stack, workload))


def _at_once(parallelism: Place | None) -> int:
    return 1 if parallelism is None else parallelism.count()


def _pod_size(pod: Place) -> Size:
    """Return what the scheduler reserves: for all that runs together, or for an initial container and what stays from before."""
    cpu, memory = (_reserved(pod, resource) for resource in ("cpu", "memory"))
    overhead = pod.get("overhead")
    if overhead is not None:
        raise Unreadable(pod.resource.name, f"{overhead.path} is set, which this rule does not count", "leave it out")
    return _size(cpu, memory)


def _reserved(pod: Place, resource: str) -> float:
    most, before = sum(_request(container, resource) for container in beside_each_other(pod)), 0.0
    for container, stays in starting(pod):
        asked = _request(container, resource)
        most = max(most, before + asked)
        before += asked if stays else 0.0
    return most


def _request(container: Place, resource: str) -> float:
    return container["resources"]["requests"][resource].quantity()


def filled(component: Resource, standing: Sequence[Pods]) -> tuple[Pool, list[Pods]]:
    """Return a pool without what its daemons take, and the pods that stand on it beside them."""
    name = field(component, "pool").text()
    here = [pods for pods in standing if pods.pool == name]
    node = _size(field(component, "cpuCores").number(), field(component, "memoryBytes").number())
    daemons = [pods for pods in here if pods.everywhere]
    places = field(component, "pods").count() - len(daemons)
    gpus = optional(component, "gpus")
    if gpus is not None:  # one pod a GPU, and our daemons take none
        places = min(places, gpus.count(at_least=1))
    for daemon in daemons:
        node = node.less(daemon.size)
    nodes, survive = field(component, "nodes").count(), field(component, "survive").count()
    pool = Pool(component, name, node, places, nodes, survive, field(component, "zones").count(at_least=1))
    return pool, [pods for pods in here if not pods.everywhere]


def _enough(pool: Pool, standing: Sequence[Pods]) -> Iterator[Finding]:
    component = pool.component
    too_large = [pods for pods in standing if pods.number and not _fits(pool, pods)]
    for pods in too_large:
        message = f"a pod of {pods.workload.name} asks for more than a whole node of the pool {pool.name} has"
        yield Finding(component.name, message, "take larger nodes, or smaller pods")
    if too_large:
        return
    number = sum(pods.number for pods in standing)
    if number > _LARGEST_CLUSTER_PODS:
        message = f"{count(number)} pods at their maximum are more than the {count(_LARGEST_CLUSTER_PODS)} that a cluster can run"
        yield Finding(component.name, message, "lower the maxima", number, _LARGEST_CLUSTER_PODS, "pods")
        return
    sizes = _sizes(standing)
    for pods in standing:
        if pods.apart and pods.number:
            yield from _enough_apart(pool, pods, _filled_before(pool, pods, sizes))
    enough = nodes_enough(pool.node, pool.places, sizes)
    nodes = _with_losses(enough, pool.survive, pool.zones)
    if nodes > pool.nodes:
        spare = f", {nodes} so that enough remain after a loss" if nodes > enough else ""
        message = f"{count(number)} pods at their maximum take {enough} nodes of the pool {pool.name}{spare}; it has {pool.nodes}"
        yield Finding(component.name, message, f"set its nodes to {nodes}", nodes, pool.nodes, "nodes")


def _enough_apart(pool: Pool, pods: Pods, filled: int) -> Iterator[Finding]:
    """Yield what is missing where each pod needs a node of its own, and others may fill some before it comes."""
    nodes = pods.number + filled
    if nodes > pool.nodes:
        beside = f" and others may fill {filled}" if filled else ""
        message = (
            f"{count(pods.number)} pods of {pods.workload.name} must stand on nodes of their own{beside}; it has {pool.nodes}"
        )
        yield Finding(pool.component.name, message, f"set its nodes to {nodes}", nodes, pool.nodes, "nodes")


def _nodes(pool: Pool, standing: Sequence[Pods]) -> float:
    """Return the nodes that some pods take; without end where one of them is larger than a node."""
    if any(pods.number and not _fits(pool, pods) for pods in standing):
        return math.inf
    sizes = _sizes(standing)
    apart = [pods.number + _filled_before(pool, pods, sizes) for pods in standing if pods.apart and pods.number]
    return max((_with_losses(nodes_enough(pool.node, pool.places, sizes), pool.survive, pool.zones), *apart))


def _fits(pool: Pool, pods: Pods) -> bool:
    return pool.places > 0 and pods.size.within(pool.node)


def _sizes(standing: Sequence[Pods]) -> Counter[Size]:
    sizes: Counter[Size] = Counter()
    for pods in standing:
        sizes[pods.size] += pods.number
    return sizes


def _filled_before(pool: Pool, pods: Pods, sizes: Mapping[Size, int]) -> int:
    """Return the nodes that the other pods may leave no room on."""
    return nodes_filled(pool.node, pool.places, pods.size, Counter(sizes) - Counter({pods.size: pods.number}))


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
        "spread, anti-affinity and maxima of every workload, of jobs their parallelism and concurrencyPolicy; the priority of "
        "placeholders.",
        remedy="More or larger nodes, smaller pods, or lower maxima.",
        check=_nodes_cover_maximum,
    ),
)
