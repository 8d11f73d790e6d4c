"""Plans sold on one fleet."""

from typing import Any

from capacity import CapacityPlan, plan
from tests.capacity.specs import DATA_END, live, load, lock, read_spec, spec_document


def _planned(**plans: dict[str, Any]) -> CapacityPlan:
    """Healthcare's fleet: 21 pods, 1,512 safe sessions; without growth, so that the loads are those given."""
    document = spec_document(a=live(pins={"maximum": 21}))
    document["margins"] = {"growth_per_quarter": 1.0}
    document["plans"] = plans
    return plan(read_spec(document), lock(a=load(800)), DATA_END)


def test_overselling_is_priced_plan_by_plan() -> None:
    """Caps of 1,800 on 512 shared sessions: the two plans that share them lose calls, the guaranteed one none."""
    made = _planned(
        starter={"tenants": 20, "cap": 50, "sessions": 19},
        growth={"tenants": 4, "cap": 200, "sessions": 85},
        enterprise={"tenants": 1, "cap": 1000, "guaranteed": 1000, "sessions": 900},
    )
    sales = made.sold
    assert sales is not None
    assert (sales.fleet_sessions, sales.guaranteed_sessions, sales.promised_sessions) == (1512, 1000, 1800)
    assert round(sales.ratio or 0, 2) == 3.52
    short = {s.scope: s for s in made.shortfalls if s.resource == "plans"}
    assert set(short) == {"starter", "growth"}
    assert sales.blocking["enterprise"].at_pool == 0
    assert sales.fleet_needed > 1512


def test_a_fleet_that_is_large_enough_refuses_only_at_the_caps() -> None:
    """On the fleet that is needed no plan is refused for want of room; what a tenant's own cap refuses is its own affair."""
    made = _planned(starter={"tenants": 10, "cap": 50, "sessions": 45})
    assert not [s for s in made.shortfalls if s.resource == "plans"]
    assert made.sold is not None
    assert made.sold.blocking["starter"].at_cap > 0.01
    assert made.sold.blocking["starter"].at_pool < 1e-9


def test_guarantees_above_the_fleet_are_a_shortfall() -> None:
    """What is guaranteed must be there before anything is shared."""
    made = _planned(enterprise={"tenants": 2, "cap": 1000, "guaranteed": 1000, "sessions": 500})
    (short,) = [s for s in made.shortfalls if s.resource == "plans"]
    assert (short.scope, short.required, short.provided) == ("guarantees", 2000, 1512)


def test_the_deployed_plan_says_nothing_of_what_is_sold() -> None:
    """Tenants are no part of the copy that stands in the cluster."""
    made = _planned(starter={"tenants": 10, "cap": 50, "sessions": 45})
    assert "sold" in made.document()
    assert "sold" not in made.standing_document()
