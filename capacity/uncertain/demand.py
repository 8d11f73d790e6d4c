"""What comes to one live vertical on draws, and what it costs not to take it."""

from dataclasses import dataclass

import numpy as np

from capacity.cost import MINUTES_PER_MONTH
from capacity.load_path import LoadPath
from capacity.spec import Spec
from capacity.traffic.erlang_many import Array
from capacity.uncertain.vertical import MIDDLE, Load, World, load, lost_by_sessions
from capacity.verticals import LiveVertical


@dataclass(frozen=True)
class Demand:
    """What comes to one live vertical."""

    name: str
    wanted: Load
    at_middle: Load
    """The same where every figure is its middle."""
    price: Array | None
    """Money a month if all calls were blocked, on each draw; None where nobody can tell."""
    lost: Array
    """Money a month on average, by number of sessions from 0; with the last number, next to nothing."""


def demand(name: str, spec: Spec, path: LoadPath, world: World) -> Demand:
    """Return what comes to a live vertical on the draws."""
    wanted, price = load(name, path, world), price_of_blocking(name, spec, path, world)
    lost = np.zeros(1) if price is None else lost_by_sessions(wanted, price)
    return Demand(name, wanted, load(name, path, MIDDLE), price, lost)


def price_of_blocking(name: str, spec: Spec, path: LoadPath, world: World) -> Array | None:
    """Return what it would cost in a month if all calls of a vertical found no room, on each draw; None where nobody can tell.

    Calls of a month are mean sessions x the month / mean length of a call (Little's law), and as many more as the draw's peak is
    higher. Taken times the share that is blocked at the peak, as the plan's costs do, it bounds the cost from above: other hours
    block less.
    """
    mean, length = path.mean_sessions(name), path.mean_calls.get(name)
    if mean is None or length is None or spec.blocked_call_cost is None:
        return None
    peak = path.lock.verticals[name].peak
    busier = world.of(f"forecast.{name}.peak", peak) / peak
    calls = mean * busier * MINUTES_PER_MONTH * 60 / world.of(f"verticals.{name}.mean_call", length)
    return calls * world.of("blocked_call_cost", spec.blocked_call_cost.amount)


def unpriced(spec: Spec, path: LoadPath) -> tuple[str, ...]:
    """Return why calls that find no room have no price, for each vertical where they have none."""
    if spec.blocked_call_cost is None:
        return ("blocked_call_cost is not stated",)
    live = [name for name, vertical in spec.verticals.items() if isinstance(vertical, LiveVertical)]
    missing = {
        "the forecast lock knows no mean_sessions": [name for name in live if path.mean_sessions(name) is None],
        "neither the lock nor the spec knows the mean_call": [name for name in live if name not in path.mean_calls],
    }
    return tuple(f"{what} of {', '.join(names)}" for what, names in missing.items() if names)
