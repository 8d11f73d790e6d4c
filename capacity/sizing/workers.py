"""Processes in a pod under PM2 (S12): when it restarts them, and when it cuts their calls."""

import math
from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from capacity.figures import Source
from capacity.shortfall import Shortfall
from capacity.sizing.claims import said
from capacity.sizing.result import Limit, Sizing, hard_for, raised_size, sized, whole_up
from capacity.units import PositiveSize, Seconds, Size

RESTART_RESERVE = 1.3
"""max_memory_restart over what sessions take: a restart kills live calls, and memory not yet collected counts too."""
_MEBIBYTE = 2**20


class WorkersSection(Source):
    """How PM2 treats the processes of a pod: what the spec of the pod does not say."""

    max_memory_restart: PositiveSize
    """Of one process."""
    kill_timeout: Seconds
    """After it PM2 kills a process that still holds calls; its default of 1.6 s holds none."""
    metric: Literal["summed", "of one process"] = "summed"
    """A port that all processes share answers for whichever of them accepts."""
    script: str = Field(default="/app/server.js", pattern=r"^/\S+$")
    """What PM2 starts, by its path in the image."""


class Workers(WorkersSection):
    """The processes of one pod; memory is claimed, the rest is configuration."""

    processes: int = Field(default=1, gt=0)
    """1 is one process a pod; more is PM2's cluster mode."""
    memory_per_session: PositiveSize
    base_memory: Size = 0
    """What a process takes without a session."""
    pod_memory: PositiveSize
    """The limit of the container that all of them share."""
    drain: Seconds
    """How long a process that takes no new calls needs to finish its own."""
    grace: Seconds
    """The pod's terminationGracePeriodSeconds."""


def size_workers(
    workers: Workers, *, sessions: float, safe_utilisation: float, scope: str = "workers", memory_at: str = ""
) -> Sizing:
    """Return the sessions that a pod's processes hold before PM2 restarts one.

    max_memory_restart > 1.3 x (base + sessions a process x memory); processes x max_memory_restart <= the pod's memory, or the
    kernel ends the pod before PM2 restarts a process; drain <= kill_timeout <= grace; and the autoscaler's metric must see all
    processes. `memory_at` is where the pod's memory stands in the spec.

    Raises:
        ValueError: the load is negative or not finite.
    """
    target = hard_for("sessions", sessions, safe_utilisation)
    room = workers.max_memory_restart / RESTART_RESERVE - workers.base_memory
    # Strictly above: at the figure itself PM2 restarts.
    held = max(0, whole_up(room / workers.memory_per_session) - 1)
    wanted = whole_up(target / workers.processes) * workers.memory_per_session
    needed = math.floor(RESTART_RESERVE * (workers.base_memory + wanted)) + 1
    limit = Limit(
        "restart memory",
        workers.processes * held,
        f"{workers.processes} x ({workers.max_memory_restart / 1e6:,.1f} MB / {RESTART_RESERVE} - "
        f"{workers.base_memory / 1e6:,.1f} MB) / {workers.memory_per_session / 1e6:g} MB a session",
        said(workers),
        raised_size(f"{scope}.max_memory_restart", workers.max_memory_restart, needed),
    )
    return sized(
        "workers",
        scope,
        "sessions a pod",
        sessions,
        [limit],
        safe_utilisation=safe_utilisation,
        breaches=_breaches(workers, max(needed, workers.max_memory_restart), scope, memory_at or f"{scope}.pod_memory"),
    )


def _breaches(workers: Workers, restart: int, scope: str, memory_at: str) -> Iterator[Shortfall]:
    restart = -(-restart // _MEBIBYTE) * _MEBIBYTE if restart > workers.max_memory_restart else restart
    if workers.processes * restart > workers.pod_memory:
        yield Shortfall(
            "workers",
            scope,
            workers.processes * restart,
            workers.pod_memory,
            "bytes",
            f"PM2 restarts each of {workers.processes} processes at {restart / 1e6:,.1f} MB, and together they have "
            f"{workers.pod_memory / 1e6:,.1f} MB: the kernel ends the pod first",
            raised_size(memory_at, workers.pod_memory, workers.processes * restart),
        )
    if workers.kill_timeout < workers.drain:
        yield Shortfall(
            "workers",
            scope,
            workers.drain,
            workers.kill_timeout,
            "seconds",
            f"calls need {workers.drain:g} s to end, but PM2 kills their process after {workers.kill_timeout:g} s",
            f"raise {scope}.kill_timeout from {workers.kill_timeout:g}s to {workers.drain:g}s",
        )
    longest = max(workers.kill_timeout, workers.drain)
    if longest > workers.grace:
        # A pod that outlives its calls needs no more grace: then PM2 waits for nothing.
        enough = workers.drain <= workers.grace
        yield Shortfall(
            "workers",
            scope,
            longest,
            workers.grace,
            "seconds",
            f"PM2 waits up to {longest:g} s for calls to end, but the pod is killed after {workers.grace:g} s",
            f"lower {scope}.kill_timeout from {longest:g}s to {workers.grace:g}s"
            if enough
            else f"raise {scope}.grace from {workers.grace:g}s to {longest:g}s",
        )
    if workers.processes > 1 and workers.metric == "of one process":
        yield Shortfall(
            "workers",
            scope,
            workers.processes,
            1,
            "processes seen",
            f"the autoscaler's metric shows one of {workers.processes} processes at random",
            f"set {scope}.metric to summed",
        )
