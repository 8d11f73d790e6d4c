"""What a spec says of the stack beside its verticals: each section is optional, and complete where it stands."""

from pydantic import Field

from capacity.edge import Scripts
from capacity.figures import Frozen, Name
from capacity.machines import Servers
from capacity.observability import Observability
from capacity.sizing.bus import BusSection
from capacity.sizing.carrier import Carrier
from capacity.sizing.gateway import GatewaySection
from capacity.sizing.gpu import GpuService
from capacity.sizing.latency import Latency
from capacity.sizing.objects import AdmissionGate, SessionObject
from capacity.sizing.tools import ExecutorsSection
from capacity.sizing.tunnel import Tunnel
from capacity.sizing.turn import Relay
from capacity.storage import StorageClass


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
    servers: Servers | None = None
    """The cluster's own machines. Left out: the cluster is there, and nothing is rendered of its machines."""
    gateway: GatewaySection | None = None
    """What their requests pass, limited by the plans that are sold."""
    storage: dict[Name, StorageClass] = Field(default_factory=dict)
    """Classes of volumes that the stack brings; others must be on the cluster. A vertical with health data has its own."""

    observability: Observability | None = None
    """Left out: nothing is watched, and the autoscalers' metric is served by somebody else."""

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
