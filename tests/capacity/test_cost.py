"""What a plan costs, and what stays unknown."""

from typing import Any

import pytest

from capacity import CapacityPlan, plan
from capacity.cost import HOURS_PER_MONTH, MINUTES_PER_MONTH
from tests.capacity.specs import DATA_END, live, load, lock, read_spec, spec_document


def _planned(node: float | None, minute: float | None, mean: float | None) -> CapacityPlan:
    document = spec_document(
        a=live(), b=live(), jobs={"kind": "queue", "image": "q", "replicas": 1, "depth_cap": 10, "pod": _pod()}
    )
    document["pools"]["general"]["nodes"] = 20
    if node is not None:
        document["pools"]["general"]["price_per_node_hour"] = {"amount": node}
    if minute is not None:
        document["model"]["price_per_session_minute"] = {"amount": minute}
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
