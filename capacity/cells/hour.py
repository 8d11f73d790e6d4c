"""The hour for which a cell is planned: all that is required of its largest vertical, call by call."""

import math
from dataclasses import replace

from capacity.plan import CapacityPlan
from capacity.simulation.day import Day
from capacity.simulation.of_plan import day_of

_HOURS = 7 * 24


def peak_hour(plan: CapacityPlan, *, zone: str) -> Day | None:
    """Return an hour in which the largest vertical holds its required sessions; None where the length of its calls is unknown.

    It begins without a call, with the pods that the autoscaler has at the forecast peak: the rest must come within the hour.
    """
    live = max(plan.live, key=lambda each: each.required.sessions)
    demand, said = plan.lock.verticals[live.name].demand, live.spec.mean_call
    holding = demand.holding_seconds.value if demand is not None else said.value if said is not None else None
    if holding is None:
        return None
    profile = (live.required.sessions / live.peak,) * _HOURS
    day = day_of(plan, live.name, profile, day=plan.as_of, zone=zone, holding_seconds=holding)
    pods = min(live.scaling.maximum, max(day.fleet.pods, math.ceil(live.peak / live.scaling.target.sessions)))
    return replace(
        day,
        traffic=replace(day.traffic, calls_per_second=day.traffic.calls_per_second[:60], day_cv=0.0),
        fleet=replace(day.fleet, pods=pods),
    )
