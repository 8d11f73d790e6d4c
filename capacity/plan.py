"""The capacity plan: every figure of an environment, and what falls short."""

from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Literal

from capacity.ceiling import PodCeiling
from capacity.cost import Cost
from capacity.lead_times import LeadTime
from capacity.lock import ForecastLock
from capacity.onboarding import Onboarding
from capacity.packing import Allocatable, PodRequest
from capacity.providers.conversation import SessionMinute
from capacity.required import Required
from capacity.scaling import ScalingPlan
from capacity.shortfall import Shortfall
from capacity.sold import Sold
from capacity.spec import Alert, LiveVertical, Margins, Model, QueueVertical, Scaling

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
    provided: int
    """Sessions that the pods at the autoscaler's maximum safely hold by their requests."""
    headroom: float
    """Provided / required - 1."""
    blocking: float
    """Share of calls that find every session taken at the forecast peak, grown to the lock's last valid day (Erlang B)."""

    @property
    def takes(self) -> PodCeiling:
        """What one pod takes: its ceilings, and no more than it admits."""
        return self.ceiling.admitting(self.sessions_per_pod)


@dataclass(frozen=True)
class QueuePlan:
    """The plan of a vertical that works off a queue."""

    name: str
    spec: QueueVertical


@dataclass(frozen=True)
class ModelPlan:
    """What the live sessions ask of the speech model."""

    spec: Model
    session: SessionMinute
    """What one live session asks for."""
    tokens_per_session: int
    """The same in whole tokens a minute, rounded up."""
    sessions: float
    """Peak sessions of all live verticals x burst x growth to the day that is judged; their onboarding's where that is more."""
    refusal_chance: float | None
    """Of a minute at the plain peak that is over the limit; None where the spread of a session's tokens is unknown."""
    required_tokens_per_minute: float
    sessions_within_limit: int
    headroom: float | None
    """None where nothing is asked of it."""
    lead: LeadTime


@dataclass(frozen=True)
class PoolPlan:
    """The machines of one pool, with every autoscaler at its maximum."""

    name: str
    node: Allocatable
    pods: tuple[PodRequest, ...]
    needed: int
    """Nodes by first-fit decreasing."""
    nodes: int
    """Nodes that there are; as many as needed where the spec leaves it open."""
    binding: Literal["cpu", "memory", "pods"]
    headroom: float | None
    """Nodes / needed - 1; None where nothing is asked of the pool."""
    lead: LeadTime
    """Of a number of nodes that the spec states; otherwise never short."""


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
    tools_image: str
    verticals: tuple[LivePlan | QueuePlan, ...]
    model: ModelPlan
    pools: tuple[PoolPlan, ...]
    sold: Sold | None
    """None where the spec sells no plans."""
    currency: str
    costs: tuple[Cost, ...]
    """A month of each vertical, of the machines that none asks for (`idle`) and, last, of `all`."""
    shortfalls: tuple[Shortfall, ...]

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
                "model": {
                    "name": self.model.spec.name,
                    "tokens_per_minute": self.model.spec.tokens_per_minute.limit,
                    "tokens_per_session_minute": self.model.tokens_per_session,
                    "tokens_per_session_formula": self.model.session.formula,
                    **_lead(self.model.lead),
                },
                "pools": {pool.name: _pool(pool) for pool in self.pools},
            },
        }

    def document(self) -> dict[str, Any]:
        """Return the whole plan as JSON: the standing figures, those of the day, and the shortfalls."""
        document = self.standing_document()
        document["as_of"] = self.as_of.isoformat()
        document["costs"] = {"currency": self.currency, "monthly": {cost.name: _cost(cost) for cost in self.costs}}
        document["shared"]["model"] |= {
            "sessions": round(self.model.sessions, 1),
            "required_tokens_per_minute": round(self.model.required_tokens_per_minute),
            "sessions_within_limit": self.model.sessions_within_limit,
            "refusal_chance": self.model.refusal_chance,
            "headroom": _rounded(self.model.headroom),
        }
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


def _pool(pool: PoolPlan) -> dict[str, Any]:
    return {
        "node": asdict(pool.node),
        "needed": pool.needed,
        "nodes": pool.nodes,
        "binding": pool.binding,
        "headroom": _rounded(pool.headroom),
        **_lead(pool.lead),
    }


def _cost(cost: Cost) -> dict[str, float | None]:
    figures = {
        "infrastructure": cost.infrastructure,
        "model": cost.model,
        "total": cost.monthly,
        "call_minutes": cost.call_minutes,
    }
    cents = {key: None if value is None else round(value, 2) for key, value in figures.items()}
    return cents | {"per_call_minute": None if cost.per_call_minute is None else round(cost.per_call_minute, 5)}


def _lead(lead: LeadTime) -> dict[str, str | None]:
    return {key: day.isoformat() if day is not None else None for key, day in asdict(lead).items()}


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 4)
