"""The machines of one pool: for every pod at its maximum, after a loss and while a Deployment is rolled out."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import Any, Literal

from capacity.autoscaling import Scaling
from capacity.covering import nodes_enough
from capacity.lead_times import LeadTime, first_day, late_order, lead_time
from capacity.load_path import LoadPath
from capacity.node_room import allocatable
from capacity.packing import Allocatable, PodRequest, pack
from capacity.pools import Pool
from capacity.scaling import replicas_for
from capacity.shortfall import Shortfall
from capacity.sizing.claims import said
from capacity.sizing.nodes import Nodes, Rollout, moving_pods, nodes_needed, size_nodes
from capacity.sizing.result import Sizing
from capacity.spec import Spec
from capacity.stack_pods import stack_pods
from capacity.verticals import LiveVertical, QueueVertical

PRESCALE_POD = PodRequest("prescale", cpu_cores=0.05, memory_bytes=64 * 2**20)
"""What the pre-scale job of one vertical asks of its node; the renderer writes the same figures."""
KUBERNETES_GRACE_SECONDS = 30.0
"""terminationGracePeriodSeconds of a pod that sets none, as a queue's does."""


@dataclass(frozen=True)
class Deployed:
    """The Deployment of one vertical on a pool, or the pods of a part of the stack."""

    name: str
    spec: LiveVertical | QueueVertical | PodRequest
    """A request stands for a part of the stack beside the verticals: as many pods on every day."""
    maximum: int
    """Replicas at most."""
    safe_sessions: int
    """Sessions that one pod safely takes by its requests; 0 where it holds none."""


@dataclass(frozen=True)
class Replaced:
    """How pods are replaced: in a rollout, and when their node is lost."""

    surge: int = 1
    unavailable: int = 0
    toleration_seconds: int | None = None
    """How long pods stay bound to a silent node; None leaves it to the cluster's default."""


def replaced(pool: Pool, scaling: Scaling) -> Replaced:
    """Return how the pods of a pool are replaced, as the spec counts on it."""
    toleration = None if scaling.node_loss is None else math.ceil(scaling.node_loss.cluster.toleration)
    if pool.rollout is None:
        return Replaced(toleration_seconds=toleration)
    return Replaced(pool.rollout.surge, pool.rollout.unavailable, toleration)


@dataclass(frozen=True)
class PoolPlan:
    """The machines of one pool, with every autoscaler at its maximum."""

    name: str
    spec: Pool
    node: Allocatable
    pods: tuple[PodRequest, ...]
    nodes: int
    """Nodes that there are; as many as needed where the spec leaves it open."""
    needed: int
    """Nodes of which enough remain for the pods after a loss and in a rollout."""
    survive: int
    zones: int
    rollout: str | None
    """The vertical whose rollout takes most room; None where the spec says nothing of rollouts."""
    sizing: Sizing | None
    """The nodes that remain against those that the pods take; None where a node keeps all of itself."""
    binding: Literal["cpu", "memory", "pods"]
    """What the pods ask most of."""
    headroom: float | None
    """Nodes / needed - 1; None where nothing is asked of the pool."""
    lead: LeadTime
    """Of a number of nodes that the spec states; otherwise never short."""

    @property
    def enough(self) -> int:
        """Nodes on which every pod finds room wherever the others stand, none of them spare."""
        return 0 if self.sizing is None else round(self.sizing.required)

    @property
    def packed(self) -> int:
        """Nodes of the smallest packing found: what no scheduler can do with fewer than, but for a node or so."""
        return 0 if self.sizing is None else pack(self.pods, self.node).nodes

    def document(self) -> dict[str, Any]:
        """Return the plan of the pool as JSON."""
        return {
            "node": asdict(self.node),
            "packed": self.packed,
            "enough": self.enough,
            "needed": self.needed,
            "nodes": self.nodes,
            "survive": self.survive,
            "zones": self.zones,
            "rollout": self.rollout,
            "limits": [] if self.sizing is None else [asdict(limit) for limit in self.sizing.limits],
            "binding": self.binding,
            "headroom": None if self.headroom is None else round(self.headroom, 4),
            **self.lead.document(),
        }


def plan_pool(name: str, pool: Pool, deployed: Sequence[Deployed], path: LoadPath) -> PoolPlan:
    """Return the plan of a pool that carries some Deployments until the lock's last valid day."""
    node = allocatable(pool)
    at_most = {one.name: one.maximum for one in deployed}
    pods, moving = _pods(deployed, at_most), _moving(deployed, at_most, pool.rollout)
    usable = node.cpu_cores > 0 and node.memory_bytes > 0
    needed, worst = _needed(pool, node, pods, moving) if usable else (0, None)
    nodes = Nodes(node, pool.nodes or max(1, needed), pool.survive, pool.zones, said(pool))
    beside = () if worst is None else (moving[worst],)
    return PoolPlan(
        name=name,
        spec=pool,
        node=node,
        pods=pods,
        nodes=nodes.count,
        needed=needed,
        survive=pool.survive,
        zones=pool.zones,
        rollout=worst,
        sizing=size_nodes(nodes, pods, beside, scope=f"pools.{name}") if usable else None,
        binding=_binding(pods, node),
        headroom=nodes.count / needed - 1 if needed else None,
        lead=lead_time(_short_on(pool, nodes, deployed, path) if usable else None, pool.lead_time),
    )


def pool_nodes(pool: Pool, deployed: Sequence[Deployed]) -> int:
    """Return the nodes that `plan_pool` finds needed, alone; of machines that leave something for pods."""
    at_most = {one.name: one.maximum for one in deployed}
    return _needed(pool, allocatable(pool), _pods(deployed, at_most), _moving(deployed, at_most, pool.rollout))[0]


def pool_pods(deployed: Sequence[Deployed]) -> tuple[PodRequest, ...]:
    """Return the pods of some Deployments, each at its maximum, with those of their pre-scale jobs."""
    return _pods(deployed, {one.name: one.maximum for one in deployed})


def parts_on(pool: str, spec: Spec) -> tuple[Deployed, ...]:
    """Return the parts of the stack beside the verticals that stand on a pool."""
    return tuple(Deployed(pods.name, pods, pods.count, 0) for name, pods in stack_pods(spec) if name == pool)


def pool_shortfalls(pool: PoolPlan, as_of: date) -> Iterator[Shortfall]:
    """Yield what one pool of machines falls short of."""
    if pool.sizing is None:
        yield Shortfall(
            "nodes",
            pool.name,
            1,
            0,
            "nodes",
            "a node keeps all of itself for the system; nothing is left for pods",
            f"lower pools.{pool.name}.reserved_cpu or reserved_memory",
        )
        return
    for name in (pod.name for pod in pool.pods if not pool.node.holds(pod)):
        figures = name if "." in name else f"verticals.{name.removesuffix('-prescale')}"
        yield Shortfall(
            "nodes",
            pool.name,
            1,
            0,
            "nodes",
            f"no node of the pool takes a pod of {name}",
            f"use larger machines in pools.{pool.name}, or smaller pods in {figures}",
        )
    if pool.needed > pool.nodes:
        left = next(limit for limit in pool.sizing.limits if limit.name == pool.sizing.binding)
        yield Shortfall(
            "nodes",
            pool.name,
            pool.needed,
            pool.nodes,
            "nodes",
            f"every autoscaler at its maximum takes {pool.enough} nodes ({pool.binding} binds), and {left.value:,.0f} remain: "
            f"{left.formula}",
            f"raise pools.{pool.name}.nodes from {pool.nodes} to {pool.needed}",
        )
    else:
        yield from late_order("nodes", pool.name, pool.lead, as_of, what=f"pool {pool.name}", remedy="order more nodes now")


def _needed(
    pool: Pool, node: Allocatable, pods: Sequence[PodRequest], moving: Mapping[str, PodRequest]
) -> tuple[int, str | None]:
    """Return the nodes that are needed, and the vertical whose rollout takes most room."""
    in_rollout = {vertical: nodes_enough((*pods, beside), node) for vertical, beside in moving.items()}
    worst = max(in_rollout, key=lambda vertical: in_rollout[vertical], default=None)
    on_all = max(nodes_enough(pods, node, apart=True), *in_rollout.values(), 0)
    return nodes_needed(nodes_enough(pods, node), on_all, survive=pool.survive, zones=pool.zones), worst


def _short_on(pool: Pool, nodes: Nodes, deployed: Sequence[Deployed], path: LoadPath) -> date | None:
    """Return the first day on which the pods that the load then asks for no longer fit on the nodes that there are."""
    if pool.nodes is None:
        return None

    def short(day: date) -> bool:
        replicas = {one.name: _replicas_on(one, day, path) for one in deployed}
        moving = _moving(deployed, replicas, pool.rollout)
        return not nodes.hold(_pods(deployed, replicas), [(pod,) for pod in moving.values()])

    return first_day(path.lock.data_end, short)


def _replicas_on(one: Deployed, day: date, path: LoadPath) -> int:
    if not isinstance(one.spec, LiveVertical):
        return one.maximum
    return replicas_for(path.required_on(one.name, day).sessions, one.safe_sessions)


def _pods(deployed: Sequence[Deployed], replicas: Mapping[str, int]) -> tuple[PodRequest, ...]:
    pods: list[PodRequest] = []
    for one in deployed:
        pods.append(_request(one, replicas[one.name]))
        if isinstance(one.spec, LiveVertical):
            pods.append(replace(PRESCALE_POD, name=f"{one.name}-prescale"))
    return tuple(pods)


def _moving(deployed: Sequence[Deployed], replicas: Mapping[str, int], rollout: Rollout | None) -> dict[str, PodRequest]:
    """Return the pods beside the others while one Deployment is rolled out, by its vertical.

    Parts of the stack take pods away before they add any, so that their rollouts need no room.
    """
    if rollout is None:
        return {}
    return {
        one.name: moving_pods(_request(one, replicas[one.name]), rollout, _grace(one.spec))
        for one in deployed
        if not isinstance(one.spec, PodRequest)
    }


def _request(one: Deployed, replicas: int) -> PodRequest:
    if isinstance(one.spec, PodRequest):
        return one.spec
    pod = one.spec.pod
    cpu = pod.requests.cpu if pod.requests is not None else pod.cpu
    memory = pod.requests.memory if pod.requests is not None else pod.memory
    cpu += sum(sidecar.cpu for sidecar in pod.sidecars)
    memory += sum(sidecar.memory for sidecar in pod.sidecars)
    return PodRequest(one.name, cpu, memory, replicas)


def _grace(spec: LiveVertical | QueueVertical) -> float:
    return float(spec.grace_seconds) if isinstance(spec, LiveVertical) else KUBERNETES_GRACE_SECONDS


def _binding(pods: Sequence[PodRequest], node: Allocatable) -> Literal["cpu", "memory", "pods"]:
    shares: dict[Literal["cpu", "memory", "pods"], float] = {
        "cpu": _share(sum(pod.cpu_cores * pod.count for pod in pods), node.cpu_cores),
        "memory": _share(sum(pod.memory_bytes * pod.count for pod in pods), node.memory_bytes),
        "pods": _share(sum(pod.count for pod in pods), node.pods),
    }
    return max(shares, key=lambda resource: shares[resource])


def _share(asked: float, given: float) -> float:
    return asked / given if given else math.inf
