"""Nodes of one pool: enough after a node is lost, after a zone is lost, and while a rollout keeps old pods."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

from pydantic import Field, model_validator

from capacity.covering import nodes_enough
from capacity.figures import Source
from capacity.packing import Allocatable, PodRequest
from capacity.shortfall import Shortfall
from capacity.sizing.result import Limit, Sizing, counted, raised, sized
from capacity.units import Seconds


class Rollout(Source):
    """How the Deployments of a pool replace their pods."""

    surge: int = Field(default=1, ge=0)
    """maxSurge, in pods."""
    unavailable: int = Field(default=0, ge=0)
    """maxUnavailable, in pods."""
    start: Seconds
    """From a pod's creation to ready."""
    drain: Seconds | None = None
    """From a pod's end being asked for to gone. Left out: the grace period, in which the longest call ends."""

    @model_validator(mode="after")
    def _moves(self) -> Self:
        if self.surge + self.unavailable == 0:
            raise ValueError("surge and unavailable are both 0: Kubernetes would replace no pod")
        return self


@dataclass(frozen=True)
class Nodes:
    """Nodes of one shape, spread evenly over zones."""

    node: Allocatable
    """One of them; in a GPU pool its places for pods are its GPUs."""
    count: int
    survive: int = 0
    """Nodes that may be gone while all pods still fit."""
    zones: int = 1
    """With more than one, all pods still fit when the largest is gone."""
    source: str = ""

    @property
    def remaining(self) -> int:
        """The nodes that are left after the worst loss: of single nodes, or of the largest of even zones."""
        after_zone = self.count - math.ceil(self.count / self.zones) if self.zones > 1 else self.count
        return max(0, min(self.count - self.survive, after_zone))

    def hold(self, pods: Sequence[PodRequest], moving: Sequence[Sequence[PodRequest]] = ()) -> bool:
        """Return whether the nodes are enough for the pods after the worst loss, and with each set of moving pods without one."""
        if nodes_enough(pods, self.node) > self.remaining or nodes_enough(pods, self.node, apart=True) > self.count:
            return False
        return all(nodes_enough((*pods, *more), self.node) <= self.count for more in moving)


def size_nodes(nodes: Nodes, pods: Sequence[PodRequest], moving: Sequence[PodRequest] = (), *, scope: str = "nodes") -> Sizing:
    """Return the nodes that remain for the pods against those that are enough for them wherever they stand.

    Remaining is the least of: count - survive; count less the largest of even zones, so that each zone holds R / (Z - 1); count
    less what a rollout's moving pods need beside the others; less what pods need that must stand apart. These are not counted on
    top of each other: while a node is gone, the last of the pods that must stand apart may wait for it. `hard` and `safe` are the
    same: the spare nodes are the margin.

    Args:
        nodes: The pool.
        pods: All pods, every autoscaler at its maximum.
        moving: Pods beside them while one Deployment is rolled out, by `moving_pods`.
        scope: Path of the pool in the spec.
    """
    needed, in_rollout = _enough(nodes.node, pods), _enough(nodes.node, (*pods, *moving))
    apart = _enough(nodes.node, pods, apart=True)
    count = nodes_needed(needed, max(in_rollout, apart), survive=nodes.survive, zones=nodes.zones)
    breaches = [_too_large(nodes.node, pod, scope) for pod in pods if not nodes.node.holds(pod)]
    # Where a pod is too large other nodes are the cure, and how many of those is not known.
    remedy = "" if breaches else raised(f"{scope}.nodes", nodes.count, count, counted)
    formula = f"{nodes.count} nodes - {nodes.survive} that may be gone"
    limits = [Limit("node loss", max(0, nodes.count - nodes.survive), formula, nodes.source, remedy)]
    if moving:
        formula = f"{nodes.count} nodes - {in_rollout - needed} for pods that surge and drain"
        limits.append(Limit("rollout", max(0, nodes.count - (in_rollout - needed)), formula, nodes.source, remedy))
    if apart > needed:
        formula = f"{nodes.count} nodes - {apart - needed} for pods that may not stand together"
        limits.append(Limit("apart", max(0, nodes.count - (apart - needed)), formula, nodes.source, remedy))
    if nodes.zones > 1:
        zone = math.ceil(nodes.count / nodes.zones)
        formula = f"{nodes.count} nodes - {zone} of the largest of {nodes.zones} zones"
        limits.append(Limit("zone loss", nodes.count - zone, formula, nodes.source, remedy))
    return sized("nodes", scope, "nodes", needed, limits, safe_utilisation=1.0, breaches=breaches)


def nodes_needed(enough: int, on_all: int, *, survive: int, zones: int) -> int:
    """Return the least number of nodes of which enough remain after a loss, and which have room for what stands on all of them.

    n - ceil(n / Z) >= R first holds at n = ceil(R x Z / (Z - 1)).

    >>> nodes_needed(8, 11, survive=1, zones=3)
    12
    """
    if not enough:
        return 0
    by_zone = math.ceil(enough * zones / (zones - 1)) if zones > 1 else enough
    return max(enough + survive, on_all, by_zone)


def moving_pods(pod: PodRequest, rollout: Rollout, grace_seconds: float) -> PodRequest:
    """Return the pods that a rollout has beside a Deployment's replicas: new ones that surge, old ones that still drain.

    A pod that ends is not counted by the Deployment, so batches of surge + unavailable follow one another each time new pods are
    ready, and every batch of the last `drain` seconds is still there: at most all old pods.
    """
    batch = rollout.surge + rollout.unavailable
    draining = min(pod.count, batch * math.ceil(_drain(rollout, grace_seconds) / rollout.start))
    return replace(pod, name=f"{pod.name}-rollout", count=rollout.surge + draining)


def rollout_seconds(replicas: int, rollout: Rollout, grace_seconds: float) -> float:
    """Return how long a rollout lasts: ceil(replicas / batch) starts, then the last drain.

    >>> rollout_seconds(20, Rollout.model_validate({"start": "30s"}), 600.0)
    1200.0
    """
    return math.ceil(replicas / (rollout.surge + rollout.unavailable)) * rollout.start + _drain(rollout, grace_seconds)


def _drain(rollout: Rollout, grace_seconds: float) -> float:
    return grace_seconds if rollout.drain is None else min(rollout.drain, grace_seconds)


def _enough(node: Allocatable, pods: Sequence[PodRequest], *, apart: bool = False) -> int:
    # A pod that no node takes still needs one.
    return nodes_enough(pods, node, apart=apart) + sum(pod.count for pod in pods if not node.holds(pod))


def _too_large(node: Allocatable, pod: PodRequest, scope: str) -> Shortfall:
    by_cpu = pod.cpu_cores > node.cpu_cores
    return Shortfall(
        "nodes",
        scope,
        pod.cpu_cores if by_cpu else pod.memory_bytes,
        node.cpu_cores if by_cpu else node.memory_bytes,
        "cores" if by_cpu else "bytes",
        f"a pod of {pod.name} asks for {pod.cpu_cores:g} cores and {pod.memory_bytes / 1e9:,.2f} GB, a node has "
        f"{node.cpu_cores:g} and {node.memory_bytes / 1e9:,.2f} GB",
        f"take nodes that hold a pod of {pod.name}, or make it smaller",
    )
