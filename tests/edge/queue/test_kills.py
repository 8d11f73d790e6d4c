"""Redis, a gateway and a worker killed in turn: what was acknowledged is recorded exactly once, or a dead letter."""

import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.edge.queue.gateway import (
    NEEDS,
    Gateway,
    Workers,
    dead,
    depth,
    install_packages,
    kill_redis,
    producing,
    queue_of,
    running,
    settings_of,
)
from tests.parts.queue.redis_server import QUEUE, Server, serving
from tests.waiting import until

pytestmark = NEEDS
CALLS = 6_000
PRODUCERS = 4
SLOW_DISK = """
#include <sys/syscall.h>
#include <unistd.h>
int fdatasync(int file) { usleep(400000); return syscall(SYS_fdatasync, file); }
"""
BACKOFF = {"attempts": 3, "backoff": {"type": "exponential", "delay": 200}}


@pytest.fixture(autouse=True)
def packages() -> None:
    """The gateway's packages."""
    install_packages()


@dataclass(frozen=True)
class _Found:
    """What became of the callbacks."""

    acknowledged: set[str]
    recorded: Counter[str]
    dead: set[str]
    again: Counter[str]
    """Jobs that ran again and found their effect recorded."""

    @property
    def lost(self) -> set[str]:
        """Acknowledged, and neither recorded nor a dead letter."""
        return self.acknowledged - self.recorded.keys() - self.dead

    @property
    def doubled(self) -> set[str]:
        """Recorded more than once."""
        return {job for job, times in self.recorded.items() if times > 1}


def test_what_is_acknowledged_happens_once(tmp_path: Path) -> None:
    """Every call is acknowledged in the end, none is lost or recorded twice; those that cannot succeed are dead letters."""
    found = _killed_in_turn(tmp_path)
    assert len(found.acknowledged) == CALLS
    assert (found.lost, found.doubled) == (set(), set())
    assert found.dead >= {f"tenant/call-{number}" for number in range(0, CALLS, 40)}
    assert found.again  # or the kills met no job between its effect and its end


def test_a_ledger_that_forgets_is_seen(tmp_path: Path) -> None:
    """Jobs of killed workers run again: where effects are not recorded once by key, some are recorded twice."""
    assert _killed_in_turn(tmp_path, ledger="twice.mjs").doubled


@pytest.mark.parametrize(
    ("conf", "twins", "loses"),
    [("appendonly yes", {}, False), ("appendonly no", {"appended.js": "answered.mjs"}, True)],
)
def test_a_killed_redis_has_what_was_acknowledged(tmp_path: Path, conf: str, twins: dict[str, str], *, loses: bool) -> None:
    """Redis is killed again and again amid offers and before any worker starts: nothing is lost, unless it keeps no file."""
    with serving(queue_of("local", depth_cap=CALLS), tmp_path, lambda text: text.replace("appendonly yes", conf)) as server:
        assert bool(_forgotten(server, tmp_path, twins)) == loses


@pytest.mark.needs("cc", "apt-get install gcc libc6-dev")
@pytest.mark.parametrize(("twins", "loses"), [({}, False), ({"appended.js": "answered.mjs"}, True)])
def test_on_a_slow_disk_an_answer_of_redis_is_not_enough(tmp_path: Path, twins: dict[str, str], *, loses: bool) -> None:
    """Where an fsync takes 400 ms Redis answers before it writes: a gateway that believes it loses calls, ours does not."""
    source, library = tmp_path / "slow.c", tmp_path / "slow.so"
    source.write_text(SLOW_DISK)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
    with serving(queue_of("local", depth_cap=CALLS), tmp_path, environment={"LD_PRELOAD": str(library)}) as server:
        assert bool(_forgotten(server, tmp_path, twins)) == loses


def test_without_a_file_no_gateway_is_ready(tmp_path: Path) -> None:
    """A Redis without an append-only file gets no callbacks: its gateway says that it cannot keep any."""
    with serving(queue_of("local"), tmp_path, lambda text: text.replace("appendonly yes", "appendonly no")) as server:
        gateway = Gateway(settings_of(server, "local"), tmp_path)
        try:
            gateway.launch()
            until(lambda: gateway.asked("/livez").status == 200, "the gateway answers")
            assert gateway.asked("/readyz").status == 503
        finally:
            gateway.kill()


def _forgotten(server: Server, folder: Path, twins: dict[str, str]) -> set[str]:
    """Return the calls that a gateway acknowledged and that Redis, killed five times meanwhile, does not have."""
    gateway = Gateway(settings_of(server, "local"), folder, twins)
    with (
        running(gateway),
        producing([gateway], folder, producers=PRODUCERS, each=CALLS // PRODUCERS, until_acknowledged=True) as producers,
    ):
        for part in range(1, 6):
            wanted = part * CALLS // 6
            until(lambda wanted=wanted: len(producers.answers()) >= wanted, f"{wanted} are acknowledged")  # type: ignore[misc]
            kill_redis(server)
        until(producers.done, "every call is acknowledged", within=120)
    acknowledged = {f"tenant/{answer['call']}" for answer in producers.answers()}
    assert len(acknowledged) == CALLS
    return acknowledged - {str(job) for job in server.client("worker").zrange(f"bull:{QUEUE}:prioritized", 0, -1)}


def _killed_in_turn(folder: Path, ledger: str = "ledger.mjs") -> _Found:
    queue = queue_of("local", depth_cap=CALLS, retained=4 * CALLS)
    with serving(queue, folder) as server:
        told = settings_of(server, "local")
        told["defaultJobOptions"] |= BACKOFF
        gateways = [Gateway(told, folder), Gateway(told | _other_ports(server), folder)]
        workers = [Workers(server, folder, ledger) for _ in range(2)]
        with (
            running(*gateways, *workers),
            producing(gateways, folder, producers=PRODUCERS, each=CALLS // PRODUCERS, until_acknowledged=True) as producers,
        ):
            victims: list[Gateway | Workers] = [*gateways, *workers, *workers, *gateways]
            for number, victim in enumerate(victims):
                wanted = (number + 1) * CALLS // 10
                until(lambda wanted=wanted: len(producers.answers()) >= wanted, f"{wanted} are acknowledged")  # type: ignore[misc]
                victim.kill()
                if number % 2:
                    kill_redis(server)
                victim.start()
            until(producers.done, "every call is acknowledged", within=120)
            until(lambda: depth(server) == 0, "the queue is empty", within=120)
        acknowledged = {f"tenant/{answer['call']}" for answer in producers.answers()}
        return _Found(acknowledged, workers[0].written("recorded"), dead(server), workers[0].written("again"))


def _other_ports(server: Server) -> dict[str, int]:
    fresh = settings_of(server, "local")
    return {name: fresh[name] for name in ("port", "probesPort")}
