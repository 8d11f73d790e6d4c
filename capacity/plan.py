"""The capacity plan: every figure of an environment, and what falls short."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from capacity.admission import Admission
from capacity.autoscaling import Scaling
from capacity.bills import SelfHosting
from capacity.ceiling import PodCeiling
from capacity.cost import Cost, PlanCost
from capacity.images import Images
from capacity.lag_plan import lag_seconds
from capacity.lock import ForecastLock
from capacity.model_plan import ModelPlan
from capacity.onboarding import Onboarding
from capacity.parts import Part
from capacity.pool_plan import PoolPlan, Replaced
from capacity.required import Required
from capacity.scaling import ScalingPlan
from capacity.sections import StackSections
from capacity.shortfall import Shortfall
from capacity.sizing.queue import Queue
from capacity.sizing.stages import Stage
from capacity.sizing.workers import Workers
from capacity.sold import Sold
from capacity.spec import Alert, Margins, SoldPlan, Waiver
from capacity.target import Target
from capacity.vertical_parts import queue_of, workers_of
from capacity.verticals import LiveVertical, QueueVertical

BINDING_CUSTOMERS = 5
"""How many of a vertical's new customers are named: a deployed document has no room for thousands."""


@dataclass(frozen=True)
class LivePlan:
    """The plan of a vertical that answers calls as they come."""

    name: str
    spec: LiveVertical
    peak: int
    """Concurrent sessions at the forecast peak."""
    basis: str
    """Whether the peak was measured, declared or assumed."""
    source: str
    measured_burst: float | None
    ceiling: PodCeiling
    sessions_per_pod: int
    """Sessions that a pod admits."""
    required_at_data_end: Required
    required: Required
    """On the lock's last valid day."""
    onboarding: Onboarding | None
    """None without new customers."""
    scaling: ScalingPlan
    lag: tuple[Stage, ...]
    """From load rise to the last of the pods on the way from lowest floor to maximum; one where the spec has one figure."""
    provided: int
    """Sessions that the pods at the autoscaler's maximum safely hold by their requests."""
    headroom: float
    """Provided / required - 1."""
    offered: float
    """The forecast peak on the lock's last valid day in erlangs: grown, or with new customers where that is more."""
    blocking: float
    """Share of calls that find every session taken at that load (Erlang B)."""
    replaced: Replaced

    @property
    def takes(self) -> PodCeiling:
        """What one pod takes: its ceilings, and no more than it admits."""
        return self.ceiling.admitting(self.sessions_per_pod)

    @property
    def workers(self) -> Workers | None:
        """PM2's processes in a pod; None where the spec says nothing of them."""
        return workers_of(self.spec)


@dataclass(frozen=True)
class QueuePlan:
    """The plan of a vertical that works off a queue."""

    name: str
    spec: QueueVertical
    replaced: Replaced

    @property
    def queue(self) -> Queue | None:
        """Its queue; None where the spec says nothing of it."""
        return queue_of(self.spec)


@dataclass(frozen=True)
class CapacityPlan:
    """What one environment must hold, what it is given for that, and what falls short."""

    environment: str
    example: bool
    as_of: date
    lock: ForecastLock
    margins: Margins
    alert: Alert
    scaling: Scaling
    images: Images
    target: Target | None
    """None where the spec does not say where it is deployed to."""
    waivers: tuple[Waiver, ...]
    """Of violations of the gate; the plan's own shortfalls know none."""
    plans: Mapping[str, SoldPlan]
    verticals: tuple[LivePlan | QueuePlan, ...]
    model: ModelPlan
    pools: tuple[PoolPlan, ...]
    stack: StackSections
    """What the spec says of the stack beside verticals, model and machines: the figures that it is configured by."""
    sizings: tuple[Part, ...]
    """Every part of it, and of the verticals' own sockets, workers and queues, against what it must hold."""
    sold: Sold | None
    """None where the spec sells no plans."""
    admission: Admission | None
    """What the edge admits by; None where the spec has no gate."""
    currency: str
    costs: tuple[Cost, ...]
    """A month of each vertical, of the machines that none asks for (`idle`) and, last, of `all`."""
    sold_costs: tuple[PlanCost, ...]
    """A month of each plan that is sold."""
    self_hosting: SelfHosting | None
    """None where the spec does not compare GPUs of its own with the provider's price."""
    lost_node: tuple[Stage, ...]
    """From a node's death to its pods elsewhere; empty where the spec does not speak of it."""
    shortfalls: tuple[Shortfall, ...]

    @property
    def lag_seconds(self) -> float:
        """From load rise to ready pod, in the slowest of the verticals."""
        return max((lag_seconds(live.lag) for live in self.live), default=0.0)

    @property
    def live(self) -> tuple[LivePlan, ...]:
        """The verticals that answer calls as they come."""
        return tuple(vertical for vertical in self.verticals if isinstance(vertical, LivePlan))

    def standing_document(self) -> dict[str, Any]:
        """Return the figures that hold on every day of the lock's validity, as JSON.

        Nothing in it depends on `as_of`: the deployed copy must not change because a day went by.
        """
        return {
            "environment": self.environment,
            "forecast": {
                "digest": self.lock.digest,
                "kind": self.lock.kind,
                "data_end": self.lock.data_end.isoformat(),
                "valid_until": self.lock.valid_until.isoformat(),
            },
            "margins": self.margins.model_dump(mode="json"),
            "verticals": {vertical.name: _vertical(vertical) for vertical in self.verticals},
            "shared": {
                "model": self.model.standing_document(),
                "pools": {pool.name: pool.document() for pool in self.pools},
            },
            "stack": {part.name: part.document() for part in self.sizings},
        }

    def document(self) -> dict[str, Any]:
        """Return the whole plan as JSON: the standing figures, those of the day, and the shortfalls."""
        document = self.standing_document()
        document["as_of"] = self.as_of.isoformat()
        document["costs"] = {
            "currency": self.currency,
            "monthly": {cost.name: _cost(cost) for cost in self.costs},
            "plans": {cost.name: _plan_cost(cost) for cost in self.sold_costs},
        }
        if self.self_hosting is not None:
            document["self_hosting"] = self.self_hosting.document()
        document["shared"]["model"] |= self.model.document()
        if self.sold is not None:
            document["sold"] = asdict(self.sold)
        document["shortfalls"] = [asdict(shortfall) for shortfall in self.shortfalls]
        return document


def _vertical(vertical: LivePlan | QueuePlan) -> dict[str, Any]:
    if isinstance(vertical, QueuePlan):
        return {"kind": "queue", "replicas": vertical.spec.replicas, "depth_cap": vertical.spec.depth_cap}
    return {
        "kind": vertical.spec.kind,
        "peak": vertical.peak,
        "basis": vertical.basis,
        "source": vertical.source,
        "measured_burst": vertical.measured_burst,
        "session": vertical.spec.session.model_dump(mode="json", exclude_none=True),
        "required": {
            "at_data_end": round(vertical.required_at_data_end.sessions, 1),
            "by_valid_until": round(vertical.required.sessions, 1),
            "binding": vertical.required.binding,
            "terms": {name: round(value, 1) for name, value in vertical.required.terms},
        },
        **({} if vertical.onboarding is None else {"onboarding": _onboarding(vertical.onboarding)}),
        "ceiling": {
            "hard": vertical.ceiling.hard,
            "safe": vertical.ceiling.safe,
            "guaranteed": vertical.ceiling.guaranteed,
            "guaranteed_safe": vertical.ceiling.guaranteed_safe,
            "binding": vertical.ceiling.binding,
            "limits": [asdict(limit) for limit in vertical.ceiling.limits],
        },
        "sessions_per_pod": vertical.sessions_per_pod,
        "scaling": asdict(vertical.scaling),
        "lag": {stage.name: stage.seconds for stage in vertical.lag},
        "provided": vertical.provided,
        "headroom": round(vertical.headroom, 4),
        "blocking": float(f"{vertical.blocking:.3g}"),
    }


def _onboarding(onboarding: Onboarding) -> dict[str, Any]:
    low, high = onboarding.interval
    return {
        "sessions": onboarding.sessions,
        "interval": {"low": low, "high": high},
        "offered_erlangs": round(onboarding.offered_on(onboarding.until), 1),
        "diversity": round(onboarding.diversity, 3),
        "customers": len(onboarding.shares),
        "binding": {share.customer.name: round(share.share, 3) for share in onboarding.shares[:BINDING_CUSTOMERS]},
        "formula": onboarding.formula,
    }


def _cost(cost: Cost) -> dict[str, float | None]:
    figures = {
        "infrastructure": cost.infrastructure,
        "model": cost.model,
        "total": cost.monthly,
        "call_minutes": cost.call_minutes,
        "blocked_calls": cost.blocked_calls,
    }
    cents = {key: None if value is None else round(value, 2) for key, value in figures.items()}
    return cents | {"per_call_minute": None if cost.per_call_minute is None else round(cost.per_call_minute, 5)}


def _plan_cost(cost: PlanCost) -> dict[str, float | None]:
    figures = {
        "infrastructure": cost.infrastructure,
        "model": cost.model,
        "total": cost.monthly,
        "per_tenant": cost.per_tenant,
    }
    return {key: None if value is None else round(value, 2) for key, value in figures.items()}
