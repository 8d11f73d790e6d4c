"""The autoscaler's law: what the real controller was seen to do, and what its code says."""

import math
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capacity import plan
from capacity.simulation.autoscaler import Memory, next_floor, next_replicas, recommended_replicas
from capacity.simulation.day import SCALE_DOWN, SCALE_UP, Autoscaler, Behaviour, Day, Fleet, Floor, Policy, Traffic
from capacity.simulation.run import simulate
from components.workloads import prescale
from components.workloads.scaling import autoscaler
from tests.capacity.specs import DATA_END, live, load, lock, read_spec, spec_document

FAST = Behaviour((Policy("Percent", 900, 1.0),), "Max", 0.0)


def steps(rule: Autoscaler, replicas: int, sessions: int, seconds: int, memory: Memory | None = None) -> list[tuple[int, int]]:
    """When the replicas change and to what, with a look each second, where pods are ready at once."""
    memory = memory or Memory()
    changes = []
    for now in range(seconds):
        wanted = next_replicas(rule, memory, float(now), replicas=replicas, floor=rule.minimum, ready=replicas, sessions=sessions)
        if wanted != replicas:
            changes.append((now, wanted))
            replicas = wanted
    return changes


def test_default_policies_double_every_fifteen_seconds() -> None:
    """From 2 pods at a load of 1,500 on a target of 100: 6, 12 and 15 within 31.8 s, as the real controller did."""
    assert steps(Autoscaler(100, 2, 50), 2, 1500, 40) == [(0, 6), (15, 12), (30, 15)]


def test_a_policy_of_ninefold_gets_there_at_once() -> None:
    """With 900% a second the same load has its 15 pods at the first look."""
    assert steps(Autoscaler(100, 2, 50, up=FAST), 2, 1500, 5) == [(0, 15)]


@pytest.mark.parametrize(("sessions", "wanted"), [(330, 3), (332, 4), (270, 3), (269, 3), (200, 2)])
def test_a_tenth_is_tolerated(sessions: int, wanted: int) -> None:
    """On 3 pods at a target of 100, 110 each does nothing and 110.67 scales; below, 90 is tolerated and 89.7 needs three too."""
    assert recommended_replicas(Autoscaler(100, 1, 50), replicas=3, ready=3, sessions=sessions) == wanted


def test_the_tolerance_can_be_narrower() -> None:
    """At a tolerance of 5% the same 110 scales."""
    assert recommended_replicas(Autoscaler(100, 1, 50, tolerance=0.05), replicas=3, ready=3, sessions=330) == 4


def test_without_a_metric_the_replicas_stay() -> None:
    """No ready pod, no figure, no change."""
    assert recommended_replicas(Autoscaler(100, 1, 50), replicas=7, ready=0, sessions=0) == 7


def test_starting_pods_damp_the_next_step() -> None:
    """Pods that are not ready count as idle above the target and as being at it below: no second step for the same load."""
    rule = Autoscaler(100, 1, 50)
    assert recommended_replicas(rule, replicas=8, ready=4, sessions=800) == 8
    assert recommended_replicas(rule, replicas=8, ready=4, sessions=1000) == 10
    assert recommended_replicas(rule, replicas=8, ready=4, sessions=200) == 6
    assert recommended_replicas(rule, replicas=8, ready=4, sessions=0) == 4


def test_down_waits_five_minutes_and_takes_a_pod_a_minute() -> None:
    """The stack's behaviour: after the load fell, nothing for 300 s, then one pod each minute."""
    memory = Memory()
    rule = Autoscaler(100, 2, 50)
    next_replicas(rule, memory, -1.0, replicas=6, floor=2, ready=6, sessions=600)
    assert steps(rule, 6, 250, 600, memory) == [(299, 5), (359, 4), (419, 3)]


def test_kubernetes_own_way_down_takes_all_at_once() -> None:
    """With the default of 100% in 15 s the pods go together when the five minutes are over."""
    down = Behaviour((Policy("Percent", 100, 15.0),), "Max", 300.0)
    memory = Memory()
    rule = Autoscaler(100, 2, 50, down=down)
    next_replicas(rule, memory, -1.0, replicas=6, floor=2, ready=6, sessions=600)
    assert steps(rule, 6, 250, 600, memory) == [(299, 3)]


def test_up_can_be_made_to_wait() -> None:
    """With a window of 60 s upwards, only what was asked for all through it counts."""
    up = Behaviour(SCALE_UP.policies, "Max", 60.0)
    memory = Memory()
    rule = Autoscaler(100, 2, 50, up=up)
    next_replicas(rule, memory, -1.0, replicas=2, floor=2, ready=2, sessions=200)
    assert steps(rule, 2, 500, 100, memory)[0][0] == 59


def test_a_floor_comes_at_once_and_goes_at_once() -> None:
    """A floor from 2 to 12 gives 12 pods at the next look; back at 2 stabilisation holds none of them, only the way down does."""
    rule = Autoscaler(100, 2, 50, down=Behaviour((Policy("Percent", 100, 15.0),), "Max", 300.0))
    memory = Memory()
    assert next_replicas(rule, memory, 0.0, replicas=2, floor=2, ready=2, sessions=50) == 2
    assert next_replicas(rule, memory, 15.0, replicas=2, floor=12, ready=2, sessions=50) == 12
    for look in range(2, 22):
        assert next_replicas(rule, memory, 15.0 * look, replicas=12, floor=12, ready=12, sessions=50) == 12
    assert next_replicas(rule, memory, 330.0, replicas=12, floor=2, ready=12, sessions=50) == 2


def test_above_its_maximum_it_comes_back() -> None:
    """A lowered maximum is set at once."""
    assert next_replicas(Autoscaler(100, 2, 4), Memory(), 0.0, replicas=9, floor=2, ready=9, sessions=900) == 4


@given(
    st.integers(1, 30),
    st.integers(1, 30),
    st.integers(1, 40),
    st.integers(0, 3000),
    st.integers(20, 200),
)
def test_floors_are_those_of_the_job_in_the_cluster(scheduled: int, current: int, ready: int, sessions: int, target: int) -> None:
    """The simulated job sets the floor that the program in the cluster sets from the autoscaler's own figures."""
    average = sessions / ready
    found: dict[str, Any] = {
        "metadata": {"annotations": {prescale.SCHEDULE: f'{{"baseline": {scheduled}, "windows": []}}'}},
        "spec": {"minReplicas": current, "metrics": [{"pods": {"target": {"averageValue": str(target)}}}]},
        "status": {"currentReplicas": ready, "currentMetrics": [{"pods": {"current": {"averageValue": f"{average!r}"}}}]},
    }
    rule = Autoscaler(target, 1, 50)
    floor = next_floor(rule, scheduled=scheduled, current=current, replicas=ready, ready=ready, sessions=sessions)
    assert floor == prescale.next_floor(found, datetime(2026, 11, 2, tzinfo=UTC))


@given(st.integers(1, 40), st.integers(0, 5000), st.data())
def test_recommendations_are_bounded_by_the_load(replicas: int, sessions: int, data: st.DataObject) -> None:
    """What is recommended lies from the present number to load / target, and never falls for more load.

    But for a load of exactly the target on the ready pods: there the controller counts those that are not ready as idle, and goes
    down where a little less or more would have stayed.
    """
    ready = data.draw(st.integers(0, replicas))
    rule = Autoscaler(100, 1, 10_000)
    wanted = recommended_replicas(rule, replicas=replicas, ready=ready, sessions=sessions)
    asked = math.ceil(sessions / 100)
    assert min(replicas, asked) <= wanted <= max(replicas, asked)
    if sessions + 50 != 100 * ready:
        assert recommended_replicas(rule, replicas=replicas, ready=ready, sessions=sessions + 50) >= wanted


def test_the_steps_show_in_a_simulated_day() -> None:
    """A day whose first minute brings 1,500 sessions that stay: with a look a minute 2, 6, 12 and 15 pods."""
    traffic = Traffic((25.0, *(0.0,) * 9), 100_000.0, holding_variation=0.0)
    day = Day(traffic, Fleet(2, 2000, Autoscaler(100, 2, 50, sync_seconds=60.0)))
    run = simulate(day, 4)
    assert run.peak == run.calls.offered
    assert run.minutes.desired[:4] == (6, 12, math.ceil(run.peak / 100), math.ceil(run.peak / 100))


def test_floors_stand_within_their_windows() -> None:
    """Outside every window the minimum stands; where windows overlap the highest; never more than the maximum."""
    rule = Autoscaler(100, 2, 12, floors=(Floor(60, 180, 8), Floor(120, 240, 20)))
    assert [rule.floor_at(second) for second in (0, 60, 119, 120, 179, 239, 240)] == [2, 8, 8, 12, 12, 12, 2]


def test_the_defaults_are_what_the_stack_renders() -> None:
    """A day's autoscaler moves as the rendered one does, in both directions."""
    made = plan(read_spec(spec_document(clinic=live())), lock(clinic=load()), DATA_END)
    rendered = autoscaler(made.live[0], made.scaling).props["spec"]["behavior"]
    for behaviour, found in ((SCALE_UP, rendered["scaleUp"]), (SCALE_DOWN, rendered["scaleDown"])):
        assert found["stabilizationWindowSeconds"] == behaviour.stabilisation_seconds
        assert found["selectPolicy"] == behaviour.select
        policies = [Policy(policy["type"], policy["value"], policy["periodSeconds"]) for policy in found["policies"]]
        assert policies == list(behaviour.policies)
