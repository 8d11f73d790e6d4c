"""Simulated days where an exact solution exists: each must lie within the 99.9% interval of independent runs."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from capacity.simulation.day import Day, Fleet, Group, TokenBucket, Traffic
from capacity.simulation.outcome import Outcome
from capacity.simulation.run import simulate
from capacity.traffic.caps import TenantGroup, caps_blocking
from capacity.traffic.mmpp import PhasedArrivals, mmpp_congestion

RUNS = 20
STUDENT = 3.883
"""99.95% quantile of Student's t with 19 degrees of freedom."""
BURSTY = PhasedArrivals((60.0, 140.0), ((0.0, 1.0), (1.0, 0.0)))
"""Peakedness 1 + 1600/300 = 6.33 at a holding time of 1."""


def erlang_b(offered: float, servers: int) -> float:
    """The share of calls lost, by the recursion from no server upwards."""
    blocking = 1.0
    for busy in range(1, servers + 1):
        blocking = offered * blocking / (busy + offered * blocking)
    return blocking


def agree(day: Day, *expected: tuple[Callable[[Outcome], float], float], within: float = 0.1) -> None:
    """Assert that the interval of each figure's mean holds its exact value, and is narrow enough to say something."""
    runs = [simulate(day, seed) for seed in range(RUNS)]
    for figure, exact in expected:
        figures = np.array([figure(run) for run in runs])
        half = STUDENT * float(figures.std(ddof=1)) / math.sqrt(RUNS)
        assert abs(figures.mean() - exact) <= half < within * exact


def blocking(run: Outcome) -> float:
    """The share of calls refused."""
    return run.calls.blocking


def steady(calls_per_second: float, holding_seconds: float, minutes: int, *, day_cv: float = 0.0) -> Traffic:
    """The same rate all day."""
    return Traffic((calls_per_second,) * minutes, holding_seconds, day_cv=day_cv)


@pytest.mark.parametrize("variation", [None, 0.0, 1.0, 2.0])
def test_a_plain_loss_system_is_erlang_b(variation: float | None) -> None:
    """50 erlangs on 55 slots lose what Erlang B says, whatever the distribution of the times."""
    traffic = Traffic((5.0,) * 240, 10.0, holding_variation=variation)
    agree(Day(traffic, Fleet(1, 55)), (blocking, erlang_b(50.0, 55)))


def test_slots_of_many_pods_are_one_pool() -> None:
    """11 pods of 5 lose what one of 55 loses: a call goes wherever there is room."""
    agree(Day(steady(5.0, 10.0, 240), Fleet(11, 5)), (blocking, erlang_b(50.0, 55)))


def test_the_share_of_time_at_full_is_erlang_b_too() -> None:
    """Poisson arrivals see time averages: the fleet is full for the share of time that it loses of the calls."""
    day = Day(steady(5.0, 10.0, 240), Fleet(11, 5))
    agree(day, (lambda run: run.full_seconds / day.traffic.seconds, erlang_b(50.0, 55)))


def test_calls_that_wait_are_erlang_c() -> None:
    """10 erlangs on 13 slots with a queue: the share that waits, the mean wait and its tail are those of M/M/c."""
    offered, slots, held = 10.0, 13, 10.0
    lost = erlang_b(offered, slots)
    waits = slots * lost / (slots - offered * (1 - lost))
    day = Day(steady(offered / held, held, 360), Fleet(1, slots), queue_depth=1_000_000)
    agree(
        day,
        (lambda run: run.queued / run.calls.offered, waits),
        (lambda run: sum(run.waits_seconds) / run.calls.offered, waits * held / (slots - offered)),
        (
            lambda run: sum(wait > 5 for wait in run.waits_seconds) / run.calls.offered,
            waits * math.exp(-(slots - offered) * 5.0 / held),
        ),
        within=0.2,
    )


def test_a_short_queue_refuses_what_a_bounded_line_refuses() -> None:
    """A depth of 5 behind 13 slots is M/M/13/18: its last state is the share of the calls refused."""
    offered, slots, depth = 12.0, 13, 5
    weights = [offered**busy / math.factorial(busy) for busy in range(slots + 1)]
    weights += [weights[slots] * (offered / slots) ** extra for extra in range(1, depth + 1)]
    agree(Day(steady(1.2, 10.0, 360), Fleet(1, slots), queue_depth=depth), (blocking, weights[-1] / sum(weights)))


@pytest.mark.parametrize(("slots", "stated"), [(120, 0.062), (150, 0.0042)])
def test_bursty_calls_are_lost_as_the_exact_chain_says(slots: int, stated: float) -> None:
    """100 erlangs of peakedness 6.3 lose 6.2% on 120 slots and 0.42% on 150, where Erlang B would say 0.57% and none."""
    exact = mmpp_congestion(BURSTY, slots, 1.0).calls
    assert exact == pytest.approx(stated, rel=0.02)
    agree(Day(Traffic((100.0,) * 20, 1.0, bursts=BURSTY), Fleet(1, slots)), (blocking, exact), within=0.2)


def test_only_the_ratio_of_phases_counts() -> None:
    """Phases written three times as high bring the same calls: the day's own rates are the level."""
    threefold = PhasedArrivals((180.0, 420.0), BURSTY.changes_per_second)
    runs = [simulate(Day(Traffic((100.0,) * 5, 1.0, bursts=bursts), Fleet(1, 120)), 3) for bursts in (BURSTY, threefold)]
    assert runs[0] == runs[1]


@pytest.mark.parametrize("variation", [None, 1.0])
def test_plan_caps_refuse_what_the_convolution_says(variation: float | None) -> None:
    """Two plans oversold on one fleet: refusals at the cap and at the fleet, plan by plan, are the exact ones."""
    groups = (Group("small", 10, 0.5, 8), Group("large", 2, 0.5, 30))
    small, large = caps_blocking(95, [TenantGroup(10, 5.0, 8), TenantGroup(2, 25.0, 30)])
    agree(
        Day(Traffic((10.0,) * 60, 10.0, holding_variation=variation, groups=groups), Fleet(5, 19)),
        (lambda run: run.groups[0][1].at_cap / run.groups[0][1].offered, small.at_cap),
        (lambda run: run.groups[0][1].at_pods / run.groups[0][1].offered, small.at_pool),
        (lambda run: run.groups[1][1].at_cap / run.groups[1][1].offered, large.at_cap),
        (lambda run: run.groups[1][1].at_pods / run.groups[1][1].offered, large.at_pool),
        within=0.5,
    )


def test_a_day_effect_is_shared_by_all_calls_of_a_day() -> None:
    """With a factor of cv 0.2 the variance of a day's calls is that of chance plus 0.04 of the squared mean."""
    day = Day(steady(1.0, 1.0, 60, day_cv=0.2), Fleet(1, 1000))
    offered = np.array([simulate(day, seed).calls.offered for seed in range(400)])
    mean = 3600.0
    assert offered.mean() == pytest.approx(mean, rel=0.04)
    assert offered.var() == pytest.approx(mean + 0.04 * mean**2, rel=0.25)


def test_tokens_hold_the_load_at_what_they_feed() -> None:
    """600,000 tokens a minute feed 100 sessions of 6,000; under twice that load they stay there, and no more is granted."""
    bucket = TokenBucket(600_000, 6_000)
    run = simulate(Day(steady(20.0, 10.0, 240), Fleet(1, 1000), tokens=bucket), 1)
    assert run.mean_active == pytest.approx(100, rel=0.02)
    assert run.calls.at_tokens == run.calls.refused > 0.4 * run.calls.offered
    assert run.tokens is not None
    assert run.tokens.asked == pytest.approx(run.mean_active * 6000 * 240)


def test_scarce_tokens_in_small_windows_are_a_loss_system() -> None:
    """A bucket that holds next to nothing takes a call only while its refill feeds all: Erlang B on as many as it feeds."""
    bucket = TokenBucket(55.5 * 6000, 6000, window_seconds=1e-4)
    day = Day(steady(5.0, 10.0, 60), Fleet(1, 1000), tokens=bucket)
    agree(day, (lambda run: run.calls.at_tokens / run.calls.offered, erlang_b(50.0, 55)), within=0.15)
