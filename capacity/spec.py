"""The capacity spec of one environment: what its owner writes."""

import math
from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from capacity.figures import Frozen, Source
from capacity.lock import Zone
from capacity.onboarding import Customer
from capacity.providers.limits import SessionTokens
from capacity.units import Cores, Millicores, PositiveAmount, PositiveCores, PositiveSize, Seconds, Size

Name = Annotated[str, Field(pattern=r"^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$")]
"""A lower-case name that Kubernetes takes as a namespace."""


class Margins(Frozen):
    """What is kept in hand. Each margin sizes one thing (docs/capacity.md)."""

    safe_utilisation: float = Field(default=0.9, gt=0, le=1)
    """Safe ceiling = hard ceiling x this."""
    burst: float = Field(default=1.5, ge=1)
    """Multiplies the forecast peak."""
    growth_per_quarter: float = Field(default=2.0, ge=1)
    """The load thirteen weeks from the lock's data end as a multiple of the load at it."""
    blocking: float = Field(default=0.001, gt=0, lt=1)
    """The largest share of calls that may find every session taken at the forecast peak."""


class Alert(Frozen):
    """The headroom alert: utilisation above the threshold for some time."""

    utilisation: float = Field(default=0.70, gt=0, lt=1)
    """Lowered to 1/burst where that is less: above 1/burst a burst no longer fits."""
    hold: Seconds = 600.0


class Lag(Source):
    """From load rise to ready pod: metric, sync, scheduling, node, image, start."""

    value: Seconds


class Scaling(Frozen):
    """How the autoscaler behaves; the plan sets its target so that growth within the lag is held."""

    lag: Lag
    tolerance: float = Field(default=0.1, ge=0, lt=1)
    """The autoscaler does nothing until the metric is off its target by more than this share."""
    prescale_lead: Seconds = 900.0
    """How long before a known peak its floor stands."""


class Price(Source):
    """What one unit of something costs, in the spec's currency, on the day that its source showed it."""

    amount: float = Field(gt=0)


class TokensPerMinute(Source):
    """The tokens a minute that the account may use, as it showed them."""

    limit: PositiveAmount
    lead_time: Seconds = 28 * 86400.0
    """How long a higher limit takes to get."""


class Model(Frozen):
    """The speech model behind the live sessions."""

    name: str = Field(min_length=1)
    tokens_per_minute: TokensPerMinute
    tokens_per_session_minute: SessionTokens
    """What one live session asks for in a minute: given, or computed from the conversation."""
    price_per_session_minute: Price | None = None
    """Left out: unknown, and so is every cost that needs it."""


class Pool(Source):
    """Machines of one shape."""

    cpu: PositiveCores
    memory: PositiveSize
    pods: int = Field(default=110, gt=0)
    reserved_cpu: Cores = 0.5
    reserved_memory: Size = 2**30
    """What the system and the daemons of a node keep for themselves."""
    nodes: int | None = Field(default=None, ge=1)
    """How many there are. Left out: as many as the plan needs."""
    lead_time: Seconds = 28 * 86400.0
    """How long more of them take to get."""
    price_per_node_hour: Price | None = None
    """Left out: unknown, and so is every cost that needs it."""


class SessionCost(Source):
    """What one live session costs its pod."""

    memory: PositiveSize
    cpu: PositiveCores
    descriptors: int = Field(default=6, gt=0)


class Sidecar(Frozen):
    """A container beside the one that holds the sessions; its cost does not grow with them."""

    name: Name
    image: str = Field(min_length=1)
    cpu: Millicores
    memory: PositiveSize


class Guaranteed(Frozen):
    """Resource requests below the limits."""

    cpu: Millicores
    memory: PositiveSize


class Pod(Frozen):
    """The container that holds the sessions: its limits, and what it needs before the first one."""

    cpu: Millicores
    memory: PositiveSize
    requests: Guaranteed | None = None
    """Left out: requests are the limits, so that all of it is guaranteed."""
    base_cpu: Cores = 0.0
    base_memory: Size = 0
    workers: int = Field(default=1, gt=0)
    """Processes that share the sessions evenly."""
    descriptors: PositiveAmount = 65536
    """Open files allowed to one process."""
    base_descriptors: int = Field(default=64, ge=0)
    sidecars: tuple[Sidecar, ...] = ()

    @model_validator(mode="after")
    def _requests_within_limits(self) -> Self:
        if self.requests is not None and (self.requests.cpu > self.cpu or self.requests.memory > self.memory):
            raise ValueError("requests are above the limits")
        return self


class SessionCap(Source):
    """A limit on the sessions of one pod that no resource of the pod explains."""

    sessions: int = Field(gt=0)
    reason: str = Field(min_length=1)


class Pins(Frozen):
    """Figures that the owner insists on. The plan keeps them and says where they fall short."""

    minimum: int | None = Field(default=None, ge=1)
    maximum: int | None = Field(default=None, ge=1)
    target: int | None = Field(default=None, ge=1)
    """Sessions a pod that the autoscaler aims at."""
    sessions_per_pod: int | None = Field(default=None, ge=1)
    """Sessions that a pod admits."""
    prescale_floor: int | None = Field(default=None, ge=1)
    """Replicas in every known peak."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError(f"minimum {self.minimum} is above maximum {self.maximum}")
        return self


class _Workload(Frozen):
    image: str = Field(min_length=1)
    pool: Name = "general"
    port: int = Field(default=8080, ge=1024, le=65535)
    pod: Pod


class LiveVertical(_Workload):
    """A vertical that answers calls as they come."""

    kind: Literal["fastapi", "nats", "pm2"]
    session: SessionCost
    cap: SessionCap | None = None
    longest_call: Seconds = 3600.0
    """A pod that is to go gets this long, and a minute more, for its calls to end."""
    pins: Pins = Pins()

    @property
    def grace_seconds(self) -> int:
        """Seconds from the signal to end until a pod is killed."""
        return math.ceil(self.longest_call) + 60


class QueueVertical(_Workload):
    """A vertical that works off a queue; it holds no live session."""

    kind: Literal["queue"]
    replicas: int = Field(gt=0)
    depth_cap: PositiveAmount
    """Jobs that may wait; the next one is refused."""


class SoldPlan(Source):
    """A plan that tenants buy: sessions at once, capped, and maybe some of them guaranteed. It names no tenant."""

    tenants: int = Field(gt=0)
    cap: int = Field(gt=0)
    """The most that one tenant may hold at once."""
    guaranteed: int = Field(default=0, ge=0)
    """What each tenant always finds: taken off the shared fleet first."""
    sessions: float = Field(gt=0)
    """What one tenant holds on average at the busiest hour."""

    @model_validator(mode="after")
    def _guarantee_within_cap(self) -> Self:
        if self.guaranteed > self.cap:
            raise ValueError(f"guaranteed {self.guaranteed} is above the cap of {self.cap}")
        return self


Vertical = Annotated[LiveVertical | QueueVertical, Field(discriminator="kind")]


class Spec(Frozen):
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
    currency: str = Field(default="USD", pattern=r"^[A-Z]{3}$")
    tools_image: str = Field(min_length=1)
    """A Python image with time zone data, for the pre-scale job."""
    pools: dict[Name, Pool] = Field(min_length=1)
    verticals: dict[Name, Vertical] = Field(min_length=1)
    plans: dict[Name, SoldPlan] = Field(default_factory=dict)
    """What is sold on the fleet. Left out: nothing is said of tenants."""
    customers: tuple[Customer, ...] = ()
    """Those whose calls are not in the history yet: each adds its profile to its vertical's load."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.as_of is not None and not self.example:
            raise ValueError("as_of is pinned, but this is not an example (example: true): time comes from the clock")
        for name, vertical in self.verticals.items():
            if vertical.pool not in self.pools:
                raise ValueError(f"verticals.{name}.pool: there is no pool {vertical.pool!r}; there are: {', '.join(self.pools)}")
        live = [name for name, vertical in self.verticals.items() if isinstance(vertical, LiveVertical)]
        names: set[str] = set()
        for index, customer in enumerate(self.customers):
            where = f"customers[{index}]"
            if customer.vertical not in live:
                raise ValueError(
                    f"{where}.vertical: there is no live vertical {customer.vertical!r}; there are: {', '.join(live) or 'none'}"
                )
            if customer.name in names:
                raise ValueError(f"{where}.name: there is already a customer {customer.name!r}; its load would count twice")
            names.add(customer.name)
        return self
