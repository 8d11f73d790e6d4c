"""Options on draws: amounts, ranks, excuses."""

from itertools import product
from typing import Any

import numpy as np
import pytest

from capacity.cost import HOURS_PER_MONTH
from capacity.load_path import load_path
from capacity.lock import ForecastLock
from capacity.planner import plan
from capacity.pool_plan import Deployed, plan_pool
from capacity.spec import Spec
from capacity.traffic.erlang_many import erlang_b_many
from capacity.uncertain import options
from capacity.uncertain.demand import price_of_blocking
from capacity.uncertain.draws import draw
from capacity.uncertain.options import Comparison, compare
from capacity.uncertain.pools import NotComparable
from capacity.uncertain.varied import quantiles
from capacity.uncertain.vertical import World, load, pods
from tests.capacity.specs import DATA_END, live, lock, read_spec, spec_document
from tests.capacity.specs import load as forecast

DRAWS, SEED = 256, 2


def _document(**verticals: dict[str, Any]) -> dict[str, Any]:
    document = spec_document(**verticals)
    document["margins"] = {"burst": 1.0, "growth_per_quarter": 1.0, "blocking": 0.5}
    document["pools"]["general"] |= {"price_per_node_hour": {"amount": 1.6}}
    document["blocked_call_cost"] = {"amount": 0.5}
    document["uncertain"] = {
        f"{path}": interval
        for name in verticals
        for path, interval in {
            f"forecast.{name}.peak": {"low": 150, "high": 320},
            f"verticals.{name}.session.cpu": {"low": 0.03, "high": 0.08},
        }.items()
    }
    document["options"] = {
        "shapes": {"general": {"half": {"cpu": 16, "memory": "64GB", "price_per_node_hour": {"amount": 0.85}}}}
    }
    return document


def _spec(**changes: Any) -> tuple[Spec, ForecastLock]:
    document = _document(sales=live(mean_call={"value": "3m"})) | changes
    return read_spec(document), lock(sales=forecast(200, mean_sessions=60.0))


def _compared(spec: Spec, known: ForecastLock) -> Comparison:
    return compare(spec, plan(spec, known, DATA_END), draws=DRAWS, seed=SEED)


def _brute_force(spec: Spec, known: ForecastLock, shape: str, most: int) -> float:
    """Return the least expected cost over every number of replicas of every vertical up to some more than the plan's."""
    path = load_path(spec, known)
    world = World(DRAWS, draw(quantiles(spec, path), DRAWS, SEED))
    pool = spec.pools["general"] if shape == "as planned" else spec.options.shapes["general"][shape]
    assert pool.price_per_node_hour is not None
    month = pool.price_per_node_hour.amount * HOURS_PER_MONTH
    live_ones = plan(spec, known, DATA_END).live
    lost: dict[str, list[float]] = {}
    for one in live_ones:
        takes = pods(one.name, one.spec, spec.margins.safe_utilisation, world).admitting(one.sessions_per_pod)
        price = price_of_blocking(one.name, spec, path, world)
        assert price is not None
        offered = load(one.name, path, world).offered
        # Every load meets every pod: they are of different figures.
        lost[one.name] = [
            float((erlang_b_many(offered, np.tile(count * takes.guaranteed, (DRAWS, 1))) * price[:, np.newaxis]).mean())
            for count in range(one.scaling.maximum, one.scaling.maximum + most)
        ]
    best = float("inf")
    for more in product(range(most), repeat=len(live_ones)):
        deployed = [
            Deployed(one.name, one.spec, one.scaling.maximum + extra, one.ceiling.guaranteed_safe)
            for one, extra in zip(live_ones, more, strict=True)
        ]
        nodes = plan_pool("general", pool, deployed, path).needed
        best = min(best, nodes * month + sum(lost[one.name][extra] for one, extra in zip(live_ones, more, strict=True)))
    return best


def test_one_vertical_gets_the_amount_of_brute_force() -> None:
    """For each shape the cost is the least over all numbers of replicas, and the first option is the least over all shapes."""
    spec, known = _spec()
    comparison = _compared(spec, known)
    costs = {option.fleets[0].shape: option.cost for option in comparison.ranked}
    best = {shape: _brute_force(spec, known, shape, 40) for shape in costs}
    assert costs == pytest.approx(best)
    assert comparison.ranked[0].cost == pytest.approx(min(best.values()))


def test_two_verticals_come_within_a_hundredth_of_brute_force() -> None:
    """Where several verticals share nodes the amounts cost at most 1% more than the best of all pairs of numbers."""
    small = live(mean_call={"value": "5m"}, pod={"cpu": 3, "memory": "10Gi"})
    document = _document(sales=live(mean_call={"value": "3m"}), support=small)
    spec, known = read_spec(document), lock(sales=forecast(200, mean_sessions=60.0), support=forecast(180, mean_sessions=90.0))
    for option in _compared(spec, known).ranked:
        assert option.cost <= 1.01 * _brute_force(spec, known, option.fleets[0].shape, 24)


def test_least_regret_is_least_expected_cost() -> None:
    """Regrets are not negative, differ as expected costs do, and the shares of draws won sum to 1."""
    comparison = _compared(*_spec(options=_OPTIONS))
    first = comparison.ranked[0]
    assert len(comparison.ranked) == 9
    assert all(option.cost >= first.cost for option in comparison.ranked)
    for option in comparison.ranked:
        assert option.regret >= 0
        assert option.regret - first.regret == pytest.approx(option.cost - first.cost)
    assert sum(option.wins for option in comparison.ranked) == pytest.approx(1)


_OPTIONS: dict[str, Any] = {
    "shapes": {
        "general": {
            "half": {"cpu": 16, "memory": "64GB", "price_per_node_hour": {"amount": 0.85}},
            "lean": {"cpu": 32, "memory": "40GB", "price_per_node_hour": {"amount": 1.5}},
        }
    },
    "pods": {"sales": {"half": {"cpu": 2, "memory": "8Gi"}, "double": {"cpu": 8, "memory": "32Gi"}}},
}


def test_another_option_changes_no_cost_of_the_others() -> None:
    """Options are judged on the same draws: a third shape leaves the cost of the first two as it was."""
    two, three = _compared(*_spec()), _compared(*_spec(options=_OPTIONS))
    costs = {option.name: option.cost for option in three.ranked}
    for option in two.ranked:
        assert costs[option.name] == pytest.approx(option.cost, rel=1e-12)


def test_every_loser_has_an_excuse() -> None:
    """Each option but the first says where its money goes; a shape without room for its pods says that it cannot run."""
    tiny = {"cpu": 4, "memory": "16GB", "price_per_node_hour": {"amount": 0.2}}
    comparison = _compared(*_spec(options={"shapes": {"general": {"tiny": tiny, **_OPTIONS["shapes"]["general"]}}}))
    assert comparison.excuses[0] == ""
    assert all("machines" in excuse or "blocked calls" in excuse for excuse in comparison.excuses[1:])
    assert comparison.unfit == (("general tiny", "no node takes a pod of sales"),)


def test_blocked_calls_without_a_price_buy_nothing() -> None:
    """Where a blocked call has no price, or nobody knows the calls, the plan's replicas stand and the reason is named."""
    spec, known = _spec()
    for unpriced, of in (
        (spec.model_copy(update={"blocked_call_cost": None}), known),
        (spec, lock(sales=forecast(200))),
    ):
        made = plan(unpriced, of, DATA_END)
        comparison = compare(unpriced, made, draws=DRAWS, seed=SEED)
        assert comparison.unpriced
        assert comparison.ranked[0].lost == 0
        assert comparison.ranked[0].fleets[0].replicas == {"sales": made.live[0].scaling.maximum}


def test_dearer_blocked_calls_buy_more_replicas() -> None:
    """The number of replicas never falls as a blocked call costs more."""
    bought = [
        _compared(*_spec(blocked_call_cost={"amount": price})).ranked[0].fleets[0].replicas["sales"] * (1 if price else 0)
        for price in (0.001, 0.01, 0.1, 1.0, 10.0)
    ]
    assert bought == sorted(bought)
    assert bought[0] < bought[-1]


def test_pods_that_hold_nothing_cannot_run() -> None:
    """Where no option can run the comparison says why, by the first that cannot."""
    spec, known = _spec(verticals={"sales": live(pod={"cpu": "10m", "memory": "16Gi"})})
    with pytest.raises(NotComparable, match="safely holds no session"):
        _compared(spec, known)


def test_machines_without_a_price_are_not_compared() -> None:
    """A shape without a price is named by its path: unknown is not zero."""
    spec, known = _spec(options={"shapes": {"general": {"half": {"cpu": 16, "memory": "64GB"}}}})
    with pytest.raises(NotComparable, match=r"options\.shapes\.general\.half\.price_per_node_hour"):
        _compared(spec, known)


def test_too_many_options_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of combinations is counted before anything is drawn."""
    monkeypatch.setattr(options, "MOST_OPTIONS", 8)
    with pytest.raises(NotComparable, match="9 combinations"):
        _compared(*_spec(options=_OPTIONS))


def test_the_document_is_the_same_for_the_same_seed() -> None:
    """Two runs with one seed give one document, another seed another."""
    spec, known = _spec()
    assert _compared(spec, known).document() == _compared(spec, known).document()
    assert compare(spec, plan(spec, known, DATA_END), draws=DRAWS, seed=9).document() != _compared(spec, known).document()
