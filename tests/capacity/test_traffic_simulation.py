"""The laws beside a small simulation with fixed seeds: each lies inside the simulation's own interval."""

import heapq
import math
from collections.abc import Callable

import numpy as np
import pytest

from capacity.traffic.caps import TenantGroup, caps_blocking
from capacity.traffic.erlang import erlang_b, servers_for_wait, waiting_share
from capacity.traffic.mmpp import PhasedArrivals, mmpp_congestion
from capacity.traffic.multiclass import CallClass, multiclass_blocking, reservation_blocking

BATCHES = 20
SIGMAS = 3.5
"""About one false alarm in 600 comparisons, over batches of Student's 19 degrees of freedom; the seeds are fixed."""

Durations = Callable[[np.random.Generator, int], np.ndarray]


def exponential(generator: np.random.Generator, count: int) -> np.ndarray:
    """Return exponential times of mean 1."""
    return generator.exponential(1.0, count)


def lognormal(generator: np.random.Generator, count: int) -> np.ndarray:
    """Return lognormal times of mean 1, whose coefficient of variation is 1.3."""
    sigma = math.sqrt(math.log(1 + 1.3**2))
    return generator.lognormal(-(sigma**2) / 2, sigma, count)


def refused_shares(
    rates: list[float],
    admits: Callable[[int, list[int]], bool],
    calls: int,
    seed: int,
    durations: Durations = exponential,
) -> list[tuple[float, float]]:
    """Return for each source of random calls the share refused, and its standard error over batches.

    `admits` sees the source and the sessions that each source holds. The first batch warms up and does not count.
    """
    generator = np.random.default_rng(seed)
    times = np.cumsum(generator.exponential(1 / sum(rates), calls)).tolist()
    sources = generator.choice(len(rates), calls, p=np.array(rates) / sum(rates)).tolist()
    held_for = durations(generator, calls).tolist()
    held = [0] * len(rates)
    ends: list[tuple[float, int]] = []
    batches = np.zeros((BATCHES, len(rates), 2))
    for number, (time, source, duration) in enumerate(zip(times, sources, held_for, strict=True)):
        while ends and ends[0][0] <= time:
            held[heapq.heappop(ends)[1]] -= 1
        refused = not admits(source, held)
        if not refused:
            held[source] += 1
            heapq.heappush(ends, (time + duration, source))
        batches[number * BATCHES // calls, source] += (refused, 1)
    shares = batches[1:, :, 0] / batches[1:, :, 1]
    return [(float(each.mean()), float(each.std(ddof=1) / math.sqrt(len(each)))) for each in shares.T]


def inside(law: float, simulated: tuple[float, float]) -> bool:
    """Return whether a law's value lies in the simulation's interval."""
    mean, error = simulated
    return abs(law - mean) <= SIGMAS * error


@pytest.mark.parametrize("durations", [exponential, lognormal])
def test_loss_depends_on_the_mean_holding_time_only(durations: Durations) -> None:
    """Erlang B holds for exponential and for lognormal calls."""
    (simulated,) = refused_shares([50.0], lambda _, held: held[0] < 55, 200_000, 1, durations)
    assert inside(erlang_b(50.0, 55), simulated)


def test_waiting_follows_erlang_c() -> None:
    """The share that waits longer than a target, served in order, is that of the law and meets the level it was sized for."""
    offered, wait = 20.0, 0.1
    count = servers_for_wait(offered, wait_seconds=wait, holding_seconds=1.0, service_level=0.8)
    generator = np.random.default_rng(2)
    calls = 200_000
    times = np.cumsum(generator.exponential(1 / offered, calls)).tolist()
    held_for = generator.exponential(1.0, calls).tolist()
    free_at = [0.0] * count
    late = np.zeros(BATCHES)
    for number, (time, duration) in enumerate(zip(times, held_for, strict=True)):
        begins = max(time, free_at[0])
        heapq.heapreplace(free_at, begins + duration)
        late[number * BATCHES // calls] += begins - time > wait
    shares = late[1:] * BATCHES / calls
    law = waiting_share(offered, count, wait_seconds=wait, holding_seconds=1.0)
    assert inside(law, (float(shares.mean()), float(shares.std(ddof=1) / math.sqrt(len(shares)))))
    assert law <= 0.2


@pytest.mark.parametrize("servers", [120, 150])
def test_bursty_calls_lose_what_the_exact_solution_says(servers: int) -> None:
    """On the golden arrivals, calls and time congestion both."""
    arrivals = PhasedArrivals((60.0, 140.0), ((0.0, 1.0), (1.0, 0.0)))
    generator = np.random.default_rng(3)
    changes = 6000
    # Phases in turn, 60 calls a second and 140, each for an exponential time of mean 1.
    spans = generator.exponential(1.0, changes)
    counts = generator.poisson(spans * np.tile([60.0, 140.0], changes // 2))
    starts = np.repeat(np.cumsum(spans) - spans, counts)
    times = np.sort(starts + generator.random(len(starts)) * np.repeat(spans, counts))
    end = float(spans.sum())
    held_for = generator.exponential(1.0, len(times))
    batches = np.zeros((BATCHES, 2))
    full = np.zeros(BATCHES)
    ends: list[float] = []
    for time, duration in zip(times.tolist(), held_for.tolist(), strict=True):
        while ends and ends[0] <= time:
            heapq.heappop(ends)
        batch = min(BATCHES - 1, int(time / end * BATCHES))
        refused = len(ends) >= servers
        if not refused:
            heapq.heappush(ends, time + duration)
            if len(ends) == servers:  # full until the first hang-up: no call can change that
                full[batch] += ends[0] - time
        batches[batch] += (refused, 1)
    law = mmpp_congestion(arrivals, servers, 1.0)
    lost = batches[1:, 0] / batches[1:, 1]
    busy = full[1:] * BATCHES / end
    assert inside(law.calls, (float(lost.mean()), float(lost.std(ddof=1) / math.sqrt(len(lost)))))
    assert inside(law.time, (float(busy.mean()), float(busy.std(ddof=1) / math.sqrt(len(busy)))))


def test_calls_of_two_sizes_lose_what_the_recursion_says() -> None:
    """Kaufman and Roberts, with lognormal times."""
    sizes = (1, 4)
    simulated = refused_shares(
        [20.0, 5.0],
        lambda source, held: held[0] + 4 * held[1] + sizes[source] <= 50,
        300_000,
        4,
        lognormal,
    )
    law = multiclass_blocking(50, [CallClass(20.0), CallClass(5.0, slots=4)])
    assert all(inside(share, each) for share, each in zip(law, simulated, strict=True))


def test_reserved_slots_split_the_loss_as_the_chain_says() -> None:
    """Two classes of single slots, one of which leaves five: half a per cent against eighteen."""
    kept = (0, 5)
    simulated = refused_shares([45.0, 30.0], lambda source, held: held[0] + held[1] < 80 - kept[source], 300_000, 5)
    law = reservation_blocking(80, [45.0, 30.0], kept)
    assert [round(share, 3) for share in law] == [0.005, 0.18]
    assert all(inside(share, each) for share, each in zip(law, simulated, strict=True))


@pytest.mark.parametrize("durations", [exponential, lognormal])
def test_oversold_plans_lose_what_the_convolution_says(durations: Durations) -> None:
    """The golden case: a tenant of 20 and two of 100 on 200 sessions, whatever the distribution of their calls."""
    groups = [TenantGroup(1, 12.0, 20), TenantGroup(2, 90.0, 100)]
    caps = (20, 100, 100)
    simulated = refused_shares(
        [12.0, 90.0, 90.0], lambda source, held: held[source] < caps[source] and sum(held) < 200, 400_000, 6, durations
    )
    small, large = caps_blocking(200, groups)
    assert inside(small.total, simulated[0])
    assert inside(large.total, simulated[1])
    assert inside(large.total, simulated[2])


def test_guarantees_hold_while_the_pool_is_full() -> None:
    """A tenant within its guarantee is never refused for others; above it, as the convolution says."""
    groups = [TenantGroup(1, 9.0, None, guaranteed_sessions=8), TenantGroup(1, 20.0, None)]

    def admits(source: int, held: list[int]) -> bool:
        return (source == 0 and held[0] < 8) or max(0, held[0] - 8) + held[1] < 22

    simulated = refused_shares([9.0, 20.0], admits, 300_000, 7)
    law = caps_blocking(30, groups)
    assert all(inside(group.total, each) for group, each in zip(law, simulated, strict=True))
