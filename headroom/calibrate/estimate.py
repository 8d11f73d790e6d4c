"""Figures of a spec out of measured usage, each with its interval, or the reason why there is none."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headroom.calibrate.line import (
    Interval,
    Line,
    Points,
    check_loss,
    line_interval,
    percentile_interval,
    quantile_line,
    resampled,
)
from headroom.calibrate.usage import Codes, Floats, PodUsage, Starts, VerticalUsage, days, groups

UPPER, MIDDLE = 0.99, 0.5
"""Quantiles of usage: a pod that passes its memory or its open files loses sessions, one that wants more processor time waits."""
START_QUANTILE = 0.95
MINIMUM_POINTS, MINIMUM_DAYS, MINIMUM_STARTS = 200, 3, 20
SMALLEST_SPREAD = 0.2
"""Of the 95% quantile of sessions: what their middle 90% must span, or a line through them says nothing of its slope."""
WIDEST = 0.5
"""Half the interval's width as a share of the figure, at most."""
CARRIES_S = (0.0, 900.0, 3600.0, 4 * 3600.0, np.inf)
"""How long memory that sessions took may stay with the pod after them: until it ends, at most."""
_MOST_POINTS = 5000
_GAP_STEPS = 3.5
_SEED = 20261102
_MINUTE_S = 60


@dataclass(frozen=True)
class Sample:
    """What a figure was measured on."""

    points: int
    pods: int
    days: int


@dataclass(frozen=True)
class Estimate:
    """A figure, where it lies with 95% confidence, and what it was measured on."""

    value: float
    interval: Interval
    sample: Sample
    note: str = ""


@dataclass(frozen=True)
class NotMeasured:
    """A figure that the usage does not tell, and why."""

    reason: str


@dataclass(frozen=True)
class SessionLine:
    """What a pod takes for each session, and before the first one."""

    session: Estimate
    base: Estimate


@dataclass(frozen=True)
class Tokens:
    """Tokens of a session in a minute: their mean, and the standard deviation of one session's minute."""

    mean: Estimate
    deviation: float


@dataclass(frozen=True)
class Demand:
    """The most sessions that all pods of a vertical held at once."""

    sessions: float
    time: float


def memory_line(rows: PodUsage) -> SessionLine | NotMeasured:
    """Return the bytes below which a pod's memory stays 99% of the time, by the most sessions that it lately held.

    Memory outlives the session that took it (allocators and interpreters keep it), so today's sessions explain it badly while
    load falls: a line through them is too flat. Of `CARRIES_S` the time counts whose line has the least check loss.
    """
    chosen = _thinned(np.flatnonzero(np.isfinite(rows.memory_bytes)))
    held = {carry_s: held_lately(rows, carry_s) for carry_s in CARRIES_S}
    losses = {}
    for carry_s, sessions in held.items():
        points = Points(sessions[chosen], rows.memory_bytes[chosen])
        if len(np.unique(points.x)) > 1:
            losses[carry_s] = check_loss(points, quantile_line(points, np.ones(len(chosen)), UPPER), UPPER)
    carry_s = min(losses, key=lambda each: losses[each], default=0.0)
    return _session_line(held[carry_s], rows.memory_bytes, rows, UPPER, _carried(carry_s))


def cpu_line(rows: PodUsage) -> SessionLine | NotMeasured:
    """Return the cores of a pod by its sessions over the same step: the median line, which a burst of work does not bend."""
    return _session_line(rows.mean_sessions, rows.cpu_cores, rows, MIDDLE, "")


def descriptor_line(rows: PodUsage) -> SessionLine | NotMeasured:
    """Return the open files below which a pod stays 99% of the time, by its sessions."""
    return _session_line(rows.sessions, rows.descriptors, rows, UPPER, "")


def held_lately(rows: PodUsage, carry_s: float) -> Floats:
    """Return the most sessions that a row's pod held at its instant and in the time before; a gap in its rows ends its memory."""
    if carry_s == 0:
        return rows.sessions
    gap = np.diff(rows.time)
    step = float(np.median(gap[gap > 0])) if np.any(gap > 0) else 1.0
    breaks = (np.diff(rows.pod) != 0) | (gap > _GAP_STEPS * step)
    pieces = np.split(rows.sessions, np.flatnonzero(breaks) + 1)
    return np.concatenate([_running_most(piece, carry_s / step) for piece in pieces])


def tokens_a_session_minute(verticals: Iterable[VerticalUsage]) -> Tokens | NotMeasured:
    """Return the tokens of a session minute, all verticals together, for one model serves them all.

    The mean is all tokens over all session minutes. The deviation follows from how far the sum of a step strays from its mean, as
    if sessions and minutes were independent; those of one call are alike, so it errs on the large side.
    """
    known = [(rows, np.isfinite(rows.tokens_per_minute) & (rows.mean_sessions > 0)) for rows in (each.rows for each in verticals)]
    time = np.concatenate([rows.time[chosen] for rows, chosen in known])
    instants, slot = np.unique(time, return_inverse=True)
    tokens, sessions = (
        np.bincount(slot, np.concatenate([getattr(rows, name)[chosen] for rows, chosen in known]), len(instants))
        for name in ("tokens_per_minute", "mean_sessions")
    )
    day = days(instants)
    sample = Sample(len(instants), sum(len(np.unique(rows.pod[chosen])) for rows, chosen in known), _count(day))
    if isinstance(few := _enough(sample), NotMeasured):
        return few
    mean = float(tokens.sum() / sessions.sum())
    means = np.array([weights @ tokens / (weights @ sessions) for weights in resampled(np.zeros_like(day), day)])
    minutes = float(np.median(np.diff(instants))) / _MINUTE_S
    deviation = float(np.sqrt(((tokens - mean * sessions) ** 2).sum() * minutes / sessions.sum()))
    return Tokens(Estimate(mean, percentile_interval(means), sample), deviation)


def start_up(starts: Starts) -> Estimate | NotMeasured:
    """Return the seconds within which 95% of pods were ready after their creation."""
    if len(starts.seconds) < MINIMUM_STARTS:
        return NotMeasured(f"{len(starts.seconds)} pods were seen to start; {MINIMUM_STARTS} are needed")
    day = days(starts.time)
    sample = Sample(len(starts.seconds), len(starts.seconds), _count(day))
    # Pods of one day share images and nodes, so that days are drawn; a start of its own varies as well.
    each = np.arange(len(starts.seconds))
    draws = (np.repeat(starts.seconds, weights.astype(int)) for weights in resampled(each, day))
    quantiles = np.array([np.quantile(drawn, START_QUANTILE) for drawn in draws if len(drawn)])
    return Estimate(float(np.quantile(starts.seconds, START_QUANTILE)), percentile_interval(quantiles), sample)


def peak_demand(rows: PodUsage) -> Demand:
    """Return the most sessions that were held at one instant that was measured; the true peak lies between two of them."""
    instants, slot = np.unique(rows.time, return_inverse=True)
    sessions = np.bincount(slot, rows.sessions)
    highest = int(np.argmax(sessions))
    return Demand(float(sessions[highest]), float(instants[highest]))


def _session_line(held: Floats, usage: Floats, rows: PodUsage, quantile: float, note: str) -> SessionLine | NotMeasured:
    known = np.isfinite(usage) & np.isfinite(held)
    sample = _usable(held[known], rows, known)
    if isinstance(sample, NotMeasured):
        return sample
    chosen = _thinned(np.flatnonzero(known))
    points = Points(held[chosen], usage[chosen])
    line = quantile_line(points, np.ones(len(chosen)), quantile)
    base, slope = line_interval(points, groups(rows.pod[chosen]), days(rows.time[chosen]), quantile, line)
    if line.slope <= 0 or (slope.high - slope.low) / 2 > WIDEST * line.slope:
        return NotMeasured(f"the usage does not tell it: between {slope.low:.3g} and {slope.high:.3g} a session")
    seen = f"up to {held[known].max():.0f} sessions a pod"
    said = ", ".join(text for text in (note, seen) if text)
    return SessionLine(Estimate(line.slope, slope, sample, said), _not_negative(line, base, sample))


def _not_negative(line: Line, base: Interval, sample: Sample) -> Estimate:
    # No pod takes less than nothing before its first session: the line bends there, and zero is on the safe side of it.
    return Estimate(max(0.0, line.base), Interval(max(0.0, base.low), max(0.0, base.high)), sample)


def _usable(held: Floats, rows: PodUsage, known: NDArray[np.bool_]) -> Sample | NotMeasured:
    sample = Sample(len(held), _count(rows.pod[known]), _count(days(rows.time[known])))
    if isinstance(few := _enough(sample), NotMeasured):
        return few
    low, high = np.quantile(held, (0.05, 0.95))
    if high - low < max(SMALLEST_SPREAD * high, 1):
        return NotMeasured(f"sessions hardly vary: 90% of the points are between {low:.0f} and {high:.0f} a pod")
    return sample


def _enough(sample: Sample) -> Sample | NotMeasured:
    if sample.points == 0:
        return NotMeasured("no measurement of it")
    if sample.points < MINIMUM_POINTS or sample.days < MINIMUM_DAYS:
        wanted = f"{MINIMUM_POINTS} on {MINIMUM_DAYS} days are needed"
        return NotMeasured(f"{sample.points} points on {sample.days} days; {wanted}")
    return sample


def _thinned(places: Codes) -> Codes:
    # Neighbours in time say nearly the same; chosen at random, for a fixed stride could always meet the same hour.
    if len(places) <= _MOST_POINTS:
        return places
    return np.sort(np.random.default_rng(_SEED).choice(places, _MOST_POINTS, replace=False))


def _running_most(values: Floats, steps: float) -> Floats:
    if steps >= len(values) - 1:
        return np.maximum.accumulate(values)
    width = max(0, round(steps)) + 1
    padded = np.concatenate([np.full(width - 1, -np.inf), values])
    most: Floats = np.lib.stride_tricks.sliding_window_view(padded, width).max(axis=1)
    return most


def _carried(carry_s: float) -> str:
    if carry_s == 0:
        return "memory follows the sessions of the moment"
    lasting = "since its start" if np.isinf(carry_s) else f"in {carry_s / _MINUTE_S:.0f} min"
    return f"memory follows the most sessions {lasting}"


def _count(codes: Codes) -> int:
    return len(np.unique(codes))
