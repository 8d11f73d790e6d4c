"""What the edge admits by: what each plan caps and guarantees, and the places of each vertical (S16)."""

from collections.abc import Mapping
from dataclasses import dataclass

from capacity.sizing.objects import AdmissionGate, pool_block, pool_shards
from capacity.sizing.poisson import UNLIKELY, poisson_quantile
from capacity.spec import SoldPlan


@dataclass(frozen=True)
class PlanAdmission:
    """What one tenant of a plan may hold."""

    cap: int
    guaranteed: Mapping[str, int]
    """Of the cap, what it always finds, by vertical; verticals where that is nothing are left out."""
    starts_per_second: int
    """That it may begin for long. At once it may begin as many as it may hold."""


@dataclass(frozen=True)
class VerticalPlaces:
    """The sessions that a vertical's pods safely hold, and the objects that count them."""

    reserved: int
    """For guarantees, used or not."""
    shared: int
    """For whatever goes beyond guarantees."""
    starts_per_second: int
    shards: int
    block: int
    """Places that a shard keeps beside those that calls hold."""

    @property
    def places(self) -> int:
        """All of them."""
        return self.reserved + self.shared


@dataclass(frozen=True)
class Admission:
    """What the edge admits by."""

    plans: Mapping[str, PlanAdmission]
    verticals: Mapping[str, VerticalPlaces]


def admission(
    gate: AdmissionGate,
    plans: Mapping[str, SoldPlan],
    places: Mapping[str, int],
    mean_calls: Mapping[str, float],
    safe_utilisation: float,
) -> Admission:
    """Return what the edge admits by.

    A plan's guarantee stands on the vertical that it names. Where it names none it is divided over the verticals by their
    places: what a tenant is guaranteed on the fleet is guaranteed in each vertical by that vertical's share, for a place of one
    vertical is no use to a call of another.

    Args:
        gate: How often calls renew their places, and what an object takes.
        plans: What is sold.
        places: Sessions that each live vertical's pods safely hold.
        mean_calls: Seconds of a call, by vertical. Where one is unknown, starts are as many as places.
        safe_utilisation: The share of an object's rate that may be planned on.
    """
    shares = {name: _guaranteed(plan, places) for name, plan in plans.items()}
    known = [length for name in places if (length := mean_calls.get(name)) is not None]
    shortest = min(known, default=None) if len(known) == len(places) else None
    return Admission(
        {
            name: PlanAdmission(
                plan.cap,
                {vertical: count for vertical, count in shares[name].items() if count},
                starts_in_a_second(plan.cap, shortest),
            )
            for name, plan in plans.items()
        },
        {
            name: _vertical(
                gate,
                count,
                sum(plan.tenants * shares[plan_name][name] for plan_name, plan in plans.items()),
                starts_in_a_second(count, mean_calls.get(name)),
                safe_utilisation,
            )
            for name, count in places.items()
        },
    )


def starts_in_a_second(sessions: int, mean_call: float | None) -> int:
    """Return the calls that begin in a second which hardly one in a thousand surpasses while so many are held; at least 1.

    Little's law and random arrivals; where nobody knows how long calls are, all of them.
    """
    return sessions if mean_call is None else max(1, poisson_quantile(sessions / mean_call, UNLIKELY))


def divided(total: int, weights: Mapping[str, int]) -> dict[str, int]:
    """Return a whole number of things divided by weight, exactly: the largest remainders get what rounding leaves.

    >>> divided(10, {"a": 1, "b": 1, "c": 1})
    {'a': 4, 'b': 3, 'c': 3}
    """
    everything = sum(weights.values())
    if not everything:
        return dict.fromkeys(weights, 0)
    shares = {name: divmod(total * weight, everything) for name, weight in weights.items()}
    left = total - sum(whole for whole, _ in shares.values())
    first = sorted(shares, key=lambda name: (-shares[name][1], name))[:left]
    return {name: whole + (name in first) for name, (whole, _) in shares.items()}


def _guaranteed(plan: SoldPlan, places: Mapping[str, int]) -> dict[str, int]:
    if plan.vertical is None:
        return divided(plan.guaranteed, places)
    return {name: plan.guaranteed if name == plan.vertical else 0 for name in places}


def _vertical(gate: AdmissionGate, places: int, guaranteed: int, starts: int, safe_utilisation: float) -> VerticalPlaces:
    # Guarantees that the fleet cannot hold are a shortfall of the plan; what it has is all that can be set aside.
    reserved = min(places, guaranteed)
    shards = pool_shards(gate, places, starts, safe_utilisation)
    return VerticalPlaces(reserved, places - reserved, starts, shards, pool_block(starts, shards))
