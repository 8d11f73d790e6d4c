"""Pods on nodes of one shape."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class PodRequest:
    """What one pod asks of its node."""

    name: str
    cpu_cores: float
    memory_bytes: int
    count: int = 1


@dataclass(frozen=True)
class Allocatable:
    """What one node gives to pods."""

    cpu_cores: float
    memory_bytes: int
    pods: int

    def holds(self, pod: PodRequest) -> bool:
        """Return whether an empty node takes the pod."""
        return pod.cpu_cores <= self.cpu_cores + 1e-9 and pod.memory_bytes <= self.memory_bytes and self.pods >= 1


@dataclass(frozen=True)
class Packed:
    """Nodes that first-fit needed, and the pods that no node takes."""

    nodes: int
    too_large: tuple[str, ...]


def first_fit(pods: Sequence[PodRequest], node: Allocatable) -> Packed:
    """Return how many nodes take all the pods, by first-fit decreasing.

    Pods go largest dominant share first, each to the first node with room (Johnson 1973: never more than 11/9 of the
    optimum plus one in one dimension). An upper bound on the optimum, so a plan that fits by it fits.
    """
    too_large = tuple(pod.name for pod in pods if not node.holds(pod))
    ordered = sorted(
        (pod for pod in pods if node.holds(pod)),
        key=lambda pod: (-max(pod.cpu_cores / node.cpu_cores, pod.memory_bytes / node.memory_bytes), pod.name),
    )
    free: list[list[float]] = []
    for pod in ordered:
        start = 0
        for _ in range(pod.count):
            # Like pods never fit where the one before them did not: the search goes on from there.
            while start < len(free) and not _fits(pod, free[start]):
                start += 1
            if start == len(free):
                free.append([node.cpu_cores, float(node.memory_bytes), float(node.pods)])
            room = free[start]
            room[0] -= pod.cpu_cores
            room[1] -= pod.memory_bytes
            room[2] -= 1
    return Packed(len(free), too_large)


def _fits(pod: PodRequest, room: list[float]) -> bool:
    return pod.cpu_cores <= room[0] + 1e-9 and pod.memory_bytes <= room[1] and room[2] >= 1
