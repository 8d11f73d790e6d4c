"""The calls of a day: when they come, how long they would hold, and whose they are."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from capacity.simulation.day import MINUTE_SECONDS, Traffic
from capacity.traffic.mmpp import PhasedArrivals, mean_calls_per_second, phase_shares

Seconds = NDArray[np.float64]
Tenants = NDArray[np.int64]

_SHORTEST_SECONDS = 0.001
"""A call of no length would end before it began."""


@dataclass(frozen=True)
class Calls:
    """What is offered, in the order of coming."""

    arrive: Seconds
    hold: Seconds
    tenant: Tenants
    """Numbered over the groups in their order; all 0 where there are no groups."""


def draw_calls(traffic: Traffic, random: Generator) -> Calls:
    """Return the calls of one day.

    A Poisson process whose rate is constant between minutes and changes of phase: a Poisson number of calls in each piece,
    placed evenly.
    """
    starts, rates = _pieces(traffic, random)
    lengths = np.diff(starts, append=traffic.seconds)
    counts = random.poisson(rates * lengths)
    arrive = random.random(int(counts.sum()))
    arrive *= np.repeat(lengths, counts)
    arrive += np.repeat(starts, counts)
    arrive.sort()
    return Calls(arrive, _holding(traffic, len(arrive), random), _tenants(traffic, len(arrive), random))


def _pieces(traffic: Traffic, random: Generator) -> tuple[Seconds, Seconds]:
    """Return where each piece of constant rate starts, and its rate."""
    factor = random.gamma(traffic.day_cv**-2, traffic.day_cv**2) if traffic.day_cv else 1.0
    rates = np.array(traffic.calls_per_second) * factor
    starts: Seconds = np.arange(len(rates), dtype=np.float64) * MINUTE_SECONDS
    if traffic.bursts is None:
        return starts, rates
    changes, phases = _phases(traffic.bursts, traffic.seconds, random)
    relative = np.array(traffic.bursts.calls_per_second) / mean_calls_per_second(traffic.bursts)
    pieces: Seconds = np.union1d(starts, changes)
    minute = np.searchsorted(starts, pieces, side="right") - 1
    phase = np.searchsorted(changes, pieces, side="right") - 1
    return pieces, rates[minute] * relative[phases[phase]]


def _phases(bursts: PhasedArrivals, seconds: float, random: Generator) -> tuple[Seconds, Tenants]:
    """Return when each phase begins and which it is, from a phase drawn by the shares of time."""
    changes = np.array(bursts.changes_per_second)
    np.fill_diagonal(changes, 0.0)
    leaving = changes.sum(axis=1)
    following = np.cumsum(changes, axis=1)
    phase = int(random.choice(len(leaving), p=np.array(phase_shares(bursts))))
    now, begins, phases = 0.0, [0.0], [phase]
    while leaving[phase] > 0:
        now += random.exponential(1 / leaving[phase])
        if now >= seconds:
            break
        phase = int(np.searchsorted(following[phase], random.random() * leaving[phase], side="right"))
        begins.append(now)
        phases.append(phase)
    return np.array(begins), np.array(phases)


def _holding(traffic: Traffic, count: int, random: Generator) -> Seconds:
    mean, variation = traffic.holding_seconds, traffic.holding_variation
    if variation is None:
        times = random.standard_exponential(count) * mean
    else:
        variance = math.log1p(variation**2)
        times = random.lognormal(math.log(mean) - variance / 2, math.sqrt(variance), count)
    return np.maximum(times, _SHORTEST_SECONDS, out=times)


def _tenants(traffic: Traffic, count: int, random: Generator) -> Tenants:
    if not traffic.groups:
        return np.zeros(count, dtype=np.int64)
    sizes = np.array([group.tenants for group in traffic.groups])
    ends = np.cumsum([group.share for group in traffic.groups])
    group = np.minimum(np.searchsorted(ends, random.random(count), side="right"), len(sizes) - 1)
    first = np.cumsum(sizes) - sizes
    return np.asarray(first[group] + (random.random(count) * sizes[group]).astype(np.int64))
