"""The reference agent and its twins as processes of their own, on free ports of loopback."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headroom.ports import free_ports
from tests.waiting import PATIENCE_SECONDS

REFERENCE = (sys.executable, "-m", "examples.agent")
FIGURES = {
    "HEADROOM_MAX_SESSIONS": "5",
    "HEADROOM_WORKERS": "1",
    "HEADROOM_DRAIN_SECONDS": "60",
    "HEADROOM_OPEN_FILES": "256",
    "HEADROOM_MEMORY_BYTES": str(64 * 2**20),
    "HEADROOM_CPU_CORES": "0.5",
}


@dataclass(frozen=True)
class Agent:
    """A running agent."""

    process: "subprocess.Popen[bytes]"
    calls: str
    probes: str
    log: Path


@contextmanager
def running(folder: Path, *command: str, **figures: str) -> Iterator[Agent]:
    """Run an agent until it answers, and end it."""
    port, probe_port = free_ports(2)
    environ = {**os.environ, **FIGURES, "HEADROOM_PORT": str(port), "HEADROOM_PROBE_PORT": str(probe_port), **figures}
    log = folder / "agent.log"
    with log.open("wb") as output, subprocess.Popen(command, env=environ, stdout=output, stderr=subprocess.STDOUT) as process:
        agent = Agent(process, f"ws://127.0.0.1:{port}/", f"http://127.0.0.1:{probe_port}", log)
        try:
            _answering(agent)
            yield agent
        finally:
            process.kill()


def _answering(agent: Agent) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            urllib.request.urlopen(f"{agent.probes}/livez", timeout=5).close()  # noqa: S310  # our own
        except OSError:
            assert agent.process.poll() is None, agent.log.read_text()
            assert time.monotonic() < deadline, "the agent does not answer"
            time.sleep(0.1)
        else:
            return


def conformance(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the command."""
    command = [sys.executable, "-m", "headroom.cli", "conformance", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)


def verdicts(done: "subprocess.CompletedProcess[str]") -> dict[str, str]:
    """Return the verdicts by rule of a run with --json."""
    assert done.stdout, done.stderr
    rules: list[dict[str, Any]] = json.loads(done.stdout)["rules"]
    return {rule["rule"]: rule["verdict"] for rule in rules}
