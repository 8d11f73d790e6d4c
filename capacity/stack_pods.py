"""The pods of the stack beside its verticals: what each part asks of its pool.

The gate counts the pods that are rendered. What a part renders and what is said here must be the same, or an environment
that fills its nodes is refused.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from capacity.observability import Servers
from capacity.packing import PodRequest
from capacity.sizing.pods import PodSize
from capacity.sizing.queue import server_memory

if TYPE_CHECKING:  # the spec checks by this module that each part's pool exists
    from capacity.spec import Spec

Placed = tuple[str, PodRequest]
"""The name of a pool, and pods on it. A request is called by the path of its figures in the spec."""


def stack_pods(spec: "Spec") -> tuple[Placed, ...]:
    """Return the pods of every part that a spec speaks of, but for those of its verticals."""
    return (
        *_tools(spec),
        *_gateway(spec),
        *_tunnel(spec),
        *_queues(spec),
        *_bus(spec),
        *_turn(spec),
        *_gpu(spec),
        *_watching(spec),
    )


def placed(path: str, pod: PodSize, count: int, *, apart: bool = False) -> Placed:
    """Return pods of one size on their pool."""
    return pod.pool, PodRequest(path, pod.cpu, pod.memory, count, apart)


def watching(spec: "Spec") -> dict[str, Servers]:
    """Return the programs that watch the stack, by the name of their figures: no adapter where KEDA asks Prometheus by itself."""
    section = spec.observability
    servers = {} if section is None else section.servers
    return {name: one for name, one in servers.items() if name != "adapter" or spec.scaling.autoscaler != "keda"}


def _tools(spec: "Spec") -> Iterator[Placed]:
    if spec.tools is not None:
        yield placed("tools.pod", spec.tools.pod, spec.tools.pods)


def _gateway(spec: "Spec") -> Iterator[Placed]:
    if spec.gateway is not None:
        yield placed("gateway.pod", spec.gateway.pod, spec.gateway.pods)


def _tunnel(spec: "Spec") -> Iterator[Placed]:
    tunnel = spec.edge.tunnel
    if tunnel is not None:
        for _ in range(tunnel.tunnels):
            yield placed("edge.tunnel.pod", tunnel.pod, tunnel.replicas, apart=True)


def _queues(spec: "Spec") -> Iterator[Placed]:
    for name, queue in (spec.queues or {}).items():
        memory = server_memory(queue) + queue.exporter.memory
        yield spec.verticals[name].pool, PodRequest(f"verticals.{name}.queue", queue.cpu + queue.exporter.cpu, memory)
        if queue.gateway is not None:
            yield placed(f"verticals.{name}.queue.gateway.pod", queue.gateway.pod, queue.gateway.pods)


def _bus(spec: "Spec") -> Iterator[Placed]:
    bus = spec.bus
    if bus is not None:
        exporter = bus.exporter
        cpu, memory = bus.pod.cpu + exporter.cpu, bus.pod.memory + exporter.memory
        yield bus.pod.pool, PodRequest("bus.pod", cpu, memory, bus.servers, apart=True)
        yield bus.pod.pool, PodRequest("bus.exporter", exporter.cpu, exporter.memory, len(spec.speakers))


def _turn(spec: "Spec") -> Iterator[Placed]:
    if spec.turn is not None:
        yield placed("turn.pod", spec.turn.pod, spec.turn.servers, apart=True)


def _gpu(spec: "Spec") -> Iterator[Placed]:
    for name, service in spec.gpu.items():
        if service.server is not None:
            yield placed(f"gpu.{name}.server.pod", service.server.pod, service.count)


def _watching(spec: "Spec") -> Iterator[Placed]:
    for name, servers in watching(spec).items():
        yield placed(f"observability.{name}.pod", servers.pod, servers.pods)
