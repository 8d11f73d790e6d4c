"""The same problems for Netflix's service-capacity-modeling: a capacity model of our own, registered with its planner."""

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from service_capacity_modeling.capacity_planner import CapacityPlanner
from service_capacity_modeling.interface import (
    CapacityDesires,
    CapacityPlan,
    CapacityRequirement,
    Clusters,
    Excuse,
    Interval,
    QueryPattern,
    RegionClusterCapacity,
    Requirements,
    certain_int,
)
from service_capacity_modeling.models import CapacityModel
from service_capacity_modeling.stats import dist_for_interval

from benchmarks.regret_problems import SHAPES, Problem, Shape, Triple
from capacity.traffic.erlang import erlang_b, servers_for_blocking

REGION = "us-east-1"
BLOCKING = 0.001
"""Share of calls that the plan for one draw may lose."""
_MODEL = "sessions"
_HOURS_A_YEAR = 8766


class Sessions(CapacityModel):  # type: ignore[misc]  # the rival publishes its types, but not to this environment
    """Machines that hold a peak of sessions with at most so many calls blocked; regret is the rival's own."""

    @staticmethod
    def capacity_plan(
        instance: Any,
        drive: Any,
        context: Any,  # noqa: ARG004  # sessions need neither zones nor disks
        desires: Any,
        extra_model_arguments: dict[str, Any],
    ) -> Any:
        """Return the cheapest cluster of one shape for one draw."""
        asked, problem = desires.query_pattern, extra_model_arguments["problem"]
        holds = min(
            extra_model_arguments["admitted"],
            math.floor(problem.pod_cpu / asked.estimated_mean_read_latency_ms.mid + 1e-9),
            math.floor(problem.pod_gib * 2**30 / asked.estimated_mean_read_size_bytes.mid + 1e-9),
        )
        shape = extra_model_arguments["shapes"][instance.name]
        if not holds or shape.pods(problem, 2) < 1:
            return Excuse(instance=instance.name, drive=drive.name, reason="holds no pod, or a pod no session")
        pods = math.ceil(servers_for_blocking(asked.estimated_read_per_second.mid, BLOCKING) / holds)
        count = math.ceil(pods / (shape.pods(problem, 2) - shape.pods(problem, 1)))
        if shape.pods(problem, count) < pods:
            count += 1
        requirement = CapacityRequirement(
            requirement_type=_MODEL,
            cpu_cores=certain_int(pods * problem.pod_cpu),
            context={"offered": asked.estimated_read_per_second.mid, "holds": holds, "problem": problem, "shape": shape},
        )
        cluster = RegionClusterCapacity(cluster_type=_MODEL, count=count, instance=instance)
        cost = count * instance.annual_cost
        return CapacityPlan(
            requirements=Requirements(regional=[requirement], regrets=("spend",)),
            candidate_clusters=Clusters(annual_costs={_MODEL: Decimal(cost)}, regional=[cluster]),
            rank=cost,
        )


class PricedSessions(Sessions):
    """The same with our regret: what the proposed machines cost on a draw beyond its own, blocked calls included."""

    @staticmethod
    def regret(regret_params: Any, optimal_plan: Any, proposed_plan: Any) -> dict[str, float]:  # noqa: ARG004  # replaces them
        """Return the money of a year."""
        draw = optimal_plan.requirements.regional[0].context
        return {"money": _cost(proposed_plan, draw) - _cost(optimal_plan, draw)}


def _cost(plan: Any, draw: dict[str, Any]) -> float:
    cluster, problem = plan.candidate_clusters.regional[0], draw["problem"]
    shape = plan.requirements.regional[0].context["shape"]
    lost = erlang_b(draw["offered"], shape.pods(problem, cluster.count) * draw["holds"])
    return float(cluster.count * cluster.instance.annual_cost + 12 * lost * problem.price_of_blocking(draw["offered"]))


def shapes() -> tuple[Shape, ...]:
    """Return the shapes of the benchmark, of the rival's catalogue."""
    found = CapacityPlanner().hardware_shapes.region(REGION).instances
    return tuple(
        Shape(name, found[name].cpu, found[name].ram_gib, float(found[name].annual_cost) / _HOURS_A_YEAR) for name in SHAPES
    )


def rival_plan(problem: Problem, admitted: int, offered: Sequence[Shape], draws: int, *, priced: bool = False) -> tuple[str, int]:
    """Return the shape and the number of machines of the rival's plan of least regret: its own, or `priced` as ours is."""
    planner = CapacityPlanner()
    planner.register_model(_MODEL, PricedSessions() if priced else Sessions())
    desires = CapacityDesires(
        query_pattern=QueryPattern(
            estimated_read_per_second=_interval(problem.peak),
            estimated_mean_read_latency_ms=_interval(problem.cpu),
            estimated_mean_read_size_bytes=_interval(tuple(1e6 * value for value in problem.megabytes)),
        )
    )
    planned = planner.plan(
        model_name=_MODEL,
        region=REGION,
        desires=desires,
        percentiles=(50,),
        simulations=draws,
        instance_families=[shape.name for shape in offered],
        drives=["gp3"],
        extra_model_arguments={
            "problem": problem,
            "admitted": admitted,
            "shapes": {shape.name: shape for shape in offered},
        },
    )
    cluster = planned.least_regret[0].candidate_clusters.regional[0]
    return cluster.instance.name, cluster.count


def quantiles_reached(known: Triple) -> tuple[float, float]:
    """Return the chances below the low and above the high value that the rival gives to an interval of 90%."""
    distribution = dist_for_interval(_interval(known))
    return float(distribution.cdf(known[0])), float(distribution.sf(known[2]))


def _interval(known: Sequence[float]) -> Any:
    low, middle, high = known
    return Interval(low=low, mid=middle, high=high, confidence=0.9)
