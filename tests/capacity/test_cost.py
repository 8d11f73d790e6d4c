"""What a plan costs, and what stays unknown."""

from typing import Any

import pytest

from capacity import CapacityPlan, plan
from capacity.cost import HOURS_PER_MONTH, MINUTES_PER_MONTH
from capacity.explain_model import explain_model
from capacity.screening import LoadShape, screening
from tests.capacity.specs import DATA_END, IMAGE, live, load, lock, read_spec, spec_document


def _planned(node: float | None, minute: float | None, mean: float | None, **more: Any) -> CapacityPlan:
    document = spec_document(
        a=live(), b=live(), jobs={"kind": "queue", "image": IMAGE, "replicas": 1, "depth_cap": 10, "pod": _pod()}
    )
    document["pools"]["general"]["nodes"] = 20
    if node is not None:
        document["pools"]["general"]["price_per_node_hour"] = {"amount": node}
    if minute is not None:
        document["model"]["primary"]["price_per_session_minute"] = {"amount": minute}
    document |= more
    known = {} if mean is None else {"mean_sessions": mean}
    return plan(read_spec(document), lock(a=load(800, **known), b=load(400, **known)), DATA_END)


def _pod() -> dict[str, Any]:
    return {"cpu": 1, "memory": "1Gi"}


def test_a_month_adds_up() -> None:
    """Machines by what is asked of them, the rest idle; minutes by Little's law; the whole is the sum of its parts."""
    costs = {cost.name: cost for cost in _planned(2.0, 0.05, 300.0).costs}
    assert list(costs) == ["a", "b", "jobs", "idle", "all"]
    assert costs["all"].infrastructure == pytest.approx(20 * 2.0 * HOURS_PER_MONTH)
    assert costs["a"].model == pytest.approx(300 * MINUTES_PER_MONTH * 0.05)
    parts = [cost for name, cost in costs.items() if name != "all"]
    assert sum(cost.monthly or 0 for cost in parts) == pytest.approx(costs["all"].monthly)
    assert costs["jobs"].per_call_minute is None
    assert costs["a"].per_call_minute == pytest.approx((costs["a"].monthly or 0) / (300 * MINUTES_PER_MONTH))
    # 21 pods of 4 cores against 11 of them: the larger vertical pays for more of the machines.
    assert costs["a"].infrastructure == pytest.approx(21 / 11 * (costs["b"].infrastructure or 0), rel=0.01)


@pytest.mark.parametrize(("node", "minute", "mean"), [(None, 0.05, 300.0), (2.0, None, 300.0), (2.0, 0.05, None)])
def test_unknown_is_unknown_and_not_zero(node: float | None, minute: float | None, mean: float | None) -> None:
    """One missing price or mean makes every sum that needs it unknown, and leaves the others."""
    costs = {cost.name: cost for cost in _planned(node, minute, mean).costs}
    assert costs["all"].monthly is None
    assert costs["a"].per_call_minute is None
    assert (costs["a"].infrastructure is None) == (node is None)
    assert (costs["a"].model is None) == (minute is None or mean is None)


def test_prices_change_no_capacity() -> None:
    """Nothing that is deployed depends on a price."""
    assert _planned(2.0, 0.05, 300.0).standing_document() == _planned(None, None, 300.0).standing_document()


def test_a_blocked_call_costs_what_the_spec_says() -> None:
    """Blocking x calls x cost, calls by Little's law: at most, for every hour is taken as the peak; else unknown."""
    short = live(mean_call={"value": "4m"}, pins={"maximum": 11})
    verticals = {
        "a": short,
        "b": live(),
        "jobs": {"kind": "queue", "image": IMAGE, "replicas": 1, "depth_cap": 10, "pod": _pod()},
    }
    made = _planned(2.0, 0.05, 300.0, blocked_call_cost={"amount": 5.0}, verticals=verticals)
    costs, (first, _) = {cost.name: cost for cost in made.costs}, made.live
    assert first.blocking > 0.1
    calls = 300 * MINUTES_PER_MONTH / 4
    assert costs["a"].blocked_calls == pytest.approx(first.blocking * calls * 5.0)
    assert (costs["b"].blocked_calls, costs["jobs"].blocked_calls, costs["all"].blocked_calls) == (None, 0.0, None)
    assert costs["a"].monthly == pytest.approx((costs["a"].infrastructure or 0) + (costs["a"].model or 0))
    assert all(cost.blocked_calls in (None, 0.0) for cost in _planned(2.0, 0.05, 300.0).costs)


def test_sold_plans_share_the_whole() -> None:
    """Machines by what is set aside for a plan's tenants, minutes by what they hold; the parts are the whole."""
    plans = {
        "small": {"tenants": 10, "cap": 50, "sessions": 20},
        "large": {"tenants": 2, "cap": 500, "guaranteed": 300, "sessions": 100},
    }
    made = _planned(2.0, 0.05, 300.0, plans=plans)
    small, large = made.sold_costs
    whole = made.costs[-1]
    assert whole.infrastructure is not None
    assert whole.model is not None
    assert small.infrastructure == pytest.approx(whole.infrastructure * 200 / 800)
    assert large.infrastructure == pytest.approx(whole.infrastructure * 600 / 800)
    assert small.model == large.model == pytest.approx(whole.model / 2)
    assert (small.monthly or 0) + (large.monthly or 0) == pytest.approx(whole.monthly)
    assert large.per_tenant == pytest.approx((large.monthly or 0) / 2)
    assert _planned(None, 0.05, 300.0, plans=plans).sold_costs[0].monthly is None


OWN = {"price_per_gpu_hour": {"amount": 3.0}, "sessions_per_gpu": {"value": 8}, "operations_per_hour": {"amount": 20.0}}


def test_own_gpus_are_compared_where_the_spec_gives_their_figures() -> None:
    """The load is the lock's mean and peak, summed; without a mean only the steady crossover is known, without prices nothing."""
    own = _planned(2.0, 0.02, 300.0, self_hosted=OWN).self_hosting
    assert own is not None
    assert own.shape == LoadShape(600.0, 1200.0)
    assert own.split == screening(own.shape, own.prices)
    assert own.prices.break_even_sessions == pytest.approx(2.5)
    assert own.crossover is not None
    assert own.crossover_steady is not None
    assert own.crossover > own.crossover_steady
    unknown = _planned(2.0, 0.02, None, self_hosted=OWN).self_hosting
    assert unknown is not None
    assert (unknown.shape, unknown.split, unknown.crossover) == (None, None, None)
    assert unknown.crossover_steady == own.crossover_steady
    assert _planned(2.0, None, 300.0, self_hosted=OWN).self_hosting is None
    assert _planned(2.0, 0.02, 300.0).self_hosting is None
    steps = {step.name: step for step in explain_model(_planned(2.0, 0.02, 300.0, self_hosted=OWN))}
    assert steps["cheapest split"].value == own.split.split_hour
