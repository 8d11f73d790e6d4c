"""What a vertical stands among: the zones of its pool, the autoscaler's habits, and the services that its pods call."""

from dataclasses import dataclass

from capacity.plan import CapacityPlan, LivePlan, QueuePlan
from capacity.spec import Scaling
from components.address import Address
from components.gateway.render import gateway_address
from components.tools.render import tools_address


@dataclass(frozen=True)
class Surroundings:
    """What a vertical stands among."""

    zones: int
    scaling: Scaling
    tools_image: str
    """Python, for small programs of ours."""
    calls: tuple[Address, ...]
    """Services of the stack that its pods call."""


def surroundings(plan: CapacityPlan, vertical: LivePlan | QueuePlan) -> Surroundings:
    """Return what one vertical of a plan stands among."""
    tools, gateway = plan.stack.tools, plan.stack.gateway
    calls = []
    if isinstance(vertical, LivePlan):
        calls += [] if tools is None else [tools_address(tools)]
        calls += [] if gateway is None else [gateway_address(gateway)]
    return Surroundings(
        zones=next(pool.zones for pool in plan.pools if pool.name == vertical.spec.pool),
        scaling=plan.scaling,
        tools_image=plan.images.tools,
        calls=tuple(calls),
    )
