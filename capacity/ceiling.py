"""How many sessions one pod holds, and what stops it there."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from capacity.sizing.sockets import DESCRIPTOR_RESERVE
from capacity.units import format_cores
from capacity.verticals import LiveVertical, Pod, SessionCost


@dataclass(frozen=True)
class Limit:
    """What one resource of a pod holds."""

    name: str
    sessions: int
    formula: str


@dataclass(frozen=True)
class PodCeiling:
    """The sessions that a pod holds at 100% of its tightest limit, by its limits and by what is guaranteed to it."""

    hard: int
    safe: int
    """Hard x safe utilisation, rounded down."""
    guaranteed: int
    """Sessions by requests: what the pod still holds when its node is full. Replicas are planned on it."""
    guaranteed_safe: int
    binding: str
    limits: tuple[Limit, ...]

    def admitting(self, sessions: int) -> "PodCeiling":
        """Return what a pod takes that admits no more than so many sessions, whatever else it could hold."""
        return replace(
            self,
            hard=min(sessions, self.hard),
            safe=min(sessions, self.safe),
            guaranteed=min(sessions, self.guaranteed),
            guaranteed_safe=min(sessions, self.guaranteed_safe),
        )


def pod_ceiling(vertical: LiveVertical, safe_utilisation: float) -> PodCeiling:
    """Return the ceilings of one pod of a vertical, with the limit that binds."""
    pod = vertical.pod
    limits = _limits(vertical, pod.cpu, pod.memory)
    binding = min(limits, key=lambda limit: limit.sessions)
    guaranteed = binding.sessions
    if pod.requests is not None:
        requested = _limits(vertical, pod.requests.cpu, pod.requests.memory)
        guaranteed = min(limit.sessions for limit in requested)
    return PodCeiling(
        hard=binding.sessions,
        safe=floor_sessions(binding.sessions * safe_utilisation),
        guaranteed=guaranteed,
        guaranteed_safe=floor_sessions(guaranteed * safe_utilisation),
        binding=binding.name,
        limits=limits,
    )


def raised_for(vertical: LiveVertical, sessions: int) -> Iterator[str]:
    """Yield each figure of a vertical that lets its pod hold fewer sessions: its path, what it is, and what it must be."""
    pod, cost = vertical.pod, vertical.session
    sizes = [("pod", pod.cpu, pod.memory)]
    if pod.requests is not None:
        sizes.append(("pod.requests", pod.requests.cpu, pod.requests.memory))
    for where, cpu, memory in sizes:
        held = {limit.name: limit.sessions for limit in _limits(vertical, cpu, memory)}
        if held["cpu"] < sessions:
            needed = math.ceil((pod.base_cpu + sessions * cost.cpu) * 1000 - 1e-6) / 1000
            yield f"{where}.cpu from {format_cores(cpu)} to {format_cores(needed)}"
        if held["memory"] < sessions:
            yield f"{where}.memory from {_mebibytes(memory)} to {_mebibytes(pod.base_memory + sessions * cost.memory)}"
    if held["descriptors"] < sessions:
        yield f"pod.descriptors from {pod.descriptors} to {descriptors_needed(pod, cost, sessions)}"
    if vertical.cap is not None and vertical.cap.sessions < sessions:
        yield f"cap.sessions from {vertical.cap.sessions} to {sessions}"


def descriptors_needed(pod: Pod, cost: SessionCost, sessions: int) -> int:
    """Return the open files that one process of a pod needs when the pod holds some sessions."""
    per_process = math.ceil(sessions / pod.workers)
    return math.ceil(DESCRIPTOR_RESERVE * (per_process * cost.descriptors + pod.base_descriptors))


def floor_sessions(sessions: float) -> int:
    """Return whole sessions; 4 / 0.05 is 80, whatever binary fractions say.

    >>> floor_sessions(0.3 / 0.1)
    3
    """
    return max(0, math.floor(sessions + 1e-9))


def _mebibytes(size: int) -> str:
    return f"{math.ceil(size / 2**20)}Mi"


def _limits(vertical: LiveVertical, cpu_cores: float, memory_bytes: int) -> tuple[Limit, ...]:
    pod, cost, cap = vertical.pod, vertical.session, vertical.cap
    by_descriptors = floor_sessions((pod.descriptors / DESCRIPTOR_RESERVE - pod.base_descriptors) / cost.descriptors)
    limits = [
        Limit(
            "cpu",
            floor_sessions((cpu_cores - pod.base_cpu) / cost.cpu),
            f"({cpu_cores:g} - {pod.base_cpu:g}) cores / {cost.cpu:g} a session",
        ),
        Limit(
            "memory",
            floor_sessions((memory_bytes - pod.base_memory) / cost.memory),
            f"({memory_bytes / 1e6:,.1f} - {pod.base_memory / 1e6:,.1f}) MB / {cost.memory / 1e6:g} MB a session",
        ),
        Limit(
            "descriptors",
            by_descriptors * pod.workers,
            f"{pod.workers} x ({pod.descriptors} / {DESCRIPTOR_RESERVE} - {pod.base_descriptors}) files "
            f"/ {cost.descriptors} a session",
        ),
    ]
    if cap is not None:
        limits.append(Limit("cap", cap.sessions, cap.reason))
    return tuple(limits)
