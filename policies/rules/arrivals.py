"""backlog-covers-arrivals: what waits has room for what arrives, connections as well as jobs."""

from collections.abc import Iterator
from datetime import date

from policies.demand import Demand, demand_of
from policies.evidence import Context
from policies.figures import count, poisson_quantile
from policies.fleet import Live, admitted_sessions, live_deployments
from policies.jobs import Jobs, jobs_of, queues, workers
from policies.margins import growth
from policies.parts import Part, shortfall
from policies.rule import Finding, Rule, each
from policies.stack import Place, Resource, Stack, annotation, optional_annotation
from policies.workloads import pod_of

_LEAST_STALL_SECONDS = 0.5
"""A collection or a full event loop takes so long now and then: a claim below it does not count."""
_UNCHECKED_BACKLOG = 128
"""net.core.somaxconn of Linux before 5.4: all that a pod may count on that does not check it at its start."""


def _backlog_covers_arrivals(stack: Stack, context: Context) -> Iterator[Finding]:
    demand = demand_of(stack, context)
    yield from each(live_deployments(stack), lambda live: live.deployment.name, lambda live: _accepts(live, demand))

    def waiting(server: Resource) -> Iterator[Finding]:
        yield from shortfall(depth(stack, server, demand), demand.lock)

    yield from each(queues(stack), lambda server: server.name, waiting)


def _accepts(live: Live, demand: Demand) -> Iterator[Finding]:
    claim = optional_annotation(live.deployment, "accept-stall-seconds")
    stall = _LEAST_STALL_SECONDS if claim is None else max(claim.number(), _LEAST_STALL_SECONDS)
    starts = admitted_sessions(live) / demand.kept.safe_utilisation / demand.mean_call(live.vertical)
    needed, granted = poisson_quantile(starts * stall), _checked_backlog(live)
    if needed > granted:
        message = (
            f"within {stall:g} s in which a pod of {live.vertical} accepts nothing {count(needed)} connections may come "
            f"({starts:.3g} a second); its listener is sure to keep {count(granted)}"
        )
        remedy = f"have its start check a backlog of {needed} (--somaxconn {needed}), and the machines grant it"
        yield Finding(live.deployment.name, message, remedy, needed, granted, "connections")


def _checked_backlog(live: Live) -> int:
    """Return the backlog below which a pod does not start: its first container compares what the kernel grants."""
    for container in pod_of(live.deployment).listed("initContainers"):
        words = container.listed("command")
        for index, word in enumerate(words[:-1]):
            if word.text() == "--somaxconn":
                return _number(words[index + 1])
    return _UNCHECKED_BACKLOG


def _number(place: Place) -> int:
    return place.count(at_least=1)


def depth(stack: Stack, server: Resource, demand: Demand) -> Part:
    """Return a queue against the jobs that its busy stretch leaves waiting: in its depth, and in the time that draining takes."""
    jobs = jobs_of(stack, server)
    busy, busy_seconds, quiet, job, drain = (
        annotation(server, name).number()
        for name in ("busy-jobs-per-second", "busy-seconds", "quiet-jobs-per-second", "job-seconds", "drain-seconds")
    )
    served = min(workers(stack, jobs) / job, jobs.most_per_second) if job else 0.0

    def asked(day: date) -> float:
        arriving = demand.kept.burst * growth(demand.lock, day, demand.kept) * busy
        return max(0.0, (arriving - served) * busy_seconds)

    def provided(day: date) -> float:
        drained = max(0.0, (served - growth(demand.lock, day, demand.kept) * quiet) * drain)
        return min(jobs.depth_cap, drained) * demand.kept.safe_utilisation

    return Part(
        resource=server.name,
        what="a busy stretch leaves waiting",
        unit="jobs",
        asked=asked,
        provided=provided,
        holds=_explained(jobs, served, drain, demand.kept.safe_utilisation),
        remedy="take more workers, or a higher depth cap",
        lead_seconds=annotation(server, "lead-seconds").number(),
    )


def _explained(jobs: Jobs, served: float, drain: float, safe: float) -> str:
    return f"{safe:g} safe of {count(jobs.depth_cap)} jobs, and of what {served:g} jobs a second drain within {count(drain)} s"


RULES = (
    Rule(
        name="backlog-covers-arrivals",
        condition="A pod's listener keeps the connections that come while it accepts none; a queue keeps the jobs that its busy "
        "stretch leaves waiting, and drains them in time.",
        why="A full backlog drops connections without a word: callers hear nothing, and no counter of the pod moves.",
        reads="HEADROOM_MAX_SESSIONS, the claims `accept-stall-seconds` and `mean-call-seconds`, and the backlog that a pod's "
        "first "
        "container checks (`--somaxconn`); the claims `busy-jobs-per-second`, `busy-seconds`, `quiet-jobs-per-second`, "
        "`job-seconds`, `drain-seconds` of StatefulSets of kind `redis`, the replicas, the concurrency and the limiter of their "
        "workers.",
        remedy="A longer backlog, checked at the start; more workers, or a higher cap.",
        check=_backlog_covers_arrivals,
    ),
)
