"""The plans that are sold on one fleet, and what overselling their caps does to each."""

from collections.abc import Mapping
from dataclasses import dataclass

from capacity.spec import SoldPlan
from capacity.traffic.caps import GroupBlocking, TenantGroup, guaranteed_sessions, oversold, sessions_for_caps


@dataclass(frozen=True)
class Sold:
    """What was sold, on what, and how often each plan is refused for it."""

    fleet_sessions: int
    """Safe sessions of all live verticals at their maximum."""
    guaranteed_sessions: int
    """Taken off the fleet first, used or not."""
    promised_sessions: int
    """Caps less guarantees of all tenants: what they may ask of the shared rest."""
    ratio: float | None
    """Promised / shared; above 1 the fleet is oversold. None where guarantees leave nothing to share."""
    blocking: Mapping[str, GroupBlocking]
    """By plan; empty where the guarantees exceed the fleet."""
    fleet_needed: int
    """The least fleet on which no plan is refused more often than allowed for want of shared room."""


def sold(plans: Mapping[str, SoldPlan], fleet_sessions: int, growth: float, blocking: float) -> Sold:
    """Return what the plans do to each other on a fleet when their tenants' load has grown.

    Exact for random calls of independent tenants, whatever the calls' lengths (capacity/traffic/caps.py).
    """
    groups = {name: TenantGroup(plan.tenants, plan.sessions * growth, plan.cap, plan.guaranteed) for name, plan in plans.items()}
    guaranteed = guaranteed_sessions(list(groups.values()))
    promised = sum(plan.tenants * plan.cap for plan in plans.values()) - guaranteed
    needed = sessions_for_caps(list(groups.values()), blocking)
    if guaranteed > fleet_sessions:
        return Sold(fleet_sessions, guaranteed, promised, None, {}, needed)
    result = oversold(fleet_sessions, list(groups.values()))
    refused = dict(zip(groups, result.groups, strict=True))
    return Sold(fleet_sessions, guaranteed, promised, result.ratio, refused, needed)
