"""Pods that start, drain and are lost: days whose calls stay, so that every figure can be counted by hand."""

from dataclasses import replace

import numpy as np
import pytest

from capacity.simulation.day import Autoscaler, Behaviour, Day, Fleet, Floor, NodeLoss, Nodes, Policy, Traffic
from capacity.simulation.pods import Pods
from capacity.simulation.run import simulate

STAY = 1e6
AT_ONCE = Behaviour((Policy("Percent", 900, 1.0), Policy("Pods", 100, 1.0)), "Max", 0.0)


def first_minute(calls_per_second: float, minutes: int = 10) -> Traffic:
    """Calls in the first minute only, which all stay."""
    return Traffic((calls_per_second, *(0.0,) * (minutes - 1)), STAY, holding_variation=0.0)


def test_a_new_pod_takes_calls_when_it_has_started() -> None:
    """Asked for at the first look after 60 s and 165 s in starting, the pods are ready in the fourth minute."""
    scaler = Autoscaler(10, 1, 20, sync_seconds=60.0, up=AT_ONCE)
    run = simulate(Day(first_minute(1.0), Fleet(1, 1000, scaler, start_seconds=165.0)), 1)
    wanted = -(-run.peak // 10)
    assert run.minutes.desired == (wanted,) * 10
    assert run.minutes.ready == (1, 1, 1, *(wanted,) * 7)


def test_a_draining_pod_keeps_its_calls_and_takes_no_new_ones() -> None:
    """Of four pods three drain after a minute: their calls stay up, and later calls find one pod's slots only."""
    scaler = Autoscaler(1000, 1, 4, sync_seconds=60.0, down=AT_ONCE)
    early = simulate(Day(first_minute(0.4), Fleet(4, 10, scaler)), 1)
    assert (early.lost, early.calls.refused, early.minutes.ready[0]) == (0, 0, 1)
    assert early.minutes.active == (early.peak,) * 10
    later = simulate(Day(Traffic((0.4, 10.0, *(0.0,) * 8), STAY, holding_variation=0.0), Fleet(4, 10, scaler)), 1)
    assert later.lost == 0
    assert early.calls.carried < later.calls.carried <= early.calls.carried + 10
    assert later.minutes.active[-1] < 40
    assert later.calls.at_pods > 500


def test_what_is_up_when_the_grace_ends_is_cut() -> None:
    """With 30 s of grace the draining pods' calls are lost, and only what the last pod holds is left."""
    scaler = Autoscaler(1000, 1, 4, sync_seconds=60.0, down=AT_ONCE)
    day = Day(first_minute(0.4), Fleet(4, 10, scaler, grace_seconds=30.0))
    run = simulate(day, 1)
    assert run.lost > 0
    assert run.minutes.active[0] == run.peak
    assert run.minutes.active[2] == run.peak - run.lost <= 10
    again = simulate(replace(day, reconnect_seconds=5.0), 1)
    assert (again.lost, again.called_again) == (run.lost, run.lost)
    assert again.minutes.active[2] == min(again.peak, 10)


def test_a_lost_node_takes_its_calls_and_its_pods_come_again() -> None:
    """Two of four pods go after 90 s with their calls; they count all the time and are ready again after 340 s + 45 s."""
    fleet = Fleet(4, 20, start_seconds=45.0, nodes=Nodes(2), losses=(NodeLoss(90.0),))
    run = simulate(Day(first_minute(0.5), fleet), 1)
    assert run.lost > 0
    assert run.minutes.active == (run.peak, run.peak, *(run.peak - run.lost,) * 8)
    assert run.minutes.ready == (4, *(2,) * 6, *(4,) * 3)
    assert run.minutes.desired == (4,) * 10


def test_callers_who_were_cut_call_again() -> None:
    """Those cut by a lost node come back within 20 s for the rest of their call, and are carried where there is room."""
    fleet = Fleet(4, 20, start_seconds=45.0, nodes=Nodes(2), losses=(NodeLoss(90.0),))
    run = simulate(Day(first_minute(0.5), fleet, reconnect_seconds=20.0), 1)
    assert run.called_again == run.lost > 0
    assert run.calls.offered == run.calls.carried == run.peak + run.lost
    assert run.minutes.active[-1] == run.peak


def test_who_comes_back_to_half_a_fleet_is_refused() -> None:
    """With two pods left of four, and these nearly full, most who were cut find no slot."""
    fleet = Fleet(4, 10, nodes=Nodes(2), losses=(NodeLoss(90.0),))
    run = simulate(Day(first_minute(5.0), fleet, reconnect_seconds=20.0), 1)
    assert (run.peak, run.lost, run.called_again) == (40, 20, 20)
    assert run.minutes.active[3] == 20
    assert run.calls.at_pods == run.calls.offered - 40
    assert run.full_seconds > 300


def test_a_call_that_came_again_ends_when_it_would_have() -> None:
    """Calls of 120 s that were cut and came back at once leave no session after their two minutes."""
    traffic = Traffic((0.5, 0.0, 0.0, 0.0, 0.0), 120.0, holding_variation=0.0)
    run = simulate(Day(traffic, Fleet(4, 20, nodes=Nodes(2), losses=(NodeLoss(90.0),)), reconnect_seconds=0.0), 1)
    assert run.lost > 0
    assert run.minutes.active[3:] == (0, 0)
    whole = simulate(Day(traffic, Fleet(4, 20)), 1)
    assert run.mean_active == pytest.approx(whole.mean_active)


def test_a_wait_may_end_in_the_instant_in_which_it_began() -> None:
    """Who comes back at once, finds no slot and gets one of a pod that is ready in the same instant waited for no time."""
    scaler = Autoscaler(10, 1, 9, sync_seconds=60.0, up=AT_ONCE, floors=(Floor(60.0, 600.0, 9),))
    fleet = Fleet(1, 10, scaler, nodes=Nodes(2), losses=(NodeLoss(60.0, replaced_after_seconds=0.0),))
    run = simulate(Day(first_minute(0.1), fleet, reconnect_seconds=0.0, queue_depth=100), 1)
    assert run.lost == run.called_again == run.queued > 0
    assert set(run.waits_seconds) == {0.0}


def test_nodes_that_are_full_take_no_more_pods() -> None:
    """Two nodes of two pods each run four of six; when one is lost, two."""
    fleet = Fleet(6, 10, nodes=Nodes(2, pods_each=2), losses=(NodeLoss(90.0, replaced_after_seconds=60.0),))
    run = simulate(Day(first_minute(0.1), fleet), 1)
    assert run.minutes.ready == (4, *(2,) * 9)
    assert run.minutes.desired == (6,) * 10


def test_without_any_node_left_every_call_is_refused() -> None:
    """The only node is lost: all calls with it, and every later one."""
    day = Day(Traffic((1.0,) * 10, 30.0), Fleet(2, 100, losses=(NodeLoss(300.0),)))
    run = simulate(day, 1)
    assert run.minutes.active[5:] == (run.minutes.active[5], 0, 0, 0, 0)
    assert run.minutes.refused[5:] == run.minutes.offered[5:]
    assert run.full_seconds == 300


def test_prescaled_floors_hold_what_a_lag_would_lose() -> None:
    """A load that jumps to 200 finds room where its floor stood before, and is refused for minutes where it did not."""
    traffic = Traffic((0.05,) * 30 + (2.0,) * 30, 100.0)
    scaler = Autoscaler(8, 2, 40)
    day = Day(traffic, Fleet(2, 10, scaler, start_seconds=165.0))
    floors = (Floor(1500.0, 3600.0, 26),)
    ready = replace(day, fleet=replace(day.fleet, autoscaler=replace(scaler, floors=floors)))
    late, early = simulate(day, 1), simulate(ready, 1)
    assert late.calls.offered == early.calls.offered
    assert late.calls.refused > 100
    assert late.full_seconds > 120
    assert early.calls.refused == 0
    assert early.minutes.ready[24:30] == (2, 2, 2, 26, 26, 26)


def test_a_floor_is_lowered_no_further_than_the_load_holds() -> None:
    """When the window ends the sessions on 30 pods keep as many as they fill, not the minimum of 2."""
    traffic = Traffic((2.0, *(0.0,) * 19), STAY, holding_variation=0.0)
    scaler = Autoscaler(10, 2, 40, down=AT_ONCE, floors=(Floor(0.0, 600.0, 30),))
    run = simulate(Day(traffic, Fleet(30, 10, scaler)), 1)
    assert run.minutes.desired[:10] == (*(30,) * 9, -(-run.peak // 10))


def test_pods_go_in_the_order_of_a_replica_set() -> None:
    """Those without a node first, then those starting, then those gone with a node, then the youngest ready."""
    pods = Pods(5, Nodes(3, pods_each=2), np.random.default_rng(1), unplaced=3)
    pods.open(pods.place())
    pods.unplaced = 4
    assert pods.place() == [3, 4, 5]
    pods.lose_node()
    assert (len(pods.ready), len(pods.starting), len(pods.dead), pods.unplaced) == (2, 2, 2, 1)
    assert pods.shrink(5) == []
    assert (len(pods.ready), len(pods.starting), len(pods.dead), pods.unplaced) == (2, 0, 0, 0)
    youngest = pods.ready[-1]
    assert pods.shrink(1) == [youngest]
    assert (pods.replicas, pods.draining) == (1, {youngest: 0})


def test_a_pod_on_its_way_out_keeps_its_place_until_it_is_empty() -> None:
    """One node with two places: the third pod stands only when the draining one is gone."""
    pods = Pods(5, Nodes(1, pods_each=2), np.random.default_rng(1), unplaced=2)
    pods.open(pods.place())
    taken = pods.free.popleft()
    while pods.ready[-1] != taken:
        pods.free.append(taken)
        taken = pods.free.popleft()
    pods.shrink(1)
    pods.unplaced = 1
    pods.remove_empty()
    assert (pods.draining, pods.place(), pods.sessions) == ({taken: 1}, [], 1)
    pods.draining[taken] -= 1
    pods.remove_empty()
    assert pods.place() == [2]
