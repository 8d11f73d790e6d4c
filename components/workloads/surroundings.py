"""What a vertical stands among: the zones of its pool, the autoscaler's habits, and the services that its pods call."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from capacity.autoscaling import Scaling
from capacity.plan import CapacityPlan, LivePlan, QueuePlan
from components.address import Address
from components.bus.render import SETTINGS as BUS_SETTINGS
from components.gateway.render import gateway_address
from components.gpu.render import model_addresses
from components.observability.collecting import collector_address, telemetry_environment
from components.queue.render import SETTINGS as QUEUE_SETTINGS
from components.tools.render import tools_address


@dataclass(frozen=True)
class Broker:
    """A server of messages or jobs that the pods log in to."""

    name: str
    settings: str
    """The ConfigMap that says how it is spoken with; its folder in the containers is /etc/headroom/<name>."""

    @property
    def login(self) -> str:
        """The Secret with its password under the key `password`; an operator makes it in the vertical's namespace."""
        return f"{self.name}-login"


@dataclass(frozen=True)
class Surroundings:
    """What a vertical stands among."""

    zones: int
    scaling: Scaling
    tools_image: str
    """Python, for small programs of ours."""
    calls: tuple[Address, ...]
    """Services of the stack that its pods call."""
    brokers: tuple[Broker, ...]
    telemetry: Mapping[str, str]
    """How its pods speak to the collector, beside where it is: variables of their OpenTelemetry SDKs."""


def surroundings(plan: CapacityPlan, vertical: LivePlan | QueuePlan) -> Surroundings:
    """Return what one vertical of a plan stands among."""
    tools, gateway = plan.stack.tools, plan.stack.gateway
    watching = plan.stack.observability
    calls = [] if watching is None else [collector_address()]
    if isinstance(vertical, LivePlan):
        calls += [] if tools is None else [tools_address(tools)]
        calls += model_addresses(plan).values() if gateway is None else [gateway_address(gateway)]
    return Surroundings(
        zones=next(pool.zones for pool in plan.pools if pool.name == vertical.spec.pool),
        scaling=plan.scaling,
        tools_image=plan.images.tools,
        calls=tuple(calls),
        brokers=tuple(_brokers(plan, vertical)),
        telemetry={} if watching is None else telemetry_environment(vertical.name, watching),
    )


def _brokers(plan: CapacityPlan, vertical: LivePlan | QueuePlan) -> Iterator[Broker]:
    if isinstance(vertical, QueuePlan):
        if vertical.queue is not None:
            yield Broker("queue", QUEUE_SETTINGS)
    elif vertical.spec.kind == "nats" and plan.stack.bus is not None:
        yield Broker("bus", BUS_SETTINGS)
