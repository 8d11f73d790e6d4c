"""Resources for the sizing tests, as a spec would say them, each with the load that it is sized for."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel

from capacity.packing import Allocatable, PodRequest
from capacity.sizing.bus import Bus, size_bus
from capacity.sizing.carrier import Carrier, size_channels, size_starts
from capacity.sizing.gateway import GatewaySection, size_gateway
from capacity.sizing.gpu import GpuPool, size_gpu
from capacity.sizing.nodes import Nodes, size_nodes
from capacity.sizing.objects import AdmissionGate, size_admission_gate
from capacity.sizing.queue import Queue, size_queue
from capacity.sizing.queue_gateway import QueueGatewaySection, size_queue_gateway
from capacity.sizing.result import Sizing
from capacity.sizing.sockets import Sockets, size_sockets
from capacity.sizing.tools import Executors, size_tools
from capacity.sizing.tunnel import Tunnel, size_tunnel
from capacity.sizing.turn import Relay, size_turn
from capacity.sizing.workers import Workers, size_workers

Document = dict[str, Any]

SALES: Document = {
    "workers": 8,
    "descriptors": "65k",
    "stall": "500ms",
    "tracked": "256k",
    "outbound": {"per_session": 1},
}
"""The seed's Sales node: 8 workers, 65k descriptors."""

PM2: Document = {
    "processes": 8,
    "memory_per_session": "40MB",
    "base_memory": "100MB",
    "max_memory_restart": "2GB",
    "pod_memory": "16GB",
    "kill_timeout": "600s",
    "drain": "600s",
    "grace": "630s",
}
CALLBACKS: Document = {"pods": 3, "per_second": 20, "serves": ["sales"]}
HYBRID: Document = {"pods": 4, "streams": 100, "requests_per_session_minute": 20}
EXECUTORS: Document = {
    "pods": 12,
    "slots": 20,
    "calls_per_session": 5,
    "session": "180s",
    "service": "2s",
    "wait": "200ms",
}
JOBS: Document = {
    "depth_cap": "50k",
    "payload": "2kB",
    "overhead": "1kB",
    "retained": 10000,
    "max_memory": "400MB",
    "replicas": 50,
    "job": "10s",
    "drain_within": "4h",
}
NATS: Document = {
    "account": {"connections": 1000, "storage": "10GB"},
    "messages_per_session": 50,
    "sessions_per_pod": 150,
    "connections_per_pod": 6,
    "message": "1kB",
    "cap_per_session": 600,
    "reader_stall": "10s",
}
WHISPER: Document = {
    "gpu": {"name": "L4", "memory": "24GB"},
    "model": {
        "name": "whisper-large-v3",
        "task": "asr",
        "weights": "4.5GB",
        "workspace": "1GB",
        "cache": {"attention": {"layers": 32, "kv_heads": 20, "head_dim": 64}, "tokens": 1948},
        "audio_buffer": "2MB",
    },
    "streams": {"value": 11, "conditions": "measured"},
    "count": 8,
}
TURN: Document = {"servers": 3, "relayed_share": 0.2, "bandwidth": "1G"}
TRUNK: Document = {"name": "trunk", "channels": {"value": 1000}, "starts_per_second": {"value": 10}}
TUNNEL: Document = {"replicas": 3, "descriptors": "80k", "grace": "200s"}
FRAMES: Document = {"frame": "20ms"}
GATE: Document = {"heartbeat": "30s"}
NODES: Document = {"nodes": 9, "survive": 1, "zones": 3}
LAG: Document = {
    "metric": {"value": "15s"},
    "scheduling": {"value": "2s"},
    "image": {"value": "20s"},
    "start": {"value": "10s"},
}
LATENCY: Document = {
    "to_first_token": {
        "network-in": {"value": "60ms"},
        "end-of-speech": {"value": "250ms"},
        "model": {"value": "450ms"},
    },
    "to_first_audio": {"synthesis": {"value": "300ms"}, "network-out": {"value": "60ms"}},
}


Model = TypeVar("Model", bound=BaseModel)


def read(model: type[Model], document: Document, /, **changes: Any) -> Model:
    """Return an input model of a document with some figures changed."""
    return model.model_validate_json(json.dumps(document | changes))


@dataclass(frozen=True)
class Case:
    """One resource: how to size it at a multiple of its load, and which figures say how much of it there is."""

    name: str
    document: Document
    size: Callable[[Document, float, float], Sizing]
    amounts: tuple[str, ...]


def nodes_of(document: Document, **changes: int) -> Nodes:
    """Return nodes of 15.5 cores and 60 GiB, as many and as spread as a document says with some figures changed."""
    said = document | changes
    return Nodes(
        Allocatable(15.5, 60 * 2**30, 110), said["nodes"], said["survive"], said["zones"], source="assumed, of the tests"
    )


def _nodes(document: Document, times: float, _: float) -> Sizing:
    pods = [PodRequest("healthcare", 4.0, 16 * 2**30, count=round(18 * times)), PodRequest("sales", 2.0, 4 * 2**30, count=5)]
    return size_nodes(nodes_of(document), pods, [PodRequest("rollout", 4.0, 16 * 2**30, count=6)], scope="x")


def _case(
    name: str,
    document: Document,
    model: type[BaseModel],
    size: Callable[..., Sizing],
    loads: Mapping[str, float],
    *,
    amounts: tuple[str, ...] = (),
    **fixed: float,
) -> Case:
    """Return the case of a resource whose loads grow together; `fixed` is asked of it whatever the load."""

    def sized(document: Document, times: float, safe: float) -> Sizing:
        grown = {load: value * times for load, value in loads.items()}
        return size(read(model, document), **grown, **fixed, safe_utilisation=safe, scope="x")

    return Case(name, document, sized, amounts)


JOBS_A_SECOND = {"busy_jobs_per_second": 10, "quiet_jobs_per_second": 1}
CASES = (
    _case(
        "sockets",
        SALES,
        Sockets,
        size_sockets,
        {"sessions": 250, "starts_per_second": 40},
        amounts=("workers", "descriptors", "tracked"),
    ),
    _case("workers", PM2, Workers, size_workers, {"sessions": 100}, amounts=("processes", "max_memory_restart")),
    _case("tools", EXECUTORS, Executors, size_tools, {"sessions": 2000}, amounts=("pods", "slots")),
    _case("gateway", HYBRID, GatewaySection, size_gateway, {"streams": 200}, amounts=("pods", "streams")),
    _case(
        "queue gateway",
        CALLBACKS,
        QueueGatewaySection,
        size_queue_gateway,
        {"callbacks_per_second": 20},
        amounts=("pods", "per_second"),
    ),
    _case("queue", JOBS, Queue, size_queue, JOBS_A_SECOND, amounts=("depth_cap", "max_memory", "replicas"), busy_seconds=7200),
    _case("bus", NATS, Bus, size_bus, {"sessions": 600}, amounts=("servers",)),
    _case("gpu", WHISPER, GpuPool, size_gpu, {"sessions": 40}, amounts=("count",)),
    _case("turn", TURN, Relay, size_turn, {"sessions": 9000}, amounts=("servers", "bandwidth")),
    _case("channels", TRUNK, Carrier, size_channels, {"sessions": 600}),
    _case("starts", TRUNK, Carrier, size_starts, {"starts_per_second": 6}),
    _case("tunnel", TUNNEL, Tunnel, size_tunnel, {"sessions": 20_000}, amounts=("tunnels", "descriptors")),
    _case("gate", GATE, AdmissionGate, size_admission_gate, {"leases": 1000, "starts_per_second": 5}),
    Case("nodes", NODES | {"nodes": 12}, _nodes, ("nodes",)),
)

_CHANGE = re.compile(r"(?:raise|lower) x\.(?P<path>[\w.]+) from (?P<old>\S+) to (?P<new>\S+)")


def cured(document: Document, remedy: str) -> Document:
    """Return the document with every change that a remedy names."""
    changed: Document = json.loads(json.dumps(document))
    for change in _CHANGE.finditer(remedy):
        *parents, last = change["path"].split(".")
        place = changed
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = _read(change["new"])
    return changed


def changes(remedy: str) -> list[tuple[str, str]]:
    """Return the figures that a remedy names, each with its new value."""
    return [(change["path"], change["new"]) for change in _CHANGE.finditer(remedy)]


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
