"""Rules on job queues: the cap is reached before the memory, and nothing that was accepted is thrown away."""

from collections.abc import Iterator

from policies.config_text import size, the_one
from policies.edge import object_of
from policies.evidence import Context
from policies.figures import count, exceeds, whole
from policies.jobs import Jobs, jobs_of, queues
from policies.known import known, unknown_directives, unknown_inside
from policies.placement import POOL
from policies.rule import Finding, Rule, each
from policies.stack import Resource, Stack, field, optional
from policies.workloads import container_of

_REDIS = known(
    "aclfile appendfsync appendonly auto-aof-rewrite-percentage bind dir maxmemory maxmemory-policy no-appendfsync-on-rewrite "
    "port protected-mode save tls-auth-clients tls-ca-cert-file tls-cert-file tls-key-file tls-port"
)
_SETTINGS = known("""
    queue depthCap connection(host port tls)
    defaultJobOptions(removeOnComplete(count) removeOnFail(count))
    worker(concurrency connection(maxRetriesPerRequest) limiter(duration max) stalledInterval)
""")
_FORK = 2
"""While Redis forks to rewrite its append-only file, pages that change exist twice."""


def _queue_cap_below_memory(stack: Stack, _context: Context) -> Iterator[Finding]:
    def check(server: Resource) -> Iterator[Finding]:
        jobs = jobs_of(stack, server)
        yield from _cap_fits(jobs)
        if any(stack.of_type(POOL)):
            yield from unknown_inside(jobs.settings, object_of(jobs.settings), _SETTINGS)
        yield from _server_fits(jobs)

    yield from each(queues(stack), lambda server: server.name, check)


def _cap_fits(jobs: Jobs) -> Iterator[Finding]:
    if jobs.least_cap < jobs.depth_cap:
        message = f"{count(jobs.least_cap)} jobs may wait by one place that says so, {count(jobs.depth_cap)} by another"
        remedy = "say the same in bullmq.json, HEADROOM_QUEUE_DEPTH_CAP and the gateway's settings"
        yield Finding(jobs.server.name, message, remedy, jobs.depth_cap, jobs.least_cap, "jobs")
    needed = (jobs.depth_cap * _FORK + jobs.retained) * jobs.each_bytes
    if exceeds(needed, jobs.max_memory):
        room = jobs.max_memory - jobs.retained * jobs.each_bytes
        fits = whole(room / (jobs.each_bytes * _FORK)) if jobs.each_bytes else 0
        message = (
            f"{count(jobs.depth_cap)} jobs may wait and {count(jobs.retained)} are kept, {count(jobs.each_bytes)} bytes each, "
            f"those that wait twice while Redis forks: {count(needed)} bytes; maxmemory is {count(jobs.max_memory)}, "
            "and beyond it adding a job fails"
        )
        remedy = f"set maxmemory to {needed:.0f}, or the depth cap to {fits}"
        yield Finding(jobs.server.name, message, remedy, needed, jobs.max_memory, "bytes")


def _server_fits(jobs: Jobs) -> Iterator[Finding]:
    limit = container_of(jobs.server, "redis")["resources"]["limits"]["memory"].quantity()
    needed = _FORK * jobs.max_memory
    if exceeds(needed, limit):
        message = f"its container is killed at {count(limit)} bytes; a fork at maxmemory takes {count(needed)}"
        yield Finding(jobs.server.name, message, f"limit its memory to {count(needed)} bytes", needed, limit, "bytes")
    rewritten = "auto-aof-rewrite-percentage"
    growth = size(jobs.redis, rewritten, the_one(jobs.redis, jobs.directives, rewritten)) / 100
    templates = field(jobs.server, "spec.volumeClaimTemplates").items()
    disk = templates[0]["spec"]["resources"]["requests"]["storage"].quantity() if templates else 0.0
    # A file of maxmemory grows until it is written anew; both stand until the new one is whole, and is appended to meanwhile.
    file = 2 * jobs.max_memory * (1 + growth)
    if exceeds(file, disk):
        message = f"its append-only file may take {count(file)} bytes; its disk has {count(disk)}"
        yield Finding(jobs.server.name, message, f"ask for {count(file)} bytes", file, disk, "bytes")


def _queue_never_evicts(stack: Stack, _context: Context) -> Iterator[Finding]:
    def check(server: Resource) -> Iterator[Finding]:
        replicas = optional(server, "spec.replicas")
        if replicas is not None and replicas.count() != 1:
            message = f"it has {count(replicas.count())} servers, each with jobs of its own: one server keeps a queue"
            yield Finding(server.name, message, "set spec.replicas to 1", 1, replicas.count(), "replicas")
        jobs = jobs_of(stack, server)
        if any(stack.of_type(POOL)):
            yield from unknown_directives(jobs.redis, jobs.directives, _REDIS)
        for name, allowed, why in _KEEPS:
            set_to = the_one(jobs.redis, jobs.directives, name)
            if set_to.lower() not in allowed:
                message = f"{jobs.redis.path} has {name} {set_to}, and {why}"
                yield Finding(jobs.redis.resource.name, message, f"set {name} to {allowed[0]}")
        if jobs.max_memory == 0:
            message = f"{jobs.redis.path} has maxmemory 0, which is no limit: the kernel kills the server instead"
            yield Finding(jobs.redis.resource.name, message, "set maxmemory")

    yield from each(queues(stack), lambda server: server.name, check)


_KEEPS = (
    ("maxmemory-policy", ("noeviction",), "a full server throws accepted jobs away"),
    ("appendonly", ("yes",), "a killed server has none of its jobs any more"),
    ("appendfsync", ("everysec", "always"), "what was acknowledged may never reach the disk"),
)


RULES = (
    Rule(
        name="queue-cap-below-memory",
        condition="The jobs that may wait are as many wherever it is said, and fit into maxmemory beside those that are kept, "
        "with the room of a fork; maxmemory fits into the container with a fork, and the append-only file on its disk.",
        why="A producer is refused politely at the cap. At the memory's end, adding a job fails in the middle of a call.",
        reads="StatefulSets of kind `redis`: `redis.conf`, memory limit, disk, the claims `payload-bytes` and `overhead-bytes`; "
        "`bullmq.json`; HEADROOM_QUEUE_DEPTH_CAP of every workload of the vertical; HEADROOM_SETTINGS of the queue's gateways.",
        remedy="More memory, or a lower cap.",
        check=_queue_cap_below_memory,
    ),
    Rule(
        name="queue-never-evicts",
        condition="A queue has one server, which never evicts a key, and appends what it acknowledged to its file.",
        why="An evicted job is a callback that somebody was promised and nobody makes.",
        reads="StatefulSets of kind `redis`: replicas, and of `redis.conf` maxmemory, maxmemory-policy, appendonly, appendfsync.",
        remedy="One replica, maxmemory-policy noeviction, appendonly yes, appendfsync everysec.",
        check=_queue_never_evicts,
    ),
)
