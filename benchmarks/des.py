"""Arrivals a second of the simulator of a day, on a plain loss system: ours, SimPy, Ciw."""

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from benchmarks.measure import best_of
from benchmarks.result import Result
from capacity.simulation.day import Day, Fleet, Traffic
from capacity.simulation.run import simulate
from capacity.traffic.erlang import erlang_b

CALLS_PER_SECOND = 100.0
HOLDING_SECONDS = 1.8
SLOTS = 200
MINUTES = 20
"""Of each run; it begins without a call, which lowers the loss by less than a hundredth."""
RUNS = 10
TIMES_SIMPY, TIMES_CIW = 20.0, 200.0
_STUDENT = 4.781
"""99.9% of Student's distribution with 9 degrees of freedom, on both sides."""

Counts = tuple[int, int]
"""Calls offered and refused."""


@dataclass(frozen=True)
class _Played:
    per_second: float
    text: str


def run() -> Result:
    """Return the arrivals a second of each, by the quickest of its runs.

    Raises AssertionError where Erlang's loss is outside the 99.9% interval of somebody's runs.
    """
    exact = erlang_b(CALLS_PER_SECOND * HOLDING_SECONDS, SLOTS)
    ours, processes, callbacks, ciw = (
        _play(name, play, exact)
        for name, play in (
            ("ours", _ours),
            ("SimPy, a process a call", _simpy_processes),
            ("SimPy, callbacks without processes", _simpy_callbacks),
            ("Ciw", _ciw),
        )
    )
    ratio, of_ciw = ours.per_second / processes.per_second, ours.per_second / ciw.per_second
    return Result(
        key="des",
        ours=ours.per_second,
        rival=processes.per_second,
        rival_name="SimPy",
        unit="arrivals/s",
        ratio=ratio,
        target=f"SimPy {TIMES_SIMPY:g}x, Ciw {TIMES_CIW:g}x",
        met=ratio >= TIMES_SIMPY and of_ciw >= TIMES_CIW,
        peak_mib=None,
        findings=(
            (
                f"{CALLS_PER_SECOND * HOLDING_SECONDS:g} erlangs on {SLOTS}, {RUNS} days of {MINUTES} minutes each, "
                f"Erlang B {exact:.5f}; {ours.text}"
            ),
            f"{processes.text}: {ratio:.1f}x",
            f"{callbacks.text}: {ours.per_second / callbacks.per_second:.1f}x",
            f"{ciw.text}: {of_ciw:.0f}x",
        ),
    )


def _play(name: str, play: Callable[[int], Counts], exact: float) -> _Played:
    shares, speeds = [], []
    for seed in range(RUNS):
        timed = best_of(1, partial(play, seed))
        offered, refused = timed.answer
        shares.append(refused / offered)
        speeds.append(offered / timed.seconds)
    mean, reach = float(np.mean(shares)), _STUDENT * float(np.std(shares, ddof=1)) / math.sqrt(RUNS)
    assert abs(mean - exact) <= reach, f"{name} loses {mean:.5f} +- {reach:.5f}, Erlang B says {exact:.5f}"
    return _Played(max(speeds), f"{name} {max(speeds):,.0f} arrivals/s (loses {mean:.5f} +- {reach:.5f})")


def _ours(seed: int) -> Counts:
    day = Day(Traffic((CALLS_PER_SECOND,) * MINUTES, HOLDING_SECONDS), Fleet(10, SLOTS // 10))
    calls = simulate(day, seed).calls
    return calls.offered, calls.refused


def _simpy_processes(seed: int) -> Counts:
    """Play it as SimPy's manual models customers, but for its Resource: a counter is twice as quick."""
    import simpy

    env, draw = simpy.Environment(), random.Random(seed).expovariate  # noqa: S311  # a simulation
    offered = refused = up = 0

    def call() -> Iterator[object]:
        nonlocal up
        up += 1
        yield env.timeout(draw(1 / HOLDING_SECONDS))
        up -= 1

    def source() -> Iterator[object]:
        nonlocal offered, refused
        while True:
            yield env.timeout(draw(CALLS_PER_SECOND))
            offered += 1
            if up < SLOTS:
                env.process(call())
            else:
                refused += 1

    env.process(source())
    env.run(until=60 * MINUTES)
    return offered, refused


def _simpy_callbacks(seed: int) -> Counts:
    """Play it on SimPy's event queue alone: the quickest way found, which gives up what SimPy is for."""
    import simpy

    env, draw = simpy.Environment(), random.Random(seed).expovariate  # noqa: S311  # a simulation
    offered = refused = up = 0

    def leave(_event: object) -> None:
        nonlocal up
        up -= 1

    def source() -> Iterator[object]:
        nonlocal offered, refused, up
        while True:
            yield env.timeout(draw(CALLS_PER_SECOND))
            offered += 1
            if up < SLOTS:
                up += 1
                env.timeout(draw(1 / HOLDING_SECONDS)).callbacks.append(leave)
            else:
                refused += 1

    env.process(source())
    env.run(until=60 * MINUTES)
    return offered, refused


def _ciw(seed: int) -> Counts:
    import ciw

    ciw.seed(seed)
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Exponential(rate=CALLS_PER_SECOND)],
        service_distributions=[ciw.dists.Exponential(rate=1 / HOLDING_SECONDS)],
        number_of_servers=[SLOTS],
        queue_capacities=[0],
    )
    simulation = ciw.Simulation(network)
    simulation.simulate_until_max_time(60 * MINUTES)
    source = simulation.nodes[0]
    return source.number_of_individuals, source.number_of_individuals - source.number_accepted_individuals
