"""An environment of several cells: what each must hold when any other is gone, and what binds there and for the whole."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from capacity.cells.division import cell_lock, cell_spec
from capacity.cells.placement import Demand, Placement, place
from capacity.cells.places import Cells
from capacity.cells.tenants import homes, plans_after_loss
from capacity.lock import ForecastLock
from capacity.packing import largest_share
from capacity.plan import CapacityPlan, LivePlan
from capacity.planner import plan
from capacity.shortfall import Shortfall
from capacity.spec import Spec

ACCOUNT_WIDE = frozenset({"model", "failover", "oversubscription", "carrier channels", "carrier starts", "sold"})
"""What a further cell brings none of: the accounts of model and carrier, and the caps that were sold on the whole."""


@dataclass(frozen=True)
class Bound:
    """One resource, and how far it is from its limit."""

    name: str
    headroom: float
    """Safe / required - 1; below 0 it is short."""


@dataclass(frozen=True)
class CellPlan:
    """What one cell must hold when any other is gone."""

    name: str
    sessions: float
    """Required of it while every cell is there."""
    spec: Spec
    """Of its share after the worst loss; an environment's."""
    plan: CapacityPlan
    """Of that spec: pods, nodes, tunnel, queue and bus of its own."""
    tenants: Mapping[str, int]
    """At home in it, by plan."""
    bounds: tuple[Bound, ...]
    """The tightest first."""
    shortfalls: tuple[Shortfall, ...]

    @property
    def nodes(self) -> int:
        """The nodes of all its pools."""
        return sum(pool.nodes for pool in self.plan.pools)

    @property
    def sessions_after_loss(self) -> float:
        """Required of it when the cell is gone whose loss hits it hardest."""
        return sum(live.required.sessions for live in self.plan.live)


@dataclass(frozen=True)
class FleetPlan:
    """The cells of an environment, and what no cell has for itself."""

    whole: CapacityPlan
    """As if it were one cluster: what is required at all, and the accounts behind it."""
    placement: Placement
    cells: tuple[CellPlan, ...]
    bounds: tuple[Bound, ...]
    """Of the accounts that all cells share, the tightest first."""
    shortfalls: tuple[Shortfall, ...]
    """Of those accounts, and of verticals that a single cell holds."""

    def document(self) -> dict[str, Any]:
        """Return the fleet as JSON: each cell's own plan is that of its environment."""
        return {
            "required": round(sum(live.required.sessions for live in self.whole.live), 1),
            "bounds": _shown(self.bounds),
            "cells": {
                cell.name: {
                    "sessions": round(cell.sessions, 1),
                    "sessions_after_loss": round(cell.sessions_after_loss, 1),
                    "nodes": cell.nodes,
                    "replicas": {live.name: live.scaling.maximum for live in cell.plan.live},
                    "tenants": dict(cell.tenants),
                    "bounds": _shown(cell.bounds),
                    "shortfalls": [asdict(short) for short in cell.shortfalls],
                }
                for cell in self.cells
            },
            "shortfalls": [asdict(short) for short in self.shortfalls],
        }


def plan_fleet(spec: Spec, cells: Cells, lock: ForecastLock, as_of: date) -> FleetPlan:
    """Return the plan of an environment that is spread over cells, so that the loss of any one is survived.

    Calls go to a vertical's cells in proportion to what each stands ready for; when one is gone its calls go to the others in the
    same proportion. A cell is planned for the worst of these losses, its forecast widened by the chance of a random split
    (capacity/cells/division.py). Two cells gone at once are not survived.

    Raises:
        NoForecast: as `plan`.
        ValueError: a vertical may run in none of the cells.
    """
    whole = plan(_undivided(spec), lock, as_of)
    sizes = {name: cell.weight for name, cell in cells.places.items()}
    placement = place(tuple(_demand(live, whole, cells) for live in whole.live), sizes)
    tenants = plans_after_loss(spec.plans, sizes)
    at_home = {name: homes(sold.tenants, sizes) for name, sold in spec.plans.items()}
    planned: dict[object, tuple[Spec, CapacityPlan]] = {}

    def cell(name: str) -> CellPlan:
        shares = {live.name: placement.share_after_loss(live.name, name) for live in whole.live}
        alike = (*shares.values(), *((key, sold.tenants) for key, sold in tenants[name].items()))
        if alike not in planned:  # most cells of a large fleet are like another
            part = cell_spec(spec, lock, shares, tenants[name])
            planned[alike] = (part, plan(part, cell_lock(lock, shares), as_of))
        sessions = sum(placement.share(live.name, name) * live.required.sessions for live in whole.live)
        tenants_at_home = {key: counts[name] for key, counts in at_home.items()}
        return _cell(name, *planned[alike], sessions=sessions, tenants=tenants_at_home, most_nodes=cells.most_nodes)

    used = {name for ready in placement.ready.values() for name in ready}
    return FleetPlan(
        whole=whole,
        placement=placement,
        cells=tuple(cell(name) for name in sizes if name in used),
        bounds=_sorted(_account_bounds(whole)),
        shortfalls=(
            *(short for short in whole.shortfalls if short.resource in ACCOUNT_WIDE),
            *_stranded(whole, placement),
        ),
    )


def _undivided(spec: Spec) -> Spec:
    pools = {name: pool.model_copy(update={"nodes": None}) for name, pool in spec.pools.items()}
    return spec.model_copy(update={"pools": pools, "cells": None})


def _demand(live: LivePlan, whole: CapacityPlan, cells: Cells) -> Demand:
    pool = next(pool for pool in whole.pools if pool.name == live.spec.pool)
    pod = next(pod for pod in pool.pods if pod.name == live.name)
    allowed = tuple(name for name, cell in cells.places.items() if not cell.verticals or live.name in cell.verticals)
    share = largest_share(pod, pool.node) / max(1, live.takes.guaranteed_safe)
    return Demand(live.name, live.required.sessions, share, allowed)


def _cell(
    name: str, spec: Spec, planned: CapacityPlan, *, sessions: float, tenants: Mapping[str, int], most_nodes: int
) -> CellPlan:
    nodes = sum(pool.nodes for pool in planned.pools)
    shortfalls = [short for short in planned.shortfalls if short.resource not in ACCOUNT_WIDE]
    if nodes > most_nodes:
        reason = f"cell {name} needs {nodes} nodes after the loss of another; one cluster is trusted with {most_nodes}"
        shortfalls.append(
            Shortfall("cell", name, nodes, most_nodes, "nodes", reason, "add a cell to cells.places, or take larger nodes")
        )
    return CellPlan(
        name=name,
        sessions=sessions,
        spec=spec,
        plan=planned,
        tenants=tenants,
        bounds=_sorted([Bound("cluster nodes", most_nodes / nodes - 1), *_part_bounds(planned, account_wide=False)]),
        shortfalls=tuple(shortfalls),
    )


def _account_bounds(whole: CapacityPlan) -> Iterator[Bound]:
    for asked in whole.model.asked:
        if asked.headroom is not None:
            yield Bound(f"model {asked.limit.name}", asked.headroom)
    yield from _part_bounds(whole, account_wide=True)


def _part_bounds(planned: CapacityPlan, *, account_wide: bool) -> Iterator[Bound]:
    for part in planned.sizings:
        if part.sizing is not None and part.sizing.headroom is not None and (part.name in ACCOUNT_WIDE) == account_wide:
            yield Bound(part.name, part.sizing.headroom)


def _stranded(whole: CapacityPlan, placement: Placement) -> Iterator[Shortfall]:
    for live in whole.live:
        if live.name in placement.stranded:
            needed = live.required.sessions
            reason = f"{live.name} may run in one cell alone; when it is gone its {needed:,.0f} sessions have none"
            yield Shortfall("cell loss", live.name, needed, 0, "sessions", reason, "allow it in another of cells.places")


def _sorted(bounds: Iterator[Bound] | list[Bound]) -> tuple[Bound, ...]:
    return tuple(sorted(bounds, key=lambda bound: (bound.headroom, bound.name)))


def _shown(bounds: tuple[Bound, ...]) -> dict[str, float]:
    return {bound.name: round(bound.headroom, 3) for bound in bounds}
