"""The laws on draws beside the planner's own."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capacity.load_path import load_path
from capacity.lock import ForecastLock
from capacity.planner import plan
from capacity.spec import Spec
from capacity.uncertain.draws import draw
from capacity.uncertain.options import Comparison, compare
from capacity.uncertain.outlook import QUANTILES
from capacity.uncertain.pools import AS_PLANNED
from capacity.uncertain.varied import quantiles
from capacity.uncertain.vertical import World, blocked, load, pods, replicas_needed
from tests.capacity.specs import DATA_END, live, lock, read_spec, spec_document
from tests.capacity.specs import load as forecast

drawn_verticals = st.fixed_dictionaries(
    {
        "peak": st.integers(1, 3000),
        "millicores": st.integers(500, 16_000),
        "memory_mib": st.integers(2048, 65_536),
        "requested": st.booleans(),
        "session_cpu": st.integers(10, 400).map(lambda thousandths: thousandths / 1000),
        "session_mb": st.integers(20, 400),
        "workers": st.integers(1, 8),
        "descriptors": st.integers(400, 65_536),
        "cap": st.none() | st.integers(1, 500),
        "quiet": st.integers(0, 600),
        "extreme": st.none() | st.integers(1, 9000),
        "mean": st.floats(0, 500),
        "maximum": st.none() | st.none() | st.integers(1, 80),
        "admitted": st.none() | st.none() | st.integers(1, 300),
    }
)
margins = st.fixed_dictionaries(
    {
        "burst": st.sampled_from([1.0, 1.2, 1.5, 2.0]),
        "growth_per_quarter": st.sampled_from([1.0, 1.5, 2.0]),
        "safe_utilisation": st.sampled_from([0.8, 0.9, 1.0]),
        "blocking": st.sampled_from([0.001, 0.01]),
    }
)


def _vertical(drawn: dict[str, Any]) -> dict[str, Any]:
    pod: dict[str, Any] = {"cpu": f"{drawn['millicores']}m", "memory": f"{drawn['memory_mib']}Mi", "workers": drawn["workers"]}
    pod["descriptors"] = drawn["descriptors"]
    if drawn["requested"]:
        pod["requests"] = {"cpu": f"{drawn['millicores'] // 2}m", "memory": f"{drawn['memory_mib'] // 2}Mi"}
    pins = {"maximum": drawn["maximum"], "sessions_per_pod": drawn["admitted"]}
    more: dict[str, Any] = {} if drawn["cap"] is None else {"cap": {"sessions": drawn["cap"], "reason": "test"}}
    return live(
        pod=pod,
        session={"memory": f"{drawn['session_mb']}MB", "cpu": drawn["session_cpu"]},
        mean_call={"value": "3m"},
        pins={key: value for key, value in pins.items() if value is not None},
        **more,
    )


def _forecast(drawn: dict[str, Any]) -> dict[str, Any]:
    lag = {"seconds": 180.0, "ratio": 1.2, "quiet_sessions": drawn["quiet"], "basis": "assumed", "source": "test"}
    extreme = {"q95": drawn["extreme"], "days_fitted": 60, "days_ahead": 20, "method": "test"}
    more = {} if drawn["extreme"] is None else {"extreme": extreme}
    return forecast(drawn["peak"], lag=lag, mean_sessions=drawn["mean"], **more)


def _environment(verticals: list[dict[str, Any]], kept: dict[str, float], nodes: int | None) -> tuple[Spec, ForecastLock]:
    names = [f"v{number}" for number in range(len(verticals))]
    document = spec_document(**{name: _vertical(drawn) for name, drawn in zip(names, verticals, strict=True)})
    document["margins"] = kept
    document["blocked_call_cost"] = {"amount": 3.0}
    document["pools"]["general"] |= {"price_per_node_hour": {"amount": 1.6}} | ({} if nodes is None else {"nodes": nodes})
    return read_spec(document), lock(**{name: _forecast(drawn) for name, drawn in zip(names, verticals, strict=True)})


@settings(max_examples=150, deadline=None)
@given(st.lists(drawn_verticals, min_size=1, max_size=3), margins, st.none() | st.integers(1, 300))
def test_where_nothing_is_uncertain_every_draw_is_the_plan(
    verticals: list[dict[str, Any]], kept: dict[str, float], nodes: int | None
) -> None:
    """Required sessions, what a pod takes, replicas and blocking of every draw are the planner's, for random specs."""
    spec, known = _environment(verticals, kept, nodes)
    made, path, world = plan(spec, known, DATA_END), load_path(spec, known), World(3, {})
    for planned in made.live:
        wanted = load(planned.name, path, world)
        takes = pods(planned.name, planned.spec, spec.margins.safe_utilisation, world)
        assert takes.guaranteed.tolist() == [planned.ceiling.guaranteed] * 3
        assert takes.guaranteed_safe.tolist() == [planned.ceiling.guaranteed_safe] * 3
        takes = takes.admitting(planned.sessions_per_pod)
        assert wanted.required == pytest.approx([planned.required.sessions] * 3)
        if planned.spec.pins.maximum is None:
            assert replicas_needed(wanted, takes, spec.margins.blocking).tolist() == [planned.scaling.maximum] * 3
        lost = blocked(wanted, takes, np.array([planned.scaling.maximum]))
        assert lost.ravel() == pytest.approx([planned.blocking] * 3, abs=1e-14)


@settings(max_examples=60, deadline=None)
@given(st.lists(drawn_verticals, min_size=1, max_size=3), margins, st.none() | st.integers(1, 300))
def test_where_nothing_is_uncertain_the_plan_costs_what_it_costs(
    verticals: list[dict[str, Any]], kept: dict[str, float], nodes: int | None
) -> None:
    """Nodes, machines and blocked calls of the plan among its options are those of the plan, where its pods run at all."""
    spec, known = _environment(verticals, kept, nodes)
    made = plan(spec, known, DATA_END)
    if any(not planned.ceiling.guaranteed_safe for planned in made.live) or any(
        not pool.node.holds(pod) for pool in made.pools for pod in pool.pods
    ):
        return  # no option can run, which test_uncertain_options.py holds
    comparison = compare(spec, made, draws=64, seed=0)
    assert comparison.planned is not None
    (fleet,) = comparison.planned.fleets
    assert fleet.replicas == {planned.name: planned.scaling.maximum for planned in made.live}
    assert fleet.nodes == max(made.pools[0].nodes, made.pools[0].needed)
    assert comparison.planned.machines == pytest.approx(fleet.nodes * 1.6 * 730.5)
    assert made.costs[-1].blocked_calls == pytest.approx(comparison.planned.lost, abs=1e-6)
    assert comparison.planned.regret >= 0


VARIED = {
    "verticals.sales.session.memory": {"low": "70MB", "high": "300MB"},
    "verticals.sales.session.cpu": {"low": 0.03, "high": "90m"},
    "verticals.sales.session.descriptors": {"low": 4, "high": 12},
    "forecast.sales.peak": {"low": 500, "high": 1500},
    "margins.growth_per_quarter": {"low": 1.2, "high": 3},
}


def _varied_environment() -> tuple[dict[str, Any], ForecastLock]:
    document = spec_document(sales=live(mean_call={"value": "3m"}))
    document["pools"]["general"]["price_per_node_hour"] = {"amount": 1.6}
    document["uncertain"] = VARIED
    return document, lock(sales=forecast(800, mean_sessions=300.0))


def test_each_draw_is_the_plan_of_a_spec_with_its_figures() -> None:
    """Planning anew with the figures of one draw in spec and lock gives that draw's sessions and replicas, 40 times of 40."""
    document, known = _varied_environment()
    path = load_path(spec := read_spec(document), known)
    drawn = draw(quantiles(spec, path), 40, seed=4)
    # The planner reads whole bytes, files and peaks.
    whole = {"verticals.sales.session.memory", "verticals.sales.session.descriptors", "forecast.sales.peak"}
    world = World(40, {name: np.round(values) if name in whole else values for name, values in drawn.items()})
    wanted, vertical = load("sales", path, world), spec.verticals["sales"]
    assert vertical.kind != "queue"
    replicas = replicas_needed(wanted, pods("sales", vertical, 0.9, world), 0.001)
    for number in range(40):
        of = {name: values[number] for name, values in world.values.items()}
        session = {
            "memory": f"{of['verticals.sales.session.memory']:.0f}B",
            "cpu": of["verticals.sales.session.cpu"],
            "descriptors": int(of["verticals.sales.session.descriptors"]),
        }
        changed = spec_document(sales=live(session=session))
        changed["margins"] = {"growth_per_quarter": of["margins.growth_per_quarter"]}
        anew = plan(read_spec(changed), lock(sales=forecast(int(of["forecast.sales.peak"]))), DATA_END).live[0]
        assert wanted.required[number] == pytest.approx(anew.required.sessions)
        assert replicas[number] == anew.scaling.maximum


def _compared(draws: int = 4096) -> Comparison:
    document, known = _varied_environment()
    spec = read_spec(document)
    return compare(spec, plan(spec, known, DATA_END), draws=draws, seed=1)


def test_the_headroom_has_an_interval_and_a_chance_to_be_short() -> None:
    """The plan is short about as often as the draws ask for more replicas than planned, and its headroom spreads around it."""
    outlook = _compared().verticals[0]
    assert len(QUANTILES) == len(outlook.headroom)
    low, middle, high = outlook.headroom
    assert low < middle < high
    assert 0 < outlook.short < 1
    assert (middle < 0) == (outlook.short > 0.5)
    least, _, most = outlook.replicas
    assert least < outlook.planned_replicas < most
    assert set(outlook.importance) == set(VARIED)


def test_tokens_fare_by_sessions_and_their_own_interval() -> None:
    """With the tokens of a session uncertain the limit is short on as many draws as ask for more than it."""
    document, known = _varied_environment()
    document["model"]["primary"]["tokens_per_minute"]["limit"] = "7M"
    document["uncertain"] = {"model.primary.tokens_per_session_minute.value": {"low": 4000, "high": "9k"}}
    spec = read_spec(document)
    outlook = compare(spec, plan(spec, known, DATA_END), draws=1000, seed=1).providers[0]
    # 800 x 1.5 sessions on the data's last day: tokens alone vary.
    assert outlook.required == pytest.approx((1200 * 4000, 1200 * 6000, 1200 * 9000), rel=0.01)
    assert 0.5 < outlook.short < 0.6


def test_a_longer_lag_outgrows_the_target() -> None:
    """Where growth within the lag is uncertain around what the target was set for, half of the draws outgrow it."""
    document, known = _varied_environment()
    document["alert"] = {"utilisation": 0.99}
    document["margins"] = {"burst": 1.0}
    document["uncertain"] = {"forecast.sales.lag.ratio": {"low": 1.05, "high": 1.6}}
    spec = read_spec(document)
    made = plan(spec, known, DATA_END)
    assert made.live[0].scaling.target.binding == "growth within the lag"
    outgrown = compare(spec, made, draws=1000, seed=1).verticals[0].outgrown
    assert 0.4 < outgrown <= 0.5  # the target is rounded down, which leaves a little


def test_the_plan_as_it_stands_is_one_of_the_options() -> None:
    """Without options the comparison has one: the plan's machines and pods, with as many replicas as pay or more."""
    comparison = _compared(64)
    (option,) = comparison.ranked
    assert option.name == AS_PLANNED
    assert option.wins == 1
    assert option.regret == 0
