"""Machine shapes and pod sizes compared on draws: the option with the least expected regret, and why the others lost."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from capacity.load_path import load_path
from capacity.plan import CapacityPlan
from capacity.spec import Spec
from capacity.traffic.erlang_many import Array
from capacity.uncertain.demand import unpriced
from capacity.uncertain.draws import draw
from capacity.uncertain.importance import importance
from capacity.uncertain.outlook import Outlook, VerticalOutlook, provider_outlooks, vertical_outlook
from capacity.uncertain.pools import AS_PLANNED, Fleet, NotComparable, Unfit, fleets
from capacity.uncertain.varied import quantiles
from capacity.uncertain.vertical import World

MOST_OPTIONS = 4096
"""All of them are held in memory on every draw."""
_ROUNDING = 1e-9
_WORTH_TELLING = 0.05
"""Of a node: so much more of it idle is a reason."""


@dataclass(frozen=True)
class Option:
    """Machines and pods of every pool, judged on all draws. Money is that of a month."""

    fleets: tuple[Fleet, ...]
    machines: float
    """Expected."""
    lost: float
    """Expected, for calls that find no room; 0 where they have no price."""
    q95: float
    """Cost that 95% of draws stay below."""
    regret: float
    """Expected: its cost less that of the draw's cheapest option."""
    wins: float
    """Share of the draws on which it is the cheapest."""

    @property
    def name(self) -> str:
        """What differs from the plan: shapes, then pod sizes."""
        return _name(self.fleets)

    @property
    def choices(self) -> tuple[tuple[str, str], ...]:
        """What was chosen for each pool (its shape), then for each live vertical (its pod size)."""
        return _choices(self.fleets)

    @property
    def cost(self) -> float:
        """Expected."""
        return self.machines + self.lost


@dataclass(frozen=True)
class Comparison:
    """What uncertain figures do to a plan, and to the choice of machines and pods."""

    draws: int
    seed: int
    currency: str
    planned: Option | None
    """The plan itself, with the replicas that it asks for; None where it cannot run. It is not among those that can win."""
    ranked: tuple[Option, ...]
    """By expected regret, which is by expected cost: what the cheapest option of a draw costs is the same for all."""
    excuses: tuple[str, ...]
    """Why each of `ranked` is not the first."""
    unfit: tuple[tuple[str, str], ...]
    """Options that cannot run, and why."""
    unpriced: tuple[str, ...]
    """Why calls that find no room have no price; empty where they have."""
    verticals: tuple[VerticalOutlook, ...]
    """As they are planned."""
    providers: tuple[Outlook, ...]
    """Limits of the first provider."""
    importance: Mapping[str, float]
    """Of each uncertain figure, for the cost of the first option."""

    def document(self) -> dict[str, Any]:
        """Return the comparison as JSON."""
        return {
            "draws": self.draws,
            "seed": self.seed,
            "currency": self.currency,
            "planned": None if self.planned is None else _document(self.planned),
            "options": [_document(option) | {"excuse": excuse} for option, excuse in zip(self.ranked, self.excuses, strict=True)],
            "unfit": [{"name": name, "reason": reason} for name, reason in self.unfit],
            "blocked_calls_unpriced": list(self.unpriced),
            "importance": {path: round(share, 3) for path, share in self.importance.items()},
            "verticals": {one.name: one.document() for one in self.verticals},
            "providers": {one.name: one.document() for one in self.providers},
        }


def compare(spec: Spec, made: CapacityPlan, *, draws: int, seed: int) -> Comparison:
    """Return the options of a spec, judged on the same draws of its uncertain figures.

    Regret is what an option costs on a draw above the cheapest option of that draw; costs are machines and calls that find no
    room. `made` is the plan of the spec, where every figure is its middle.

    Raises NotAnInterval where a figure of the lock is not inside its interval, NotComparable where a price is missing, there are
    more than MOST_OPTIONS, or none of them can run.
    """
    _require_few(spec)
    path = load_path(spec, made.lock)
    drawn = draw(quantiles(spec, path), draws, seed)
    world = World(draws, drawn)
    by_pool = [fleets(name, spec, path, world) for name in spec.pools]
    fit = [[fleet for fleet in found.options if isinstance(fleet, Fleet)] for found in by_pool]
    unfit = tuple((_name((each,)), each.reason) for found in by_pool for each in found.options if isinstance(each, Unfit))
    if not all(fit):
        raise NotComparable("options", f"none of them can run: {unfit[0][0]}: {unfit[0][1]}")
    ranked, costs = _ranked(list(product(*fit)))
    planned = tuple(found.planned for found in by_pool if isinstance(found.planned, Fleet))
    return Comparison(
        draws=draws,
        seed=seed,
        currency=spec.currency,
        planned=_option(planned, _costs(planned), 0.0, ranked[0].regret - ranked[0].cost)
        if len(planned) == len(by_pool)
        else None,
        ranked=ranked,
        excuses=tuple(_excuse(option, ranked[0]) for option in ranked),
        unfit=unfit,
        unpriced=unpriced(spec, path),
        verticals=tuple(vertical_outlook(live, spec, path, world) for live in made.live),
        providers=provider_outlooks(made, path, world),
        importance=importance(drawn, costs),
    )


def _choices(fleets: Sequence[Fleet | Unfit]) -> tuple[tuple[str, str], ...]:
    shapes = ((fleet.pool, fleet.shape) for fleet in fleets)
    return (*shapes, *(size for fleet in fleets for size in fleet.sizes.items()))


def _changes(fleets: Sequence[Fleet | Unfit]) -> tuple[str, ...]:
    return tuple(f"{of} {choice}" for of, choice in _choices(fleets) if choice != AS_PLANNED)


def _name(fleets: Sequence[Fleet | Unfit]) -> str:
    return ", ".join(_changes(fleets)) or AS_PLANNED


def _document(option: Option) -> dict[str, Any]:
    return {
        "name": option.name,
        "monthly": {
            "machines": round(option.machines, 2),
            "blocked_calls": round(option.lost, 2),
            "total": round(option.cost, 2),
            "q95": round(option.q95, 2),
        },
        "regret": round(option.regret, 2),
        "wins": round(option.wins, 4),
        "pools": {
            fleet.pool: {
                "shape": fleet.shape,
                "nodes": fleet.nodes,
                "pods": dict(fleet.sizes),
                "replicas": dict(fleet.replicas),
                "idle": {resource: round(share, 3) for resource, share in fleet.idle.items()},
            }
            for fleet in option.fleets
        },
    }


def _require_few(spec: Spec) -> None:
    sizes = [1 + len(choices) for chosen in (spec.options.shapes, spec.options.pods) for choices in chosen.values()]
    if (count := math.prod(sizes)) > MOST_OPTIONS:
        raise NotComparable(
            "options", f"{count:,} combinations of shapes and pod sizes, at most {MOST_OPTIONS:,} can be compared"
        )


def _ranked(combined: Sequence[tuple[Fleet, ...]]) -> tuple[tuple[Option, ...], Array]:
    """Return the options, best first, and what the first costs on each draw."""
    costs = np.array([_costs(chosen) for chosen in combined])
    best = costs.min(axis=0)
    cheapest = costs <= best * (1 + _ROUNDING)  # those that tie share the draw
    wins = (cheapest / cheapest.sum(axis=0)).mean(axis=1)
    expected = [_expected(chosen) for chosen in combined]
    first = min(range(len(combined)), key=lambda place: expected[place])
    # The cheapest of each draw is the same for all: regrets differ as expected costs do, which are known better than by pairs.
    beyond = float((costs[first] - best).mean()) - expected[first]
    options = [_option(*each, beyond) for each in zip(combined, costs, wins, strict=True)]
    # To the cent, then what changes least: machines are whole, so several options often cost the same.
    options.sort(key=lambda option: (round(option.regret, 2), len(_changes(option.fleets)), option.name))
    return tuple(options), _costs(options[0].fleets)


def _option(chosen: tuple[Fleet, ...], cost: Array, wins: float, beyond: float) -> Option:
    return Option(
        fleets=chosen,
        machines=float(sum(fleet.machines.mean() for fleet in chosen)),
        lost=sum(fleet.expected_lost for fleet in chosen),
        q95=float(np.quantile(cost, 0.95)),
        regret=_expected(chosen) + beyond,
        wins=float(wins),
    )


def _costs(fleets: Sequence[Fleet]) -> Array:
    return sum((fleet.machines + fleet.lost for fleet in fleets[1:]), start=fleets[0].machines + fleets[0].lost)


def _expected(fleets: Sequence[Fleet]) -> float:
    return sum(float(fleet.machines.mean()) + fleet.expected_lost for fleet in fleets)


def _excuse(option: Option, first: Option) -> str:
    """Return why an option is not the first: where the money goes, and what its machines leave idle."""
    if option is first:
        return ""
    parts = [
        f"{what} {abs(more):,.0f} {'more' if more > 0 else 'less'} a month"
        for what, more in (("machines", option.machines - first.machines), ("blocked calls", option.lost - first.lost))
        if round(more)
    ]
    if not parts:
        return "costs as much, and changes as much or more"
    wasted = [
        f"{share:.0%} of the {'cores' if resource == 'cpu' else resource} of {fleet.pool} idle"
        for fleet, other in zip(option.fleets, first.fleets, strict=True)
        for resource, share in fleet.idle.items()
        if share - other.idle[resource] >= _WORTH_TELLING
    ]
    return "; ".join([*parts, *wasted])
