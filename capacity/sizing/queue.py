"""The job queue of a vertical that is not real-time (S13): its depth, memory and the time it takes to drain."""

import math
from collections.abc import Iterator
from typing import Self

from pydantic import Field, model_validator

from capacity.figures import Frozen, Name, Source
from capacity.shortfall import Shortfall
from capacity.sizing.claims import LongLead, said
from capacity.sizing.exporter import EXPORTER, Exporter
from capacity.sizing.queue_gateway import QueueGatewaySection
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
from capacity.units import Amount, Millicores, PositiveAmount, PositiveSize, Seconds, Size

FORK_FACTOR = 2
"""While Redis forks to rewrite its append-only file, pages that change exist twice."""
REWRITE_AT_PERCENT = 100
"""auto-aof-rewrite-percentage: growth of the append-only file at which it is written anew, in percent."""


class Limiter(Frozen):
    """BullMQ's limiter: of the whole queue, however many workers it has."""

    jobs: PositiveAmount
    within: Seconds


class QueueLoad(Source):
    """The jobs of a day with a busy stretch in it, at the end of the forecast's data."""

    busy_jobs_per_second: float = Field(ge=0)
    busy: Seconds
    """How long the busy stretch lasts."""
    quiet_jobs_per_second: float = Field(ge=0)
    """In the hours after it, in which the queue drains."""

    @model_validator(mode="after")
    def _quieter_when_quiet(self) -> Self:
        if self.quiet_jobs_per_second > self.busy_jobs_per_second:
            raise ValueError(
                f"{self.quiet_jobs_per_second:g} jobs a second when quiet are more than {self.busy_jobs_per_second:g} when busy"
            )
        return self


class QueueFigures(LongLead):
    """A Redis queue, but for its depth and its workers; sizes and times are claimed, the rest is configuration."""

    payload: PositiveSize
    """Of one job."""
    overhead: Size = 1024
    """What the queue's own keys take beside the payload of a job."""
    retained: Amount
    """Finished jobs that are kept (removeOnComplete, removeOnFail). Without a limit they are kept for ever."""
    max_memory: PositiveSize
    """Redis' maxmemory. With noeviction, the only right policy, adding a job fails there."""
    concurrency: int = Field(default=1, gt=0)
    """Jobs that one replica works on at once."""
    job: Seconds
    """Mean time that a job takes."""
    drain_within: Seconds
    """How soon after a busy stretch the last waiting job should be done."""
    limiter: Limiter | None = None
    """Bounds bursts of jobs that end early; it may not be below what the workers do. Left out: the workers are the bound."""
    stalled_interval: Seconds = 30.0
    """How often workers look for jobs whose worker died, to run them again; 30 s is BullMQ's own."""
    cpu: Millicores = 1.0
    """Of the server: its commands take one core, and a rewrite of its file what they leave of it."""
    storage_class: Name = "replicated"
    """Of its disk. There is one server: where the class does not copy its data to other nodes, jobs are gone with their node."""
    tls: bool = False
    """Whether it is spoken to by TLS alone, with the certificate that an operator puts beside it."""
    exporter: Exporter = EXPORTER


class QueueSection(QueueFigures):
    """The queue of a vertical and what comes to it: what the vertical's own figures do not say."""

    load: QueueLoad
    gateway: QueueGatewaySection | None = None
    """What takes callbacks for it. Left out: its producers add jobs themselves and keep its cap."""


class Queue(QueueFigures):
    """A Redis queue and its workers."""

    depth_cap: PositiveAmount
    """Jobs that may wait; the producer refuses the next one."""
    replicas: int = Field(gt=0)

    @property
    def workers(self) -> int:
        """Jobs worked on at once."""
        return self.replicas * self.concurrency


def size_queue(
    queue: Queue,
    *,
    busy_jobs_per_second: float,
    busy_seconds: float,
    quiet_jobs_per_second: float,
    safe_utilisation: float,
    scope: str = "queue",
    vertical_scope: str | None = None,
) -> Sizing:
    """Return the jobs that the queue holds against those that a busy stretch leaves waiting.

    Waiting after it: (arrivals - service) x its length. Memory: depth x (payload + overhead) x 2 + retained jobs. Draining within
    d: (service - quiet arrivals) x d. The cap must be reached before the memory, or adding fails instead of being refused.

    Args:
        queue: The queue.
        busy_jobs_per_second: Arrivals in the busy stretch.
        busy_seconds: Its length.
        quiet_jobs_per_second: Arrivals after it.
        safe_utilisation: Share of the hard ceiling that may be planned on.
        scope: Path of `queue` in its spec.
        vertical_scope: Path of the depth cap and the replicas; None where they stand beside the others.

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
    replicas = _replicas_needed(queue, busy_jobs_per_second, busy_seconds, quiet_jobs_per_second, safe_utilisation)
    # Workers added to drain it in time also leave fewer jobs waiting.
    left = min(waiting, max(0.0, (busy_jobs_per_second - replicas * queue.concurrency / queue.job) * busy_seconds))
    target = hard_for("jobs", left, safe_utilisation)
    vertical = vertical_scope or scope
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
            raised(f"{vertical}.depth_cap", queue.depth_cap, whole_up(target), counted),
        ),
        Limit(
            "memory",
            jobs_in_memory(queue),
            f"({queue.max_memory / 1e6:,.1f} MB - {queue.retained} retained x {each} B) / ({each} B x {FORK_FACTOR})",
            said(queue),
            raised_size(f"{scope}.max_memory", queue.max_memory, memory),
        ),
        _draining(queue, replicas, quiet_jobs_per_second, vertical),
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


def server_memory(queue: QueueFigures) -> int:
    """Return what the server's container is given: maxmemory, and as much again while it forks, in bytes.

    maxmemory has room for a fork at the depth cap. Beyond the cap Redis grows up to maxmemory, and a fork there must not get it
    killed.
    """
    return queue.max_memory * FORK_FACTOR


def server_disk(queue: QueueFigures) -> int:
    """Return the disk under the append-only file, in bytes.

    A file of maxmemory grows until it is written anew; both stand until the new one is whole, and what comes meanwhile is
    appended too: base + growth + new base + at most as much appended.
    """
    return -(-2 * queue.max_memory * (100 + REWRITE_AT_PERCENT) // 100)


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


def _replicas_needed(queue: Queue, busy: float, busy_seconds: float, quiet: float, safe_utilisation: float) -> int:
    """Return the least replicas that drain in time what they leave waiting; fewer are needed the more they work off meanwhile."""
    spare = queue.drain_within * safe_utilisation
    return whole_up((busy * busy_seconds + quiet * spare) / (busy_seconds + spare) * queue.job / queue.concurrency)


def _draining(queue: Queue, replicas: int, quiet_jobs_per_second: float, scope: str) -> Limit:
    served = queue.workers / queue.job
    drains = drain_seconds(queue.depth_cap, quiet_jobs_per_second, served)
    return Limit(
        "drain",
        max(0.0, (served - quiet_jobs_per_second) * queue.drain_within),
        f"({queue.workers} workers / {queue.job:g} s - {quiet_jobs_per_second:g} a second) x {queue.drain_within:g} s; "
        + (f"a full queue drains in {lasting(drains)}" if math.isfinite(drains) else "a full queue never drains"),
        said(queue),
        raised(f"{scope}.replicas", queue.replicas, replicas, counted),
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
