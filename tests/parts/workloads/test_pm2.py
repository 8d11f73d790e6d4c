"""PM2 itself reads the ecosystem file that is rendered, and does what it says."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from capacity.plan import LivePlan
from capacity.sizing.workers import Workers
from components.workloads.pm2 import COMMAND, FILE, ecosystem
from tests.environments import planned

pytestmark = pytest.mark.needs("npm", "install Node.js 20 or later with npm, and run: make test-parts")

FOLDER = Path(__file__).resolve().parent
SERVER = FOLDER / "server.js"
PM2 = FOLDER / "node_modules" / ".bin" / "pm2"

Pm2 = Callable[..., str]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder for one PM2 daemon."""
    return tmp_path


@pytest.fixture
def pm2(home: Path) -> Iterator[Pm2]:
    """Calls PM2 with a daemon of its own, which ends with the test."""

    def call(*arguments: str, **environment: str) -> str:
        own = {"PM2_HOME": str(home / "pm2"), "PM2_WORKER_INTERVAL": "500", "ENDED": str(home / "ended")}
        done = subprocess.run(
            [PM2, *arguments], cwd=home, env={**os.environ, **own, **environment}, check=True, capture_output=True, text=True
        )
        return done.stdout

    yield call
    call("kill")


def processes(pm2: Pm2) -> list[dict[str, Any]]:
    """What PM2 says of its processes."""
    found: list[dict[str, Any]] = json.loads(pm2("jlist").splitlines()[-1])
    return found


def workers(**figures: object) -> Workers:
    """The workers of prod's Sales with some other figures, and the test's own program."""
    sales = next(vertical for vertical in planned("prod").live if vertical.name == "sales")
    assert isinstance(sales, LivePlan)
    assert sales.workers is not None
    return sales.workers.model_copy(update={"script": str(SERVER), **figures})


def start(pm2: Pm2, home: Path, of: Workers, **environment: str) -> None:
    """Start what the rendered file says."""
    (home / FILE).write_text(ecosystem("sales", of))
    pm2("start", FILE, **environment)


def test_pm2_runs_as_many_processes_as_the_plan_counts(pm2: Pm2, home: Path) -> None:
    """PM2 takes every figure of prod's file as it was meant: processes in cluster mode, milliseconds and bytes."""
    start(pm2, home, workers())
    running = [process["pm2_env"] for process in processes(pm2)]
    assert [one["status"] for one in running] == ["online"] * 8
    assert {one["exec_mode"] for one in running} == {"cluster_mode"}
    assert {one["kill_timeout"] for one in running} == {3_630_000}
    assert {one["max_memory_restart"] for one in running} == {2**30}


def test_one_process_is_no_cluster(pm2: Pm2, home: Path) -> None:
    """A pod of one process has no load balancer in it."""
    start(pm2, home, workers(processes=1))
    assert [process["pm2_env"]["exec_mode"] for process in processes(pm2)] == ["fork_mode"]


@pytest.mark.parametrize(("kill_timeout", "ended"), [(3630.0, "0\n"), (0.2, "")])
def test_calls_end_within_the_kill_timeout(pm2: Pm2, home: Path, kill_timeout: float, ended: str) -> None:
    """A process that holds a call for three seconds, longer than PM2's own 1.6, ends by itself; with less it is cut."""
    start(pm2, home, workers(processes=1, kill_timeout=kill_timeout), CALL_MS="3000")
    pm2("stop", "sales")
    file = home / "ended"
    assert (file.read_text() if file.exists() else "") == ended


def test_memory_above_the_figure_is_a_restart(pm2: Pm2, home: Path) -> None:
    """A process that passes max_memory_restart is started anew; one that stays below is not."""
    start(pm2, home, workers(processes=1, max_memory_restart=150 * 2**20), HOLD_BYTES=str(300 * 2**20))
    deadline = time.monotonic() + 30
    while not processes(pm2)[0]["pm2_env"]["restart_time"]:
        assert time.monotonic() < deadline
        time.sleep(0.3)
    pm2("delete", "sales")
    start(pm2, home, workers(processes=1), HOLD_BYTES=str(300 * 2**20))
    time.sleep(3)
    assert processes(pm2)[0]["pm2_env"]["restart_time"] == 0


def test_logs_leave_the_pod_and_fill_no_disk(home: Path) -> None:
    """By the command of the pod, what a process writes is on the container's output, and in no file."""
    (home / FILE).write_text(ecosystem("sales", workers(processes=2)))
    command = [str(PM2.with_name("pm2-runtime")), *COMMAND[1:-1], str(home / FILE)]
    environ = {**os.environ, "PM2_HOME": str(home / "pm2"), "ENDED": str(home / "ended")}
    with subprocess.Popen(command, cwd=home, env=environ, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        lines = (line for line in running.stdout if "a line of the log" in line)
        assert [next(lines), next(lines)]
        running.terminate()
        running.communicate(timeout=60)
    assert running.returncode == 0
    assert (home / "ended").read_text() == "0\n0\n"
    assert [file for file in (home / "pm2" / "logs").glob("*") if file.stat().st_size] == []
