"""What the figures of a report are made of."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest

from capacity import CapacityPlan
from capacity.cost import HOURS_PER_MONTH
from capacity.scaling import Window
from headroom.review.report.calendar import calendar
from headroom.review.report.evidence import evidence
from headroom.review.report.idle import bought, reserved
from headroom.review.report.sessions import sessions_of
from headroom.review.report.week import week_of

DAY = date(2026, 11, 2)
HOUR = 4


def test_the_interval_is_that_of_the_term_that_binds(planned: Callable[[str], CapacityPlan]) -> None:
    """Of a grown peak it is the next week's times burst and growth, of the maximum its own; a declared lock has none."""
    plan = planned("local")
    sales, forecast = plan.live[2], plan.lock.verticals["sales"]
    assert forecast.next_week is not None
    factor = 1.5 * 2 ** (28 / 91)
    row = next(row for row in sessions_of(plan) if row.name == "sales")
    assert row.interval == pytest.approx((factor * forecast.next_week.low, factor * forecast.next_week.high))
    terms = sales.required.terms
    maximum = replace(sales, required=replace(sales.required, binding=terms[1][0], sessions=terms[1][1]))
    (row,) = sessions_of(replace(plan, verticals=(maximum,)))
    assert forecast.extreme is not None
    assert forecast.extreme.interval is not None
    assert row.interval == (forecast.extreme.interval.low, forecast.extreme.interval.high)
    assert {row.interval for row in sessions_of(planned("prod"))} == {None}


def test_a_window_stands_where_the_clock_says(planned: Callable[[str], CapacityPlan]) -> None:
    """Nine to eleven of Chicago is ten to twelve of New York, up a quarter before; over Sunday's end it comes round to Monday."""
    plan = planned("local")
    live = plan.live[0]
    windows = (
        Window("tue", "09:00", "11:00", "America/Chicago", 900.0, 7),
        Window("sun", "22:30", "24:00", "America/Chicago", 900.0, 5),
    )
    live = replace(live, scaling=replace(live.scaling, windows=windows, baseline=2))
    week = week_of(live, plan.lock.verticals[live.name], "America/New_York", DAY)
    day = 24 * HOUR
    assert week.floors[day + 10 * HOUR - 2 : day + 12 * HOUR + 1] == (2, *[7] * (2 * HOUR + 1), 2)
    assert week.floors[7 * day - 4 :] == (2, 5, 5, 5)
    assert week.floors[: HOUR + 1] == (5, 5, 5, 5, 2)
    assert sum(week.prescaled) == 9 + 7


def test_nodes_are_taken_kept_or_beyond(planned: Callable[[str], CapacityPlan]) -> None:
    """The three sum to what is bought, and what is beyond costs its machines' month."""
    plan = planned("prod")
    for row, pool in zip(bought(plan), plan.pools, strict=True):
        assert row.taken + row.kept + row.beyond == row.nodes == pool.nodes
    pool = replace(plan.pools[0], nodes=plan.pools[0].needed + 3)
    assert pool.spec.price_per_node_hour is not None
    (row,) = bought(replace(plan, pools=(pool,)))
    assert row.beyond == 3
    assert row.beyond_cost == pytest.approx(3 * pool.spec.price_per_node_hour.amount * HOURS_PER_MONTH)


def test_an_idle_place_needs_a_known_mean(planned: Callable[[str], CapacityPlan]) -> None:
    """Idle is the share of places that calls do not fill on average, and its cost that share; unknown is not nothing."""
    plan = planned("local")
    sales = next(row for row in reserved(plan) if row.vertical == "sales")
    cost = next(cost for cost in plan.costs if cost.name == "sales")
    assert cost.infrastructure is not None
    assert sales.used == pytest.approx(60.221, rel=1e-3)
    assert sales.idle == pytest.approx(1 - 60.221 / sales.places, rel=1e-3)
    assert sales.idle_cost == pytest.approx(cost.infrastructure * (1 - 60.221 / sales.places), rel=1e-3)
    unknown = {(row.used, row.idle, row.idle_cost) for row in reserved(planned("prod"))}
    assert unknown == {(None, None, None)}


def test_the_calendar_has_the_forecast_and_every_lead_time(planned: Callable[[str], CapacityPlan]) -> None:
    """Each day to act by comes from the plan, in order, and leads to its evidence."""
    plan = planned("prod")
    dues, proof = calendar(plan), evidence(plan)
    assert [due.act_by for due in dues] == sorted(due.act_by for due in dues)
    assert {due.act_by for due in dues if due.what == "forecast"} == {plan.lock.valid_until}
    assert {due.what for due in dues if due.what.startswith("nodes")} == {
        f"nodes, {pool.name}" for pool in plan.pools if pool.lead.short_on
    }
    assert all(proof.link(*due.proof) for due in dues if due.proof is not None)


@pytest.mark.parametrize("environment", ["local", "prod", "seed"])
def test_every_part_has_one_chain(planned: Callable[[str], CapacityPlan], environment: str) -> None:
    """Each vertical, pool and part has evidence of its own, and no step of it is there twice."""
    plan = planned(environment)
    chains = evidence(plan).chains
    titles = [chain.title for chain in chains]
    assert len(titles) == len(set(titles))
    assert {part.name for part in plan.sizings} | {live.name for live in plan.live} <= set(titles)
    for part in plan.sizings:
        steps = next(chain.steps for chain in chains if chain.title == part.name)
        assert [step.name for step in steps].count(part.name) == 1
