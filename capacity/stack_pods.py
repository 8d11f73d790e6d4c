"""The pods of the stack beside its verticals: what each part asks of its pool.

The gate counts the pods that are rendered. What a part renders and what is said here must be the same, or an environment
that fills its nodes is refused.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from capacity.packing import PodRequest
from capacity.sizing.pods import PodSize

if TYPE_CHECKING:  # the spec checks by this module that each part's pool exists
    from capacity.spec import Spec

Placed = tuple[str, PodRequest]
"""The name of a pool, and pods on it. A request is called by the path of its figures in the spec."""


def stack_pods(spec: "Spec") -> tuple[Placed, ...]:
    """Return the pods of every part that a spec speaks of, but for those of its verticals."""
    return (*_tools(spec), *_gateway(spec), *_tunnel(spec))


def placed(path: str, pod: PodSize, count: int) -> Placed:
    """Return pods of one size on their pool."""
    return pod.pool, PodRequest(path, pod.cpu, pod.memory, count)


def _tools(spec: "Spec") -> Iterator[Placed]:
    if spec.tools is not None:
        yield placed("tools.pod", spec.tools.pod, spec.tools.pods)


def _gateway(spec: "Spec") -> Iterator[Placed]:
    if spec.gateway is not None:
        yield placed("gateway.pod", spec.gateway.pod, spec.gateway.pods)


def _tunnel(spec: "Spec") -> Iterator[Placed]:
    tunnel = spec.edge.tunnel
    if tunnel is not None:
        yield placed("edge.tunnel.pod", tunnel.pod, tunnel.tunnels * tunnel.replicas)
