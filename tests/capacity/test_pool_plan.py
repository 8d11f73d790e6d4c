"""Machines in the plan: a lost node, a lost zone, a rollout, and the day on which they no longer suffice."""

import json
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from capacity import CapacityPlan, plan
from capacity.required import growth_factor
from policies.adapters.program import judge_blueprint
from stacks.reading import floors_path
from stacks.voice import render
from tests.capacity.specs import DATA_END, live, load, lock, read_spec, spec_document

FORECAST = lock(a=load(2000))


def _planned(**pool: Any) -> CapacityPlan:
    """Return a plan of 2,000 sessions at the peak: 52 pods of 4 cores, 7 of them on a node, 8 nodes in all."""
    document = spec_document(a=live(mean_call={"value": "240s"}))
    document["pools"]["general"] |= pool
    return plan(read_spec(document), FORECAST, DATA_END)


def _nodes(made: CapacityPlan) -> list[tuple[float, float, str]]:
    return [(s.required, s.provided, s.remedy) for s in made.shortfalls if s.resource == "nodes" and s.unit == "nodes"]


def test_one_node_may_be_lost_unless_the_spec_says_otherwise() -> None:
    """Eight nodes take the pods: nine are needed by default, eight only where no loss is to be survived, ten for two."""
    for survive, needed in (({}, 9), ({"survive": 0}, 8), ({"survive": 2}, 10)):
        pool = _planned(**survive).pools[0]
        assert (pool.enough, pool.needed, pool.nodes) == (8, needed, needed)
    assert _nodes(_planned(nodes=8)) == [(9, 8, "raise pools.general.nodes from 8 to 9")]


def test_a_zone_may_be_lost() -> None:
    """Two of three zones hold eight nodes' pods where each has four of them."""
    assert _planned(zones=3).pools[0].needed == 12
    assert _nodes(_planned(zones=3, nodes=12)) == []
    assert _nodes(_planned(zones=3, nodes=11)) == [(12, 11, "raise pools.general.nodes from 11 to 12")]


def test_a_rollout_keeps_old_pods_for_their_longest_call() -> None:
    """Started every 30 s and drained for an hour, all 52 old pods are still there: 105 pods on 15 nodes; drained at once, 54."""
    said = {"start": "30s", "source": "test"}
    slow = _planned(rollout=said).pools[0]
    assert (slow.needed, slow.rollout) == (-(-(52 + 1 + 52) // 7), "a")
    quick = _planned(rollout=said | {"drain": "30s"}).pools[0]
    assert quick.needed == 9
    short = _planned(nodes=14, rollout=said)
    assert _nodes(short) == [(15, 14, "raise pools.general.nodes from 14 to 15")]
    assert "pods that surge and drain" in short.shortfalls[0].reason


def test_a_rollout_is_rendered_as_it_is_counted() -> None:
    """Surge and unavailable of the spec are those of the Deployment."""
    made = _planned(rollout={"surge": 3, "unavailable": 2, "start": "30s"})
    (deployment,) = (resource for resource in render(made) if resource.name == "a-deployment")
    assert deployment.props["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 3, "maxUnavailable": 2}
    with pytest.raises(ValidationError, match="Kubernetes would replace no pod"):
        _planned(rollout={"surge": 0, "start": "30s"})


@pytest.mark.parametrize(
    ("pool", "holding"),
    [({"survive": 0}, 12), ({"survive": 2}, 10), ({"survive": 0, "zones": 3}, 8)],
    ids=["none", "two", "zone"],
)
def test_nodes_are_short_when_what_remains_is(pool: dict[str, Any], holding: int) -> None:
    """On the named day the load asks for a pod more than the nodes that remain hold, on the day before it does not."""
    made = _planned(nodes=12, **pool)
    short_on = made.pools[0].lead.short_on
    assert short_on is not None
    # The pre-scale job fits beside seven pods of 4 cores on 31.5.
    held = holding * 7 * 72
    days = (short_on - DATA_END).days
    assert 3000 * growth_factor(days, 2.0) > held >= 3000 * growth_factor(days - 1, 2.0)
    assert made.pools[0].lead.order_by == short_on - timedelta(days=28)


def test_a_gpu_pool_has_a_place_for_each_gpu() -> None:
    """Nodes of four GPUs take four pods, whatever their processors could: 53 pods, the job's included, are 14 nodes."""
    assert _planned(gpus=4, survive=0).pools[0].enough == 14


@pytest.mark.parametrize("pool", [{"survive": 1}, {"survive": 3}, {"zones": 3}, {"survive": 0}, {"survive": 1, "zones": 2}])
def test_the_gate_asks_for_the_same_nodes(pool: dict[str, Any]) -> None:
    """With as many nodes as the plan needs the gate accepts, with one less both refuse."""
    needed = _planned(**pool).pools[0].needed
    for nodes, refused in ((needed, False), (needed - 1, True)):
        made = _planned(nodes=nodes, **pool)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "test.forecast.json"
            file.write_text(json.dumps({**FORECAST.without_digest(), "digest": FORECAST.digest}))
            verdict = judge_blueprint(render(made), file, floors_path(), DATA_END)
        assert bool(_nodes(made)) == refused
        assert {violation.rule for violation in verdict.violations} == ({"nodes-cover-maximum"} if refused else set())
