"""Blocking of bursty calls: the exact solution, Hayward's formula, and a simulation of our own as the judge."""

import heapq
import math
from dataclasses import dataclass

import numpy as np

from benchmarks.measure import best_of
from benchmarks.result import Result
from capacity.traffic.mmpp import PhasedArrivals, mean_calls_per_second, mmpp_congestion
from capacity.traffic.peaked import hayward_blocking, mmpp_peakedness

_BATCHES = 41
"""The first warms up and does not count."""
_STUDENT = 2.708
"""99% of Student's distribution with 39 degrees of freedom, on both sides."""


@dataclass(frozen=True)
class Case:
    """Two phases that turn into each other once a mean holding time, which is 1."""

    servers: int
    calls: tuple[float, float]
    changes: int
    """Phases that the simulation goes through."""
    seed: int
    target_seconds: float

    @property
    def arrivals(self) -> PhasedArrivals:
        """The calls as the solution takes them."""
        return PhasedArrivals(self.calls, ((0.0, 1.0), (1.0, 0.0)))


CASES = (
    Case(150, (60.0, 140.0), changes=80_000, seed=1, target_seconds=0.01),
    Case(6100, (5600.0, 6200.0), changes=3_000, seed=2, target_seconds=0.5),
)


@dataclass(frozen=True)
class _Found:
    exact: float
    hayward: float
    simulated: float
    met: bool
    text: str


def run() -> Result:
    """Return how far the exact solution and Hayward's formula are from the simulated loss; of the worse case."""
    found = [_compare(case) for case in CASES]
    worst = max(found, key=lambda each: abs(each.exact / each.simulated - 1))
    ours, rival = (abs(value / worst.simulated - 1) for value in (worst.exact, worst.hayward))
    return Result(
        key="mmpp",
        ours=ours,
        rival=rival,
        rival_name="Hayward",
        unit="relative error",
        ratio=rival / ours,
        target="inside the simulation's interval; 10 ms at 150, 0.5 s at 6,100",
        met=all(each.met for each in found),
        peak_mib=None,
        findings=tuple(each.text for each in found),
    )


def _compare(case: Case) -> _Found:
    simulated, reach = _simulate(case)
    exact = best_of(10, lambda: mmpp_congestion(case.arrivals, case.servers, holding_seconds=1.0).calls)
    offered, peakedness = mean_calls_per_second(case.arrivals), mmpp_peakedness(case.arrivals, 1.0)
    hayward = hayward_blocking(offered, peakedness, case.servers)
    inside = abs(exact.answer - simulated) <= reach
    return _Found(
        exact.answer,
        hayward,
        simulated,
        inside and exact.seconds <= case.target_seconds,
        f"{case.servers:,} servers, {offered:,.0f} erlangs, peakedness {peakedness:.2f}: "
        f"simulated {simulated:.5f} +- {reach:.5f} (99%), "
        f"exact {exact.answer:.5f} ({'inside' if inside else 'OUTSIDE'}) in {1000 * exact.seconds:.1f} ms, "
        f"Hayward {hayward:.5f} ({hayward / exact.answer - 1:+.0%} of the exact)",
    )


def _simulate(case: Case) -> tuple[float, float]:
    """Return the share of calls lost and half its 99% interval, by batches of the time."""
    generator = np.random.default_rng(case.seed)
    spans = generator.exponential(1.0, case.changes)
    counts = generator.poisson(spans * np.resize(case.calls, case.changes))
    times = np.sort(np.repeat(np.cumsum(spans) - spans, counts) + generator.random(counts.sum()) * np.repeat(spans, counts))
    batch = np.minimum((times / spans.sum() * _BATCHES).astype(np.int64), _BATCHES - 1)
    lost = np.zeros(len(times), dtype=np.bool_)
    up: list[float] = []
    for number, (time, held) in enumerate(zip(times.tolist(), generator.exponential(1.0, len(times)).tolist(), strict=True)):
        while up and up[0] <= time:
            heapq.heappop(up)
        if len(up) < case.servers:
            heapq.heappush(up, time + held)
        else:
            lost[number] = True
    came = np.bincount(batch, minlength=_BATCHES)[1:]
    refused = np.bincount(batch[lost], minlength=_BATCHES)[1:]
    share = float(refused.sum() / came.sum())
    # A ratio of two sums: batches with many calls weigh more, their deviations are taken around the share of all.
    deviation = (refused - share * came).std(ddof=1) / came.mean()
    return share, float(_STUDENT * deviation / math.sqrt(len(came)))
