"""Rules on the sessions that pods hold: all pods together, one pod by itself, one process of it."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from policies.autoscaler import maximum_field
from policies.evidence import Context, usable
from policies.figures import count, counts, exceeds, needed, whole
from policies.fleet import (
    DESCRIPTOR_ROOM,
    Ceiling,
    Live,
    admitted_sessions,
    descriptor_limit,
    live_deployments,
    maximum_pods,
    pod_ceiling,
    session_cost,
)
from policies.floors import Floors
from policies.jobs import jobs_of, queues
from policies.lock import Lock
from policies.margins import margins, required
from policies.pm2 import ecosystem_of
from policies.rule import Finding, Rule, each
from policies.stack import Resource, Stack, annotation
from policies.workloads import of_kind, open_files, pod_of

_RESTART_ROOM = 1.3
"""Memory of a process over what its sessions take: what is not yet collected counts too, and PM2 restarts it with its calls."""


@dataclass(frozen=True)
class _Share:
    """What one Deployment adds to its vertical at its maximum."""

    live: Live
    pods: int
    ceiling: Ceiling
    admitted: int
    """Sessions that a pod takes by its own setting, which may be fewer than it holds."""
    safe_utilisation: float

    @property
    def safe(self) -> int:
        """Safe sessions of one pod by its limits."""
        return min(self.admitted, whole(self.ceiling.hard * self.safe_utilisation))

    @property
    def safe_guaranteed(self) -> int:
        """Safe sessions of one pod by its requests."""
        return min(self.admitted, whole(self.ceiling.guaranteed * self.safe_utilisation))


def _sessions_cover_burst(stack: Stack, context: Context) -> Iterator[Finding]:
    lock = usable(context.lock)
    floors, kept = usable(context.floors), margins(stack, usable(context.floors))
    fleet = live_deployments(stack)

    def share(live: Live) -> _Share:
        pods = maximum_pods(live.deployment, live.autoscaler)
        return _Share(live, pods, pod_ceiling(live, floors), admitted_sessions(live), kept.safe_utilisation)

    def check(vertical: str) -> Iterator[Finding]:
        shares = [share(live) for live in fleet if live.vertical == vertical]
        load = lock.verticals[vertical]
        now, later = (required(lock, load, day, kept) for day in (lock.data_end, lock.valid_until))
        if shares:
            yield from _cover(vertical, shares, lock, now, later)
        else:
            message = f"{vertical} must hold {count(now)} sessions on {lock.data_end}; no Deployment holds its sessions"
            yield Finding(vertical, message, f"deploy {vertical}", later, 0, "sessions")

    yield from each(sorted(lock.verticals), str, check)


def _cover(vertical: str, shares: list[_Share], lock: Lock, now: float, later: float) -> Iterator[Finding]:
    hard = sum(share.pods * share.ceiling.hard for share in shares)
    safe = sum(share.pods * share.safe for share in shares)
    guaranteed = sum(share.pods * share.ceiling.guaranteed for share in shares)
    safe_guaranteed = sum(share.pods * share.safe_guaranteed for share in shares)
    if not exceeds(later, safe_guaranteed):
        return
    by_limits = exceeds(later, safe)
    provided = safe if by_limits else safe_guaranteed
    must, have = counts(later, provided)
    if not by_limits:
        holds = f"{count(safe)} safe by their limits, and only {have} safe by their requests"
    elif guaranteed < hard:
        holds = f"{count(hard)} hard, {have} safe ({count(guaranteed)} guaranteed by their requests)"
    else:
        holds = f"{count(hard)} hard, {have} safe"
    if few := sorted({share.admitted for share in shares if share.admitted < whole(share.ceiling.hard * share.safe_utilisation)}):
        holds += f"; a pod admits only {' or '.join(count(admitted) for admitted in few)}"
    if later > now:
        duty = f"{count(now)} sessions on {lock.data_end} and {must} by {lock.valid_until}"
    else:  # Only the quantile of the maximum over the horizon does not grow.
        duty = f"{must} sessions until {lock.valid_until}, the 95% quantile of its maximum"
    pods = sum(share.pods for share in shares)
    message = f"{vertical} must hold {duty}; {pods} pods hold {holds}"
    largest = max(shares, key=lambda share: (share.safe, share.live.name))
    yield Finding(
        largest.live.name,
        message,
        _more_pods(largest, later - safe, later - safe_guaranteed),
        later,
        provided,
        "sessions",
    )


def _more_pods(share: _Share, short: float, short_guaranteed: float) -> str:
    field_name = "replicas" if share.live.autoscaler is None else maximum_field(share.live.autoscaler)
    if share.safe == 0:
        return "give its pods more memory and processor time: one holds no session"
    enough = share.pods + needed(short, share.safe)
    if share.safe_guaranteed == share.safe:
        return f"set {field_name} to {enough}"
    raised = (
        "requests raised to the limits" if enough == share.pods else f"{field_name} {enough} with requests raised to the limits"
    )
    if share.safe_guaranteed == 0:
        return raised
    return f"{raised}, or {field_name} {share.pods + needed(short_guaranteed, share.safe_guaranteed)} as the requests are"


def _pod_limits_cover_sessions(stack: Stack, context: Context) -> Iterator[Finding]:
    floors = usable(context.floors)

    def check(live: Live) -> Iterator[Finding]:
        yield from _none_is_restarted(stack, live, floors)
        claimed, ceiling = admitted_sessions(live), pod_ceiling(live, floors)
        if claimed <= ceiling.guaranteed:
            return
        if claimed <= ceiling.hard:
            real, behind = ceiling.guaranteed, " by its requests"
        else:
            real, behind = ceiling.hard, ""
            if ceiling.guaranteed < ceiling.hard:
                behind = f" ({count(ceiling.guaranteed)} guaranteed by its requests)"
        message = (
            f"a pod of {live.vertical} admits more sessions than it holds: {count(claimed)} claimed, {count(real)} real{behind}"
        )
        remedy = (
            f"set HEADROOM_MAX_SESSIONS to {ceiling.guaranteed}"
            if ceiling.guaranteed
            else "give the pod more memory and processor time: it holds no session"
        )
        yield Finding(live.deployment.name, message, remedy, claimed, real, "sessions")

    yield from each(live_deployments(stack), lambda live: live.deployment.name, check)


def _none_is_restarted(stack: Stack, live: Live, floors: Floors) -> Iterator[Finding]:
    ecosystem = ecosystem_of(stack, live)
    bounds = [] if ecosystem is None else ecosystem.numbers("max_memory_restart")
    if not bounds:
        return
    (workers, sessions), bound = _of_a_process(live), min(bounds)
    own = annotation(live.deployment, "base-memory-bytes").number() / workers
    most = _RESTART_ROOM * (own + sessions * session_cost(live, floors).memory_bytes)
    if exceeds(most, bound):
        must, have = counts(most, bound)
        message = (
            f"PM2 restarts a process of {live.vertical} at {have} bytes, with its calls; {count(sessions)} sessions and itself "
            f"take {must}, with {_RESTART_ROOM:g} times the room"
        )
        yield Finding(live.deployment.name, message, f"set max_memory_restart to {math.ceil(most)}", most, bound, "bytes")


def _of_a_process(live: Live) -> tuple[int, int]:
    """Return the processes of a pod, and the sessions that one of them takes."""
    workers = annotation(live.deployment, "workers").count(at_least=1)
    return workers, math.ceil(admitted_sessions(live) / workers)


def _file_descriptors_cover_sessions(stack: Stack, context: Context) -> Iterator[Finding]:
    floors = usable(context.floors)

    def check(live: Live) -> Iterator[Finding]:
        limit = descriptor_limit(live)
        _, sessions = _of_a_process(live)
        base = annotation(live.deployment, "base-descriptors").number()
        most = DESCRIPTOR_ROOM * (sessions * session_cost(live, floors).descriptors + base)
        if exceeds(most, limit):
            must, have = counts(most, limit)
            message = (
                f"a process of {live.vertical} may open {have} files; {count(sessions)} sessions and its own files need {must}, "
                f"with {DESCRIPTOR_ROOM:g} times the room"
            )
            yield Finding(live.deployment.name, message, f"allow {must} open files", most, limit, "descriptors")

    def jobs(server: Resource) -> Iterator[Finding]:
        queue = jobs_of(stack, server)
        most = DESCRIPTOR_ROOM * queue.concurrency * floors.session(queue.vertical).descriptors
        for worker in of_kind(stack, "queue"):
            if annotation(worker, "vertical").text() == queue.vertical:
                yield from _opens(worker, queue.concurrency, most)

    yield from each(live_deployments(stack), lambda live: live.deployment.name, check)
    yield from each(queues(stack), lambda server: server.name, jobs)


def _opens(worker: Resource, jobs: int, most: float) -> Iterator[Finding]:
    limit = open_files(worker, pod_of(worker)["containers"].items()[0]["name"].text())
    if exceeds(most, limit):
        must, have = counts(most, limit)
        message = (
            f"a worker may open {have} files; {count(jobs)} jobs at once need {must}, as many calls would, with "
            f"{DESCRIPTOR_ROOM:g} times the room"
        )
        yield Finding(worker.name, message, f"allow {must} open files", most, limit, "descriptors")


RULES = (
    Rule(
        name="sessions-cover-burst",
        condition="At its autoscaler's maximum a vertical safely holds what it must by the lock's last valid day: burst x growth "
        "x peak, or the 95% quantile of the maximum where that is more.",
        why="At its maximum a vertical must hold its burst, and its growth for as long as the forecast is valid.",
        reads="maxima of autoscalers (or replicas), limits, requests, open files, HEADROOM_MAX_SESSIONS, the costs of a session "
        "that live Deployments claim; the lock; the floors of costs, burst, growth and utilisation.",
        remedy="More or larger pods: the smallest number that is enough is named.",
        check=_sessions_cover_burst,
    ),
    Rule(
        name="pod-limits-cover-sessions",
        condition="A pod admits no more sessions than its limits hold and its requests guarantee, and than its processes hold "
        "before PM2 restarts one for its memory.",
        why="A pod that admits more sessions than its memory and processor time carry drops them in the middle of a call.",
        reads="HEADROOM_MAX_SESSIONS, limits, requests and open files of the session container; the claimed costs of a session; "
        "PM2's max_memory_restart; the floors of costs.",
        remedy="Fewer sessions a pod, or a larger pod.",
        check=_pod_limits_cover_sessions,
    ),
    Rule(
        name="file-descriptors-cover-sessions",
        condition="A process may open 1.5 times the files that its sessions and itself need, a queue's worker those of its jobs "
        "at once.",
        why="A process without a free descriptor refuses calls while memory and processor look idle.",
        reads="RLIMIT_NOFILE of the session container's annotation, HEADROOM_MAX_SESSIONS, the claims `workers`, "
        "`session-descriptors`, `base-descriptors`; of workers of a queue RLIMIT_NOFILE, `bullmq.json` and the floors of costs.",
        remedy="More open files, or fewer sessions a process.",
        check=_file_descriptors_cover_sessions,
    ),
)
