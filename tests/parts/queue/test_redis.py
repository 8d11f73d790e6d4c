"""The rendered Redis, run: what is acknowledged stays, what does not fit is refused, and nobody does what he may not."""

import json
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import redis

from capacity.plan import CapacityPlan, QueuePlan
from capacity.sizing.queue import Limiter, Queue, server_disk, server_memory
from components.queue.render import queue_resources
from tests.environments import planned
from tests.parts.queue.certificate import write_certificate
from tests.parts.queue.redis_server import QUEUE, Server, serving
from tests.waiting import until

pytestmark = [
    pytest.mark.needs("redis-server", "apt-get install redis-server"),
    pytest.mark.needs("node", "apt-get install nodejs npm, then make test-parts"),
]
POSTPONED_SECONDS = 2.0
"""How long Redis may hold writes back behind an fsync (redis.conf, appendfsync)."""


def _queue(environment: str = "local") -> Queue:
    (queue,) = [one.queue for one in planned(environment).verticals if isinstance(one, QueuePlan)]
    assert queue is not None
    return queue


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server with the configuration of stack local."""
    with serving(_queue(), tmp_path) as running:
        yield running


def test_it_starts_as_planned(server: Server) -> None:
    """Memory, policy and persistence are those of the plan, by the server's own word."""
    said = server.client("exporter").config_get("*")
    expected = {
        "maxmemory": "67108864",
        "maxmemory-policy": "noeviction",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
    }
    assert isinstance(said, dict)
    assert {key: said[key] for key in expected} == expected


def test_the_probe_sees_it_and_may_do_nothing_else(server: Server) -> None:
    """The rendered readiness command succeeds on a server that serves; its user may not look at a key."""
    (rendered,) = [one for one in queue_resources(planned("local"), parent="x") if one.type.endswith(":StatefulSet")]
    command = rendered.props["spec"]["template"]["spec"]["containers"][0]["readinessProbe"]["exec"]["command"]
    here = [str(server.port) if word == "6379" else word for word in command]
    assert subprocess.run(here, capture_output=True, check=True, text=True).stdout == "PONG\n"
    other = [*here[:-1], "keys", "*"]
    assert "NOPERM" in subprocess.run(other, capture_output=True, check=False, text=True).stderr


@pytest.mark.parametrize(
    ("user", "command"),
    [
        ("default", "PING"),
        *((user, word) for user in ("producer", "worker") for word in ("FLUSHALL", "CONFIG GET maxmemory", "KEYS *", "ACL LIST")),
        *((user, "SET other:key 1") for user in ("producer", "worker", "exporter")),
        ("exporter", f"DEL bull:{QUEUE}:wait"),
        ("exporter", f"HGETALL bull:{QUEUE}:1"),
    ],
)
def test_nobody_does_what_he_may_not(server: Server, user: str, command: str) -> None:
    """There is no default user; clients see their queue alone and do not administrate; the exporter counts and reads no job."""
    with pytest.raises((redis.AuthenticationError, redis.exceptions.NoPermissionError)):
        server.client(user).execute_command(*command.split())  # type: ignore[no-untyped-call]  # of redis


def test_the_depth_cap_fits_and_leaves_the_room_of_a_fork(server: Server) -> None:
    """BullMQ's jobs of the spec's payload up to the cap take no more than planned: half of what maxmemory keeps for them."""
    queue = server.queue
    (answer,) = server.bullmq("fill", queue.depth_cap, queue.payload)
    assert answer == {"added": queue.depth_cap, "error": None}
    assert server.waiting() == queue.depth_cap
    used = server.info("memory")["used_memory"]
    assert used <= queue.depth_cap * (queue.payload + queue.overhead)


def test_beyond_maxmemory_adding_fails_and_nothing_is_evicted(server: Server) -> None:
    """Without the producers' cap Redis refuses the next job itself; all acknowledged ones are there; memory and disk suffice."""
    queue = server.queue
    (answer,) = server.bullmq("fill", 100 * queue.depth_cap, queue.payload)
    assert answer["added"] > 2 * queue.depth_cap
    assert "OOM" in answer["error"]
    assert server.waiting() >= answer["added"]
    assert server.info("stats")["evicted_keys"] == 0
    assert server.info("memory")["used_memory_peak"] <= server_memory(queue)
    assert _on_disk(server) <= server_disk(queue)


def _on_disk(server: Server) -> int:
    return sum(file.stat().st_size for file in (server.folder / "data").rglob("*") if file.is_file())


def test_a_killed_server_has_every_acknowledged_job(server: Server, tmp_path: Path) -> None:
    """After kill -9 amid adding, every job that was acknowledged before Redis' longest postponed write is there, in one file."""
    acknowledged = tmp_path / "acknowledged"
    with acknowledged.open("w") as output:
        adding = server.stream(output)
        until(lambda: len(acknowledged.read_text().splitlines()) > 1000, "1,000 jobs are acknowledged")
        time.sleep(POSTPONED_SECONDS)
        killed = time.time()
        server.process.kill()
        server.process.wait()
        adding.wait(timeout=60)
    jobs: list[dict[str, Any]] = [json.loads(line) for line in acknowledged.read_text().splitlines()]
    sure = {job["id"] for job in jobs if "id" in job and job["at"] / 1000 < killed - POSTPONED_SECONDS}
    assert len(sure) > 500
    server.restarted()
    until(lambda: server.info("persistence")["loading"] == 0, "the file is loaded")
    kept = server.client("worker").lrange(f"bull:{QUEUE}:wait", 0, -1)
    assert isinstance(kept, list)
    assert sure <= set(kept)


def test_finished_jobs_are_kept_as_planned(server: Server) -> None:
    """Workers with the rendered settings keep half of the retained jobs as done, and no more."""
    server.bullmq("fill", 1500, 100)
    (answer,) = server.bullmq("work", 1500)
    assert answer == {"done": 1500}
    until(lambda: server.waiting() == 0, "no job waits")
    kept = server.client("worker").zcard(f"bull:{QUEUE}:completed")
    assert kept == server.queue.retained // 2


def test_a_limiter_holds_the_workers_back(tmp_path: Path) -> None:
    """BullMQ reads the rendered limiter: of five jobs two are done in a second, and so the last in the third."""
    limited = _queue().model_copy(update={"limiter": Limiter.model_validate({"jobs": 2, "within": "1s"})})
    with serving(limited, tmp_path) as server:
        server.bullmq("fill", 5, 100)
        assert server.bullmq("work", 5) == [{"done": 5}]
        client = server.client("worker")
        ended = [float(str(client.hget(f"bull:{QUEUE}:{job}", "finishedOn"))) for job in range(1, 6)]
        # Redis counts the second from the first job that is taken: a job's own end may be a moment later.
        assert max(ended) - min(ended) > 1500


def test_with_tls_it_speaks_nothing_else(tmp_path: Path) -> None:
    """With `tls` the same port answers a client that trusts the certificate's authority, and no plain one."""
    write_certificate(tmp_path)
    with serving(_queue().model_copy(update={"tls": True}), tmp_path) as server:
        assert server.client("probe", ssl=True, ssl_ca_certs=str(tmp_path / "ca.crt")).ping() is True
        with pytest.raises(redis.ConnectionError):
            server.client("probe").ping()


def test_every_vertical_has_a_queue_of_its_own() -> None:
    """A queue with health data shares neither server nor namespace nor disk with another; its namespace says whose it is."""
    made = planned("local")
    (plain,) = [one for one in made.verticals if isinstance(one, QueuePlan)]
    health = replace(plain, name="referrals", spec=plain.spec.model_copy(update={"phi": True}))
    both: CapacityPlan = replace(made, verticals=(*made.verticals, health))
    resources = queue_resources(both, parent="x")
    servers = [one for one in resources if one.type.endswith(":StatefulSet")]
    assert [one.props["metadata"]["namespace"] for one in servers] == ["after-hours-queue", "referrals-queue"]
    marked = [one.props["metadata"]["labels"].get("headroom.dev/phi") for one in resources if one.type.endswith(":Namespace")]
    assert marked == [None, "referrals"]
