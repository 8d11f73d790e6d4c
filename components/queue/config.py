"""What Redis, its users and BullMQ are configured by."""

from typing import Any

from capacity.sizing.queue import REWRITE_AT_PERCENT, Queue

PORT = 6379
CONFIG_FOLDER, USERS_FOLDER, TLS_FOLDER = "/etc/redis", "/etc/redis-users", "/etc/redis-tls"
CLIENTS = ("worker", "producer")
"""The users that put jobs in and take them out: names of their own, so that each has its password."""
STATES = ("wait", "active", "prioritized", "delayed", "completed", "failed")
"""BullMQ's lists and sets of jobs."""


def redis_config(queue: Queue) -> str:
    """Return redis.conf: nothing is ever evicted, and what is acknowledged is in the append-only file.

    With appendfsync everysec the file is written before a command is answered, but for at most 2 s while an fsync runs, and
    synced each second: a killed process loses what waited behind an fsync, a node that loses its power up to 2 s.
    """
    return f"""\
bind * -::*
{_door(queue)}
# Users and their passwords are the door; there is no default user.
protected-mode no
aclfile {USERS_FOLDER}/users.acl
dir /data
maxmemory {queue.max_memory}
maxmemory-policy noeviction
appendonly yes
appendfsync everysec
no-appendfsync-on-rewrite no
auto-aof-rewrite-percentage {REWRITE_AT_PERCENT}
save ""
"""


def _door(queue: Queue) -> str:
    if not queue.tls:
        return f"port {PORT}"
    return f"""\
port 0
tls-port {PORT}
tls-cert-file {TLS_FOLDER}/tls.crt
tls-key-file {TLS_FOLDER}/tls.key
tls-ca-cert-file {TLS_FOLDER}/ca.crt
tls-auth-clients no"""


def users_template(name: str) -> str:
    """Return users.acl with a place for the SHA-256 of each password: an operator fills it in and keeps it in a Secret.

    Clients see the keys of their queue alone and run no command that looks at or changes the server, but for INFO, by which
    BullMQ reads its version. The probe needs no password and may do nothing else. Nobody can be the default user, which may do
    all: Redis 7.0 replays its file with that user's rights, and drops every transaction that they do not allow.
    """
    keys = f"~{prefix(name)}:*"
    clients = "".join(
        f"user {client} on #<sha256 of the password of {client}> {keys} &* +@all -@admin -@dangerous +info\n"
        for client in CLIENTS
    )
    reads = "+ping +info +client|setname +config|get +slowlog|len +slowlog|get +latency|latest +latency|histogram +select +type"
    exporter = f"user exporter on #<sha256 of the password of exporter> %R{keys} resetchannels -@all {reads} +llen +zcard +strlen"
    return (
        f"user default off resetpass ~* &* +@all\nuser probe on nopass resetkeys resetchannels -@all +ping\n{exporter}\n{clients}"
    )


def prefix(name: str) -> str:
    """Return what the keys of a queue begin with in BullMQ."""
    return f"bull:{name}"


def bullmq_settings(name: str, queue: Queue, host: str) -> dict[str, Any]:
    """Return what workers and producers of a queue give to BullMQ, times in milliseconds; `depthCap` is the producers' to keep.

    Finished jobs are kept apart as done and failed: half of those that memory is planned for each. A worker waits for Redis
    for ever (maxRetriesPerRequest null, as BullMQ demands); a producer must fail fast and has its own.
    """
    done = queue.retained // 2
    worker: dict[str, Any] = {
        "concurrency": queue.concurrency,
        "stalledInterval": round(queue.stalled_interval * 1000),
        "connection": {"maxRetriesPerRequest": None},
    }
    if queue.limiter is not None:
        worker["limiter"] = {"max": queue.limiter.jobs, "duration": round(queue.limiter.within * 1000)}
    return {
        "queue": name,
        "connection": {"host": host, "port": PORT, **({"tls": {}} if queue.tls else {})},
        "depthCap": queue.depth_cap,
        "defaultJobOptions": {"removeOnComplete": {"count": done}, "removeOnFail": {"count": queue.retained - done}},
        "worker": worker,
    }
