"""The capacity spec of one environment: what its owner writes."""

from datetime import date
from typing import Self

from pydantic import Field, model_validator

from capacity.autoscaling import Scaling
from capacity.cells.places import Cells
from capacity.consistency import check_together
from capacity.figures import Frozen, Name, Price, Source
from capacity.images import Images
from capacity.lock import Zone
from capacity.onboarding import Customer
from capacity.pools import Pool
from capacity.providers.limits import Providers
from capacity.providers.oversubscription import MOST_OVERSUBSCRIBED
from capacity.sections import StackSections
from capacity.sizing.claims import Count
from capacity.sizing.queue import QueueSection
from capacity.sizing.queue_gateway import QueueGatewaySection
from capacity.target import Target
from capacity.uncertain.interval import Interval
from capacity.uncertain.varied import check
from capacity.units import Seconds
from capacity.verticals import Pod, QueueVertical, Vertical


class Margins(Frozen):
    """What is kept in hand. Each margin sizes one thing (docs/capacity.md)."""

    safe_utilisation: float = Field(default=0.9, gt=0, le=1)
    """Safe ceiling = hard ceiling x this."""
    burst: float = Field(default=1.5, ge=1)
    """Multiplies the forecast peak."""
    growth_per_quarter: float = Field(default=2.0, ge=1, le=100)
    """The load thirteen weeks from the lock's data end as a multiple of the load at it. Above a hundred it is no growth that
    anyone plans for."""
    blocking: float = Field(default=0.001, gt=0, lt=1)
    """The largest share of calls that may find every session taken at the forecast peak."""


class Alert(Frozen):
    """The headroom alert: utilisation above the threshold for some time."""

    utilisation: float = Field(default=0.70, gt=0, lt=1)
    """Lowered to 1/burst where that is less: above 1/burst a burst no longer fits."""
    hold: Seconds = 600.0


class Failover(Frozen):
    """What must hold while providers are out: the others carry the peak of the day, without the burst."""

    reopen_minutes: float = Field(gt=0)
    """Within how long callers whose sessions were cut come back."""
    survive: int = Field(default=1, ge=1)
    """How many providers, in the order in which they are asked, may be out at once."""


class Model(Providers):
    """Who serves the live sessions, who takes over, and what may be sold on it."""

    failover: Failover | None = None
    """Left out: outages are not judged."""
    oversubscription: float = Field(default=MOST_OVERSUBSCRIBED, ge=0, le=MOST_OVERSUBSCRIBED)
    """The share by which caps of sold plans may exceed the sessions that the first provider carries; load never may."""

    @model_validator(mode="after")
    def _enough_to_survive(self) -> Self:
        if self.failover is not None and self.failover.survive > len(self.fallbacks):
            there = f"there are {len(self.fallbacks)} fallbacks"
            raise ValueError(f"failover.survive is {self.failover.survive}, and {there}: nobody would be left")
        return self


class SelfHosted(Source):
    """Speech models on GPUs of one's own, as far as their price goes; what they hold is sized elsewhere."""

    price_per_gpu_hour: Price
    sessions_per_gpu: Count
    """Sessions that one GPU serves in real time, measured."""
    spares: int = Field(default=1, ge=0)
    """GPUs that stand by for a lost one, or warm for more load; they cost and carry nothing."""
    operations_per_hour: Price
    """What it costs an hour to run them, however many they are."""


class Waiver(Frozen):
    """A violation of the gate that somebody answers for until a day. The gate decides whether it lets it through."""

    rule: str = Field(min_length=1)
    resource: str = Field(min_length=1)
    reason: str = Field(min_length=10)
    """Who answers for it, and why it cannot be cured now."""
    until: date
    """The last day."""


class SoldPlan(Source):
    """A plan that tenants buy: sessions at once, capped, and maybe some of them guaranteed. It names no tenant."""

    tenants: int = Field(gt=0)
    cap: int = Field(gt=0)
    """The most that one tenant may hold at once."""
    guaranteed: int = Field(default=0, ge=0)
    """What each tenant always finds: taken off the shared fleet first."""
    vertical: Name | None = None
    """Where the guarantee stands. Left out: divided over the live verticals by the sessions that they hold."""
    sessions: float = Field(gt=0)
    """What one tenant holds on average at the busiest hour."""

    @model_validator(mode="after")
    def _guarantee_within_cap(self) -> Self:
        if self.guaranteed > self.cap:
            raise ValueError(f"guaranteed {self.guaranteed} is above the cap of {self.cap}")
        return self


class Options(Frozen):
    """Machines and pods to compare with those of the plan. What one leaves out is as there, but nodes, price and requests."""

    shapes: dict[Name, dict[Name, Pool]] = Field(default_factory=dict)
    """Other machines, by pool and name."""
    pods: dict[Name, dict[Name, Pod]] = Field(default_factory=dict)
    """Pods of other sizes, by live vertical and name."""


class Spec(StackSections):
    """One environment, as its owner describes it."""

    example: bool = False
    """Only an example may pin `as_of`."""
    as_of: date | None = None
    zone: Zone
    """Where the environment's days and weeks begin."""
    margins: Margins = Margins()
    alert: Alert = Alert()
    scaling: Scaling
    model: Model
    target: Target | None = None
    """Where it is deployed to. Left out: to wherever the engine's caller is logged in; an edge needs it."""
    currency: str = Field(default="USD", pattern=r"^[A-Z]{3}$")
    images: Images
    pools: dict[Name, Pool] = Field(min_length=1)
    verticals: dict[Name, Vertical] = Field(min_length=1)
    plans: dict[Name, SoldPlan] = Field(default_factory=dict)
    """What is sold on the fleet. Left out: nothing is said of tenants."""
    blocked_call_cost: Price | None = None
    """What it costs that one call finds no room. Left out: unknown."""
    self_hosted: SelfHosted | None = None
    """GPUs of one's own beside the model's price a minute. Left out: not compared."""
    customers: tuple[Customer, ...] = ()
    """Those whose calls are not in the history yet: each adds its profile to its vertical's load."""
    uncertain: dict[str, Interval] = Field(default_factory=dict)
    """Figures that nobody knows exactly, by path, such as verticals.sales.session.memory or forecast.sales.peak."""
    options: Options = Options()
    """Left out: `headroom options` has nothing to compare the plan with."""
    waivers: tuple[Waiver, ...] = ()
    """Of violations of the gate, each with its end."""
    cells: Cells | None = None
    """Left out: the environment is one cluster. `headroom cells` divides one that is several."""

    @property
    def queues(self) -> dict[str, QueueSection] | None:
        """The queues by their vertical; None where there is none."""
        verticals = self.verticals.items()
        return {name: one.queue for name, one in verticals if isinstance(one, QueueVertical) and one.queue is not None} or None

    @property
    def queue_gateways(self) -> dict[str, QueueGatewaySection] | None:
        """What takes callbacks, by the vertical of the queue; None where there is none."""
        queues = (self.queues or {}).items()
        return {name: queue.gateway for name, queue in queues if queue.gateway is not None} or None

    @property
    def speakers(self) -> tuple[str, ...]:
        """The verticals that speak on the bus."""
        return tuple(name for name, one in self.verticals.items() if one.kind == "nats")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.as_of is not None and not self.example:
            raise ValueError("as_of is pinned, but this is not an example (example: true): time comes from the clock")
        check_together(self)
        check(self.uncertain, self)
        return self
