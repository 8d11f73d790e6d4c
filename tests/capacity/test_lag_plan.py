"""The scaling lag as stages: summed for each vertical's own way, held against the forecast, and after a node's death."""

from typing import Any

import pytest
from pydantic import ValidationError

from capacity import CapacityPlan, plan
from capacity.explain import explain
from capacity.planner import longest_lag
from stacks.voice import render
from tests.capacity.specs import DATA_END, live, load, lock, read_spec, spec_document

STAGES = {
    "metric": {"value": "45s"},
    "scheduling": {"value": "5s"},
    "image": {"value": "20s"},
    "start": {"value": "30s"},
}


def _lag(seconds: float) -> dict[str, Any]:
    return {"seconds": seconds, "ratio": 1.2, "quiet_sessions": 240, "basis": "assumed", "source": "test"}


def _planned(seconds: float = 180.0, **scaling: Any) -> CapacityPlan:
    document = spec_document(a=live()) | {"scaling": {"lag": STAGES} | scaling}
    return plan(read_spec(document), lock(a=load(800, lag=_lag(seconds))), DATA_END)


def test_the_lag_is_the_sum_for_the_way_from_floor_to_maximum() -> None:
    """4 to 21 replicas are three steps at most doubling each 15 s: 30 s of policy beside 15 of sync and 100 of the rest."""
    made = _planned()
    (only,) = made.live
    assert (only.scaling.baseline, only.scaling.maximum) == (4, 21)
    stages = {stage.name: stage.seconds for stage in only.lag}
    assert stages == {"metric": 45, "sync": 15, "scale-up policy": 30, "scheduling": 5, "image": 20, "start": 30}
    assert made.lag_seconds == 145
    assert not made.shortfalls
    (root,) = (resource for resource in render(made) if resource.name == "voice")
    assert root.props["lagSeconds"] == 145


def test_a_forecast_that_looked_ahead_less_far_is_short() -> None:
    """Growth within 120 s says nothing of pods that answer after 145."""
    (short,) = _planned(120.0).shortfalls
    assert (short.resource, short.scope, short.required, short.provided) == ("lag", "a", 145, 120)
    assert short.remedy == "make the forecast with a lag of 145s, or shorten scaling.lag"


def test_one_figure_is_held_against_the_forecast_too() -> None:
    """A lag that is given as one value may not be longer than the forecast's either."""
    document = spec_document(a=live()) | {"scaling": {"lag": {"value": "181s"}}}
    (short,) = plan(read_spec(document), lock(a=load(800)), DATA_END).shortfalls
    assert (short.resource, short.required, short.provided) == ("lag", 181, 180)


def test_the_forecast_is_made_with_the_longest_lag() -> None:
    """The way of the largest vertical counts, of those that the lock has."""
    document = spec_document(a=live(), b=live(), c=live()) | {"scaling": {"lag": STAGES}}
    made = lock(a=load(800, lag=_lag(100.0)), b=load(5, lag=_lag(100.0)))
    assert longest_lag(read_spec(document), made) == 145


def test_a_lost_node_is_judged_where_the_spec_says_how_long_it_may_take() -> None:
    """50 s until it counts as dead, 300 of toleration, 55 of a new pod: 405 s; two minutes leave 15 s of toleration."""
    assert not _planned(node_loss={"allowed": "405s"}).shortfalls
    (short,) = _planned(node_loss={"allowed": "120s"}).shortfalls
    assert (short.resource, short.required, short.provided) == ("replacement", 405, 120)
    assert short.remedy == "lower scaling.node_loss.cluster.toleration from 300s to 15s"
    assert not _planned(node_loss={"allowed": "120s", "cluster": {"toleration": "15s"}}).shortfalls
    with pytest.raises(ValidationError, match="node_loss needs the stages of a new pod"):
        _planned(lag={"value": "180s"}, node_loss={"allowed": "10m"})


def test_the_toleration_is_rendered_as_it_is_counted() -> None:
    """Pods leave a silent node after the seconds that the plan counts with."""
    made = _planned(node_loss={"allowed": "10m", "cluster": {"grace": "50s", "toleration": "30s"}})
    (deployment,) = (resource for resource in render(made) if resource.name == "a-deployment")
    tolerations = deployment.props["spec"]["template"]["spec"]["tolerations"]
    assert {(one["key"], one["tolerationSeconds"]) for one in tolerations} == {
        ("node.kubernetes.io/not-ready", 30),
        ("node.kubernetes.io/unreachable", 30),
    }


def test_every_stage_stands_in_the_chain() -> None:
    """`--explain` shows each stage with its source, their sum, and the stages after a node's death."""
    steps = {step.name: step for step in explain(_planned(node_loss={"allowed": "10m"}), "a")}
    assert [steps[f"lag: {name}"].value for name in ("metric", "sync", "scale-up policy", "start")] == [45, 15, 30, 30]
    assert "Kubernetes" in steps["lag: sync"].source
    assert (steps["lag"].value, steps["lost node"].value) == (145, 405)
