"""What the owner writes of machines: pools, each of one shape."""

from typing import Self

from pydantic import Field, model_validator

from capacity.figures import Price, Source
from capacity.machines import Daemons, Karpenter, Kernel, Provision
from capacity.sizing.nodes import Rollout
from capacity.units import Cores, PositiveCores, PositiveSize, Seconds, Size


class Pool(Source):
    """Machines of one shape."""

    cpu: PositiveCores
    memory: PositiveSize
    pods: int = Field(default=110, gt=0)
    reserved_cpu: Cores = 0.5
    reserved_memory: Size = 2**30
    """What the system and the daemons of a node keep for themselves."""
    gpus: int | None = Field(default=None, gt=0)
    """GPUs or MIG instances of a node, of which every pod takes one. Left out: not a GPU pool."""
    nodes: int | None = Field(default=None, ge=1)
    """How many there are. Left out: as many as the plan needs."""
    survive: int = Field(default=1, ge=0)
    """Nodes that may be gone while every pod still finds room."""
    zones: int = Field(default=1, ge=1)
    """Zones over which the nodes are spread evenly. With more than one, every pod still finds room when the largest is gone."""
    rollout: Rollout | None = None
    """Left out: room for pods that surge and drain while one Deployment is rolled out is not counted."""
    lead_time: Seconds = 28 * 86400.0
    """How long more of them take to get."""
    price_per_node_hour: Price | None = None
    """Left out: unknown, and so is every cost that needs it."""
    kernel: Kernel = Kernel()
    daemons: Daemons = Daemons()
    provision: Provision = "static"
    """Whether its machines are there, or Karpenter makes them."""
    karpenter: Karpenter | None = None

    @model_validator(mode="after")
    def _made_by_somebody(self) -> Self:
        if (self.provision == "karpenter") != (self.karpenter is not None):
            raise ValueError(f"provision is {self.provision}, and karpenter is {'given' if self.karpenter else 'not given'}")
        for kind in () if self.karpenter is None else self.karpenter.types:
            if kind.cpu < self.cpu or kind.memory < self.memory or kind.gpus < (self.gpus or 0):
                raise ValueError(
                    f"karpenter.types: {kind.name} is smaller than the machines of the pool, which the plan counts on"
                )
        return self
