"""Times as sums of their stages: latency budgets, scaling lag, the loss of a node."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from capacity.sizing.lag import (
    KUBERNETES_NODE_LOSS,
    KUBERNETES_SCALE_UP,
    NodeLoss,
    ScaleUp,
    ScalingLag,
    arrivals_within,
    replacement_stages,
    scale_up_steps,
    scaling_stages,
    size_lag,
    size_replacement,
)
from capacity.sizing.latency import Latency, size_first_audio, size_first_token
from tests.capacity.sizing import LAG, LATENCY, read


def _scale_up(*policies: dict[str, Any], select: str = "max") -> ScaleUp:
    return read(ScaleUp, {"policies": list(policies), "select": select})


def test_stages_are_held_to_the_seeds_budgets() -> None:
    """760 ms of 800 to the first token, 1.12 s of 1.4 to the first sound; the model takes most of both."""
    latency = read(Latency, LATENCY)
    token, audio = size_first_token(latency), size_first_audio(latency)
    assert (token.hard, token.binding) == (0.8, "model")
    assert token.required == pytest.approx(0.76)
    assert (audio.hard, audio.binding) == (1.4, "model")
    assert audio.required == pytest.approx(1.12)
    assert token.headroom == pytest.approx(0.8 / 0.76 - 1)
    assert token.shortfall is None
    assert audio.shortfall is None


def test_the_weakest_stage_is_named_and_cut() -> None:
    """A model of 600 ms breaks the first budget by 110 ms; what it may take is the remedy."""
    stages = LATENCY["to_first_token"] | {"model": {"value": "600ms"}}
    short = size_first_token(read(Latency, LATENCY, to_first_token=stages)).shortfall
    assert short is not None
    assert short.required == pytest.approx(0.91)
    assert (short.provided, short.unit) == (0.8, "seconds")
    assert "model takes most, 0.6 s" in short.reason
    assert short.remedy == "lower latency.to_first_token.model.value from 600ms to 490ms"


def test_where_no_stage_alone_can_make_up_all_must() -> None:
    """Ten stages of 400 ms cannot be saved by one."""
    stages = {f"stage-{number}": {"value": "400ms"} for number in range(10)}
    short = size_first_token(read(Latency, LATENCY, to_first_token=stages)).shortfall
    assert short is not None
    assert short.remedy.startswith("bring every stage of latency to 20%")


def test_a_stage_counts_once() -> None:
    """The same name twice is refused."""
    with pytest.raises(ValidationError, match="two stages are called 'model'"):
        read(Latency, LATENCY, to_first_audio={"model": {"value": "100ms"}})


def test_the_autoscaler_goes_up_as_the_real_one_does() -> None:
    """The real controller with default policies went 2, 6, 12, 15 and was ready at 31.8 s: steps 0, 15 and 30 s apart."""
    for sync in (1.0, 15.0):
        steps = scale_up_steps(2, 15, KUBERNETES_SCALE_UP, sync)
        assert [(step.seconds, step.replicas) for step in steps] == [(0, 6), (15, 12), (30, 15)]


def test_a_wide_policy_goes_up_at_once() -> None:
    """900% within a second takes 2 to 15 in one step, as measured; the stricter of two policies counts with Min."""
    wide = {"kind": "percent", "value": 900, "period": "1s"}
    assert len(scale_up_steps(2, 15, _scale_up(wide), 1.0)) == 1
    narrow = {"kind": "pods", "value": 1, "period": "60s"}
    strict = scale_up_steps(2, 4, _scale_up(wide, narrow, select="min"), 15.0)
    assert [(step.seconds, step.replicas) for step in strict] == [(0, 3), (60, 4)]


@given(before=st.integers(1, 200), more=st.integers(0, 500), further=st.integers(0, 200))
def test_going_further_never_takes_less_time(before: int, more: int, further: int) -> None:
    """Steps end at the aim, and a higher aim is reached no sooner."""
    near = scale_up_steps(before, before + more, KUBERNETES_SCALE_UP, 15.0)
    far = scale_up_steps(before, before + more + further, KUBERNETES_SCALE_UP, 15.0)
    assert [step.replicas for step in near][-1:] == ([before + more] if more else [])
    assert [step.replicas for step in near[:-1]] == [step.replicas for step in far[: max(0, len(near) - 1)]]
    assert len(near) <= len(far)


def test_the_lag_is_the_sum_of_its_stages() -> None:
    """15 s of metric, 15 of sync, 30 of policy from 2 to 15, then 2 + 20 + 10 until a pod is ready: 92 s."""
    lag = read(ScalingLag, LAG)
    parts = {part.name: part.seconds for part in scaling_stages(lag, 2, 15)}
    assert parts == {"metric": 15, "sync": 15, "scale-up policy": 30, "scheduling": 2, "image": 20, "start": 10}
    assert size_lag(scaling_stages(lag, 2, 15), 120).shortfall is None
    short = size_lag(scaling_stages(lag, 2, 15), 60).shortfall
    assert short is not None
    assert (short.required, short.provided) == (92, 60)
    assert short.remedy == "make the forecast with a lag of 92s, or shorten scaling.lag"


def test_a_node_that_must_come_first_is_a_stage() -> None:
    """Where nodes do not stand ready theirs is the longest stage."""
    sizing = size_lag(scaling_stages(read(ScalingLag, LAG, node={"value": "180s"}), 2, 6), 300)
    assert (sizing.binding, sizing.required) == ("node", 15 + 15 + 0 + 2 + 180 + 20 + 10)


def test_a_dead_node_is_minutes_with_default_tolerations() -> None:
    """40 s until it counts as dead, 300 s of toleration: 340 s before a new pod is even asked for; Kubernetes 1.36 waits 50 s."""
    lag = read(ScalingLag, LAG)
    loss = read(NodeLoss, {"grace": "40s", "toleration": "300s"})
    parts = replacement_stages(loss, lag)
    assert sum(part.seconds for part in parts[:2]) == 340
    assert sum(part.seconds for part in parts) == 340 + 32
    assert (KUBERNETES_NODE_LOSS.grace, KUBERNETES_NODE_LOSS.toleration) == (50, 300)


def test_a_shorter_toleration_is_the_smallest_cure() -> None:
    """To have pods again within two minutes of a death, the toleration falls to what the other stages leave."""
    lag = read(ScalingLag, LAG)
    short = size_replacement(KUBERNETES_NODE_LOSS, lag, allowed_seconds=120).shortfall
    assert short is not None
    assert short.remedy == "lower scaling.node_loss.toleration from 300s to 38s"
    cured = read(NodeLoss, {"grace": "50s", "toleration": "38s"})
    assert size_replacement(cured, lag, allowed_seconds=120).shortfall is None
    never = size_replacement(KUBERNETES_NODE_LOSS, lag, allowed_seconds=60).shortfall
    assert never is not None
    assert never.remedy.startswith("allow 382s")


def test_growth_within_the_lag_is_a_quantile() -> None:
    """Two starts a second for three minutes: 420, not the mean of 360; a call a second for 30 s: 48."""
    assert arrivals_within(2, 180) == 420
    assert arrivals_within(1, 30) == 48
    with pytest.raises(ValueError, match="lag_seconds"):
        arrivals_within(1, -1)


def test_arguments_of_the_steps_are_judged() -> None:
    """No replica to begin with and a sync that never comes are errors."""
    with pytest.raises(ValueError, match="at least 1"):
        scale_up_steps(0, 5, KUBERNETES_SCALE_UP, 15.0)
    with pytest.raises(ValueError, match="sync_seconds"):
        scale_up_steps(1, 5, KUBERNETES_SCALE_UP, 0.0)
    with pytest.raises(ValueError, match="budget_seconds"):
        size_lag(scaling_stages(read(ScalingLag, LAG), 1, 2), -1)
