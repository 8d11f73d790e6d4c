"""What uncertain figures do to a plan as it stands: to each live vertical, and to the limits of the first provider."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from capacity.load_path import LoadPath
from capacity.plan import CapacityPlan, LivePlan
from capacity.providers.ceiling import ProviderLimit
from capacity.spec import Spec
from capacity.traffic.erlang_many import Array, Counts
from capacity.uncertain.importance import importance
from capacity.uncertain.varied import TOKENS
from capacity.uncertain.vertical import World, growth_on, load, pods, replicas_needed

QUANTILES = (0.05, 0.5, 0.95)
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Outlook:
    """One resource as it is planned. Triples are the 5%, 50% and 95% quantiles over the draws."""

    name: str
    unit: str
    required: tuple[float, ...]
    headroom: tuple[float, ...]
    """Of what is planned."""
    short: float
    """Share of the draws on which less is planned than is required."""

    def document(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "unit": self.unit,
            "required": [round(value, 1) for value in self.required],
            "headroom": [round(value, 4) for value in self.headroom],
            "short": round(self.short, 4),
        }


@dataclass(frozen=True)
class VerticalOutlook(Outlook):
    """One live vertical with the pods that are planned for it."""

    planned_replicas: int
    replicas: tuple[float, ...]
    """That the draws would ask for."""
    outgrown: float
    """Share of the draws on which a pod at the autoscaler's target is full before the next one is ready."""
    importance: Mapping[str, float]
    """Of each uncertain figure, for the headroom."""

    def document(self) -> dict[str, Any]:
        """Return it as JSON."""
        return super().document() | {
            "planned_replicas": self.planned_replicas,
            "replicas": list(self.replicas),
            "outgrown": round(self.outgrown, 4),
            "importance": {path: round(share, 3) for path, share in self.importance.items()},
        }


def vertical_outlook(live: LivePlan, spec: Spec, path: LoadPath, world: World) -> VerticalOutlook:
    """Return how a vertical's planned pods fare on the draws."""
    margins, ratio = spec.margins, path.lock.verticals[live.name].lag.ratio
    wanted = load(live.name, path, world)
    holds = pods(live.name, live.spec, margins.safe_utilisation, world)
    takes, pinned = holds.admitting(live.sessions_per_pod), live.spec.pins.sessions_per_pod
    headroom = live.scaling.maximum * takes.guaranteed_safe / wanted.required - 1
    reached = live.scaling.target.sessions * (1 + spec.scaling.tolerance) * world.of(f"forecast.{live.name}.lag.ratio", ratio)
    return VerticalOutlook(
        name=live.name,
        unit="sessions",
        required=_spread(wanted.required),
        headroom=_spread(headroom),
        short=_share(headroom < -_ROUNDING),
        planned_replicas=live.scaling.maximum,
        replicas=_spread(replicas_needed(wanted, holds if pinned is None else holds.admitting(pinned), margins.blocking)),
        outgrown=_share(reached > takes.guaranteed + _ROUNDING),
        importance=importance(world.values, headroom),
    )


def provider_outlooks(made: CapacityPlan, path: LoadPath, world: World) -> tuple[Outlook, ...]:
    """Return how the first provider's limits on what stands fare on the draws, on the day that is judged."""
    growth = growth_on(made.as_of, path, world)
    sessions = np.zeros(world.draws)
    for name, forecast in path.lock.verticals.items():
        burst = path.margins.burst * growth * world.of(f"forecast.{name}.peak", forecast.peak)
        joining = path.onboarding.get(name)
        sessions += burst if joining is None else np.maximum(burst, joining.sessions_on(made.as_of))
    return tuple(
        _provider(asked.limit, sessions, world, f"{made.model.primary.name}, {asked.limit.name}")
        for asked in made.model.asked
        if asked.limit.per_session
    )


def _provider(limit: ProviderLimit, sessions: Array, world: World, name: str) -> Outlook:
    # Only tokens can be uncertain: a limit on sessions counts each as one.
    per_session = world.of(TOKENS, limit.per_session) if limit.name == "tokens a minute" else limit.per_session
    required = sessions * per_session
    return Outlook(
        name=name,
        unit=limit.name,
        required=_spread(required),
        headroom=_spread(limit.limit / required - 1),
        short=_share(required > limit.limit * (1 + _ROUNDING)),
    )


def _share(of: NDArray[np.bool_]) -> float:
    return float(of.mean())


def _spread(values: Array | Counts) -> tuple[float, ...]:
    return tuple(float(value) for value in np.quantile(values, QUANTILES))
