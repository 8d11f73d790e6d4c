"""The pods of a part of the stack: what one asks of its node, where it stands and where it answers."""

from typing import Annotated

from pydantic import Field

from capacity.figures import Frozen, Name, Source
from capacity.sizing.claims import said
from capacity.sizing.result import Limit, Sizing, counted, hard_for, raised, sized, whole_up
from capacity.units import Millicores, PositiveSize, Seconds, Size

Port = Annotated[int, Field(ge=1024, le=65535)]
"""A TCP port that a process without privileges may listen on."""


class PodSize(Frozen):
    """What one pod asks of a node of its pool. Requests are the limits, so that all of it is guaranteed."""

    cpu: Millicores
    memory: PositiveSize
    pool: Name = "general"


class Probes(Frozen):
    """How the kubelet asks a pod. The port is not that of the calls, which answers nothing when it is full.

    Loose towards the end: a pod that is restarted loses its calls, one that is only slow does not.
    """

    port: Port = 8081
    period: Seconds = 5.0
    timeout: Seconds = 3.0
    start: Seconds = 120.0
    """A container may take this long to its first answer."""
    unready: Seconds = 10.0
    """Without an answer for this long it gets no new calls."""
    dead: Seconds = 120.0
    """Without an answer for this long it is restarted."""


class FixedPods(Source):
    """Pods that answer requests, always as many."""

    pods: int = Field(gt=0)
    survive: int = Field(default=1, ge=0)
    """Pods that may be gone while the others carry the load."""
    pod: PodSize
    scratch: Size = 64 * 2**20
    """Of /tmp: the only place that a pod may write to."""
    port: Port = 8080
    probes: Probes = Probes()
    drain: Seconds = 60.0
    """How long a pod that is to go gets for what it is answering to end."""


def size_fixed_pods(
    section: FixedPods, part: str, unit: str, *, each: int, required: float, safe_utilisation: float, scope: str
) -> Sizing:
    """Return what the pods carry when some of them are gone: (pods - survive) x what each does.

    Raises:
        ValueError: the load is negative or not finite.
    """
    left = max(0, section.pods - section.survive)
    needed = whole_up(hard_for(unit, required, safe_utilisation) / each) + section.survive if required else 0
    limit = Limit(
        "pods",
        left * each,
        f"({section.pods} - {section.survive}) pods x {each} {unit}",
        said(section),
        raised(f"{scope}.pods", section.pods, needed, counted),
    )
    return sized(part, scope, unit, required, [limit], safe_utilisation=safe_utilisation)


def pod_size(cpu: str, memory: str) -> PodSize:
    """Return a size as a section's default gives it.

    >>> pod_size("500m", "512Mi").memory
    536870912
    """
    return PodSize.model_validate({"cpu": cpu, "memory": memory})
