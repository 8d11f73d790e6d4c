"""What a spec says of the stack beside its verticals: each section is optional, and complete where it stands."""

from pydantic import Field

from capacity.edge import Scripts
from capacity.figures import Frozen, Name
from capacity.sizing.bus import BusSection
from capacity.sizing.carrier import Carrier
from capacity.sizing.gateway import GatewaySection
from capacity.sizing.gpu import GpuService
from capacity.sizing.latency import Latency
from capacity.sizing.objects import AdmissionGate, SessionObject
from capacity.sizing.tools import ExecutorsSection
from capacity.sizing.tunnel import Tunnel
from capacity.sizing.turn import Relay


class Edge(Frozen):
    """What a call passes before it reaches a pod."""

    tunnel: Tunnel | None = None
    session_object: SessionObject | None = None
    admission_gate: AdmissionGate | None = None
    """Its load is the largest cap of the plans that are sold."""
    scripts: Scripts | None = None
    """The programs that admit and carry calls. Left out: calls come through the tunnel alone."""


class StackSections(Frozen):
    """What the live verticals share beside model and machines. Left out: nothing is said of it, and nothing is sized."""

    tools: ExecutorsSection | None = None
    bus: BusSection | None = None
    """The verticals of kind `nats` speak on it."""
    turn: Relay | None = None
    carrier: Carrier | None = None
    edge: Edge = Edge()
    latency: Latency | None = None
    gpu: dict[Name, GpuService] = Field(default_factory=dict)
    """Self-hosted models, each on GPUs of its own."""
    gateway: GatewaySection | None = None
    """What their requests pass, limited by the plans that are sold."""

    @property
    def carrying_calls(self) -> tuple[str, ...]:
        """The paths of the sections whose load is live calls."""
        parts = {
            "tools": self.tools,
            "bus": self.bus,
            "turn": self.turn,
            "carrier": self.carrier,
            "edge.tunnel": self.edge.tunnel,
            "edge.admission_gate": self.edge.admission_gate,
        }
        return (*(path for path, part in parts.items() if part is not None), *(f"gpu.{name}" for name in self.gpu))
