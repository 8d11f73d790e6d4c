"""The job queue of a vertical that is not real-time (S13): its depth, memory and the time it takes to drain."""

import math
from collections.abc import Iterator

from pydantic import Field

from capacity.figures import Source
from capacity.shortfall import Shortfall
from capacity.sizing.claims import said
from capacity.sizing.result import (
    Limit,
    Sizing,
    counted,
    hard_for,
    lasting,
    load,
    raised,
    raised_size,
    sized,
    whole,
    whole_up,
)
from capacity.units import Amount, PositiveAmount, PositiveSize, Seconds, Size

FORK_FACTOR = 2
"""While Redis forks to rewrite its append-only file, pages that change exist twice."""


class Queue(Source):
    """A Redis queue and its workers; sizes and times are claimed, the rest is configuration."""

    depth_cap: PositiveAmount
    """Jobs that may wait; the producer refuses the next one."""
    payload: PositiveSize
    """Of one job."""
    overhead: Size = 1024
    """What the queue's own keys take beside the payload of a job."""
    retained: Amount
    """Finished jobs that are kept (removeOnComplete, removeOnFail). Without a limit they are kept for ever."""
    max_memory: PositiveSize
    """Redis' maxmemory. With noeviction, the only right policy, adding a job fails there."""
    workers: int = Field(gt=0)
    """Jobs worked on at once."""
    job: Seconds
    """Mean time that a job takes."""
    drain_within: Seconds
    """How soon after a busy stretch the last waiting job should be done."""


def size_queue(
    queue: Queue,
    *,
    busy_jobs_per_second: float,
    busy_seconds: float,
    quiet_jobs_per_second: float,
    safe_utilisation: float,
    scope: str = "queue",
) -> Sizing:
    """Return the jobs that the queue holds against those that a busy stretch leaves waiting.

    Waiting after it: (arrivals - service) x its length. Memory: depth x (payload + overhead) x 2 + retained jobs. Draining within
    d: (service - quiet arrivals) x d. The cap must be reached before the memory, or adding fails instead of being refused.

    Raises:
        ValueError: a load is negative or not finite, or the quiet hours are busier than the busy ones.
    """
    load("busy_jobs_per_second", busy_jobs_per_second)
    load("busy_seconds", busy_seconds)
    load("quiet_jobs_per_second", quiet_jobs_per_second)
    if quiet_jobs_per_second > busy_jobs_per_second:
        raise ValueError(f"{quiet_jobs_per_second:g} jobs a second when quiet are more than {busy_jobs_per_second:g} when busy")
    served = queue.workers / queue.job
    waiting = max(0.0, (busy_jobs_per_second - served) * busy_seconds)
    hard_for("jobs", waiting, safe_utilisation)
    workers = _workers_needed(queue, busy_jobs_per_second, busy_seconds, quiet_jobs_per_second, safe_utilisation)
    # Workers added to drain it in time also leave fewer jobs waiting.
    left = min(waiting, max(0.0, (busy_jobs_per_second - workers / queue.job) * busy_seconds))
    target = hard_for("jobs", left, safe_utilisation)
    memory = memory_needed(queue, max(queue.depth_cap, target))
    each = queue.payload + queue.overhead
    fills = fill_seconds(queue.depth_cap, busy_jobs_per_second, served)
    limits = [
        Limit(
            "depth cap",
            queue.depth_cap,
            f"{queue.depth_cap} jobs; "
            + (f"full after {fills:,.0f} s of {busy_jobs_per_second:g} a second" if math.isfinite(fills) else "never full")
            + f", {served:g} a second worked off",
            said(queue),
            raised(f"{scope}.depth_cap", queue.depth_cap, whole_up(target), counted),
        ),
        Limit(
            "memory",
            jobs_in_memory(queue),
            f"({queue.max_memory / 1e6:,.1f} MB - {queue.retained} retained x {each} B) / ({each} B x {FORK_FACTOR})",
            said(queue),
            raised_size(f"{scope}.max_memory", queue.max_memory, memory),
        ),
        _draining(queue, workers, quiet_jobs_per_second, scope),
    ]
    return sized(
        "queue",
        scope,
        "jobs",
        waiting,
        limits,
        safe_utilisation=safe_utilisation,
        breaches=_breaches(queue, memory, scope),
    )


def jobs_in_memory(queue: Queue) -> int:
    """Return the waiting jobs at which Redis reaches its memory limit, the room for a fork kept."""
    each = queue.payload + queue.overhead
    return whole((queue.max_memory - queue.retained * each) / (each * FORK_FACTOR))


def memory_needed(queue: Queue, jobs: float) -> int:
    """Return the maxmemory that holds so many waiting jobs beside the retained ones, in bytes."""
    each = queue.payload + queue.overhead
    return (whole_up(jobs) * FORK_FACTOR + queue.retained) * each


def fill_seconds(jobs: float, arrivals_per_second: float, served_per_second: float) -> float:
    """Return how long the queue takes to fill: cap / (lambda - mu); infinite where the workers keep up.

    >>> fill_seconds(50_000, 30.0, 5.0)
    2000.0
    """
    growth = arrivals_per_second - served_per_second
    return jobs / growth if growth > 0 else math.inf


def drain_seconds(jobs: float, arrivals_per_second: float, served_per_second: float) -> float:
    """Return how long a full queue takes to empty: cap / (mu - lambda); infinite where the workers do not get ahead.

    >>> drain_seconds(50_000, 5.0, 30.0)
    2000.0
    """
    return fill_seconds(jobs, served_per_second, arrivals_per_second)


def _workers_needed(queue: Queue, busy: float, busy_seconds: float, quiet: float, safe_utilisation: float) -> int:
    """Return the least workers that drain in time what they leave waiting; fewer are needed the more they work off meanwhile."""
    spare = queue.drain_within * safe_utilisation
    return whole_up((busy * busy_seconds + quiet * spare) / (busy_seconds + spare) * queue.job)


def _draining(queue: Queue, workers: int, quiet_jobs_per_second: float, scope: str) -> Limit:
    served = queue.workers / queue.job
    drains = drain_seconds(queue.depth_cap, quiet_jobs_per_second, served)
    return Limit(
        "drain",
        max(0.0, (served - quiet_jobs_per_second) * queue.drain_within),
        f"({queue.workers} workers / {queue.job:g} s - {quiet_jobs_per_second:g} a second) x {queue.drain_within:g} s; "
        + (f"a full queue drains in {lasting(drains)}" if math.isfinite(drains) else "a full queue never drains"),
        said(queue),
        raised(f"{scope}.workers", queue.workers, workers, counted),
    )


def _breaches(queue: Queue, memory: int, scope: str) -> Iterator[Shortfall]:
    held = jobs_in_memory(queue)
    if held < queue.depth_cap:
        yield Shortfall(
            "queue",
            scope,
            queue.depth_cap,
            held,
            "jobs",
            f"the queue accepts {queue.depth_cap:,} jobs, its memory holds {held:,}: beyond that adding one fails",
            raised_size(f"{scope}.max_memory", queue.max_memory, memory),
        )
