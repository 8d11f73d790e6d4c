"""Nodes of one pool: enough after a node is lost, after a zone is lost, and while a rollout keeps old pods."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from pydantic import Field

from capacity.figures import Source
from capacity.packing import Allocatable, PodRequest, first_fit
from capacity.shortfall import Shortfall
from capacity.sizing.claims import said
from capacity.sizing.result import Limit, Sizing, counted, raised, sized
from capacity.units import PositiveCores, PositiveSize, Seconds


class Nodes(Source):
    """Nodes of one shape, spread evenly over zones."""

    cpu: PositiveCores
    """Allocatable: without what the system keeps."""
    memory: PositiveSize
    """Allocatable."""
    pods: int = Field(default=110, gt=0)
    """Pods that a node takes."""
    gpus: int | None = Field(default=None, gt=0)
    """GPUs or MIG instances of a node. Every pod of a GPU pool asks for one; left out: not a GPU pool."""
    count: int = Field(gt=0)
    survive: int = Field(default=1, ge=0)
    """Nodes that may be gone while all pods still fit."""
    zones: int = Field(default=1, gt=0)
    """With more than one, all pods still fit when the largest is gone."""


class Rollout(Source):
    """How a Deployment replaces its pods."""

    surge: int = Field(ge=0)
    """maxSurge, in pods."""
    unavailable: int = Field(ge=0)
    """maxUnavailable, in pods."""
    start: Seconds
    """From creation to ready."""
    drain: Seconds
    """From its end being asked for to gone: the grace period or the longest calls, whichever is shorter."""


def size_nodes(nodes: Nodes, pods: Sequence[PodRequest], moving: Sequence[PodRequest] = (), *, scope: str = "nodes") -> Sizing:
    """Return the nodes that remain for the pods against those that they need, by first-fit decreasing.

    Remaining is the least of: count - survive; count less the largest of even zones, so that each zone holds R / (Z - 1); count
    less what a rollout's moving pods need beside the others. Losses and rollouts are not counted on top of each other. `hard` and
    `safe` are the same: the spare nodes are the margin.

    Args:
        nodes: The pool.
        pods: All pods, every autoscaler at its maximum.
        moving: Pods beside them while one Deployment is rolled out, by `moving_pods`.
        scope: Path of `nodes` in its spec.
    """
    needed, in_rollout = _packed(nodes, pods), _packed(nodes, (*pods, *moving))
    count = _count_needed(nodes, needed, in_rollout)
    breaches = list(_breaches(nodes, pods, scope))
    # Where a pod is too large other nodes are the cure, and how many of those is not known.
    remedy = "" if breaches else raised(f"{scope}.count", nodes.count, count, counted)
    zone = math.ceil(nodes.count / nodes.zones)
    limits = [
        Limit(
            "node loss",
            max(0, nodes.count - nodes.survive),
            f"{nodes.count} nodes - {nodes.survive} that may be gone",
            said(nodes),
            remedy,
        ),
        Limit(
            "rollout",
            max(0, nodes.count - (in_rollout - needed)),
            f"{nodes.count} nodes - {in_rollout - needed} for pods that surge and drain",
            said(nodes),
            remedy,
        ),
    ]
    if nodes.zones > 1:
        formula = f"{nodes.count} nodes - {zone} of the largest of {nodes.zones} zones"
        limits.append(Limit("zone loss", nodes.count - zone, formula, said(nodes), remedy))
    return sized("nodes", scope, "nodes", needed, limits, safe_utilisation=1.0, breaches=breaches)


def moving_pods(pod: PodRequest, rollout: Rollout) -> PodRequest:
    """Return the pods that a rollout has beside a Deployment's replicas: new ones that surge, old ones that still drain.

    A pod that ends is not counted by the Deployment, so batches of surge + unavailable follow one another each time new pods are
    ready, and every batch of the last `drain` seconds is still there: at most all old pods.
    """
    batch = max(1, rollout.surge + rollout.unavailable)
    draining = min(pod.count, batch * math.ceil(rollout.drain / rollout.start))
    return replace(pod, name=f"{pod.name}-rollout", count=rollout.surge + draining)


def rollout_seconds(replicas: int, rollout: Rollout) -> float:
    """Return how long a rollout lasts: ceil(replicas / batch) starts, then the last drain.

    >>> pace = {"surge": 1, "unavailable": 0, "start": "30s", "drain": "600s"}
    >>> rollout_seconds(20, Rollout.model_validate(pace))
    1200.0
    """
    batch = max(1, rollout.surge + rollout.unavailable)
    return math.ceil(replicas / batch) * rollout.start + rollout.drain


def _packed(nodes: Nodes, pods: Sequence[PodRequest]) -> int:
    packed = first_fit(pods, _allocatable(nodes))
    # A pod that no node takes still needs one.
    return packed.nodes + sum(pod.count for pod in pods if not _allocatable(nodes).holds(pod))


def _allocatable(nodes: Nodes) -> Allocatable:
    slots = nodes.pods if nodes.gpus is None else min(nodes.pods, nodes.gpus)
    return Allocatable(nodes.cpu, nodes.memory, slots)


def _count_needed(nodes: Nodes, needed: int, in_rollout: int) -> int:
    if not needed:
        return 0
    count = max(needed + nodes.survive, in_rollout)
    if nodes.zones > 1:
        # n - ceil(n / Z) >= needed first holds at ceil(needed x Z / (Z - 1)).
        count = max(count, math.ceil(needed * nodes.zones / (nodes.zones - 1)))
    return count


def _breaches(nodes: Nodes, pods: Sequence[PodRequest], scope: str) -> Iterator[Shortfall]:
    node = _allocatable(nodes)
    for pod in pods:
        if not node.holds(pod):
            by_cpu = pod.cpu_cores > nodes.cpu
            yield Shortfall(
                "nodes",
                scope,
                pod.cpu_cores if by_cpu else pod.memory_bytes,
                nodes.cpu if by_cpu else nodes.memory,
                "cores" if by_cpu else "bytes",
                f"a pod of {pod.name} asks for {pod.cpu_cores:g} cores and {pod.memory_bytes / 1e9:,.2f} GB, a node has "
                f"{nodes.cpu:g} and {nodes.memory / 1e9:,.2f} GB",
                f"take nodes that hold a pod of {pod.name}, or make it smaller",
            )
