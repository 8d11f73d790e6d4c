"""What binds as an environment grows: the same spec under a multiple of its load, in as many cells as that takes."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from capacity.cells.division import cell_lock, cell_spec
from capacity.cells.fleet import FleetPlan, plan_fleet
from capacity.cells.places import Cell, Cells
from capacity.lock import Demand, Estimate, ForecastLock, KnownPeak, StartRate, VerticalForecast
from capacity.planner import plan
from capacity.spec import Spec

MOST_CELLS = 10_000


@dataclass(frozen=True)
class Step:
    """One size of the environment."""

    sessions: float
    """At the forecast peak."""
    fleet: FleetPlan


class TooManyCells(ValueError):
    """No number of cells keeps one cluster within the nodes that it is trusted with."""


def steps(spec: Spec, lock: ForecastLock, as_of: date, sizes: tuple[int, ...], most_nodes: int) -> Iterator[Step]:
    """Yield the plan of an environment at each of some sizes, in the fewest like cells that its nodes allow.

    Args:
        spec: Its tenants grow with its load; nothing else in it does.
        lock: Its forecast.
        as_of: The day that is judged.
        sizes: Concurrent sessions at the forecast peak, of all verticals together.
        most_nodes: Nodes that one cluster is trusted with.

    Raises:
        TooManyCells: not even ten thousand cells are enough.
    """
    now = sum(forecast.peak for forecast in lock.verticals.values())
    for sessions in sizes:
        factor = sessions / now
        grown_spec, grown_lock = grown(spec, lock, factor)
        yield Step(sessions, fewest_cells(grown_spec, grown_lock, as_of, most_nodes))


def grown(spec: Spec, lock: ForecastLock, factor: float) -> tuple[Spec, ForecastLock]:
    """Return spec and lock under a multiple of the load: forecasts and the number of tenants grow, configuration stays."""
    verticals = {name: _grown(forecast, factor) for name, forecast in lock.verticals.items()}
    plans = {name: sold.model_copy(update={"tenants": max(1, round(sold.tenants * factor))}) for name, sold in spec.plans.items()}
    return spec.model_copy(update={"plans": plans}), lock.model_copy(update={"verticals": verticals}).sealed()


def fewest_cells(spec: Spec, lock: ForecastLock, as_of: date, most_nodes: int) -> FleetPlan:
    """Return the plan in the fewest like cells, two at least, none of which needs more nodes than one cluster is trusted with.

    Raises:
        TooManyCells: not even ten thousand cells are enough.
    """
    whole = plan(spec, lock, as_of)
    if (least := _nodes_of_smallest(spec, lock, as_of)) > most_nodes:
        raise TooManyCells(f"a cell needs {least} nodes however few calls it has, and one cluster is trusted with {most_nodes}")
    nodes = sum(pool.needed for pool in whole.pools)
    count = max(2, -(-nodes // most_nodes) + 1)
    while count <= MOST_CELLS:
        found = plan_fleet(spec, _like(count, most_nodes), lock, as_of)
        largest = max(cell.nodes for cell in found.cells)
        if largest <= most_nodes:
            return found
        # A cell's nodes go with 1 / (cells - 1); a little is lost to whole pods and to the chance of the split.
        count = max(count + 1, -(-(count - 1) * largest // most_nodes) + 1)
    raise TooManyCells(f"a cell of {most_nodes} nodes holds too little: {MOST_CELLS:,} of them are not enough")


def _nodes_of_smallest(spec: Spec, lock: ForecastLock, as_of: date) -> int:
    """Return the nodes of one of the most cells that are tried: with more calls it needs no fewer."""
    shares = dict.fromkeys(lock.verticals, 1 / (MOST_CELLS - 1))
    sold = {name: each.model_copy(update={"tenants": -(-each.tenants // (MOST_CELLS - 1))}) for name, each in spec.plans.items()}
    smallest = plan(cell_spec(spec, lock, shares, sold), cell_lock(lock, shares), as_of)
    return sum(pool.nodes for pool in smallest.pools)


def _like(count: int, most_nodes: int) -> Cells:
    places = {f"cell-{number}": Cell() for number in range(1, count + 1)}
    return Cells(most_nodes=most_nodes, places=places, source="asked of the command")


def _grown(forecast: VerticalForecast, factor: float) -> VerticalForecast:
    extreme, lag = forecast.extreme, forecast.lag
    return forecast.model_copy(
        update={
            "peak": max(1, round(forecast.peak * factor)),
            "extreme": None if extreme is None else extreme.model_copy(update={"q95": round(extreme.q95 * factor)}),
            "mean_sessions": None if forecast.mean_sessions is None else forecast.mean_sessions * factor,
            "lag": lag.model_copy(update={"quiet_sessions": round(lag.quiet_sessions * factor)}),
            "known_peaks": tuple(_known(peak, factor) for peak in forecast.known_peaks),
            "demand": None if forecast.demand is None else _grown_demand(forecast.demand, factor),
            # Counted on another load.
            "weekly": (),
            "backtest": None,
        }
    )


def _grown_demand(demand: Demand, factor: float) -> Demand:
    """Return arrivals at a multiple of their rate; calls stay as long, and days as uneven."""
    starts = demand.starts_per_second
    p999 = Estimate(value=starts.p999.value * factor, low=starts.p999.low * factor, high=starts.p999.high * factor)
    extreme = None if starts.extreme is None else starts.extreme.model_copy(update={"q95": round(starts.extreme.q95 * factor)})
    rate = StartRate(p999=p999, maximum=round(starts.maximum * factor), extreme=extreme)
    return demand.model_copy(update={"starts_per_second": rate, "busy_hour": None})


def _known(peak: KnownPeak, factor: float) -> KnownPeak:
    return peak.model_copy(update={"sessions": max(1, round(peak.sessions * factor))})
