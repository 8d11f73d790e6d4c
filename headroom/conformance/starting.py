"""A service started with less than the plan counts on, by the command that starts it."""

import os
import shlex
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping

from headroom.conformance.contract import LIMITS, READY, STARTS_AS_PLANNED, Finding, judged
from headroom.located import BadInput, Problem
from headroom.ports import free_ports

START_SECONDS = 60.0
END_SECONDS = 10.0
BEYOND_ANY = str(2**60)
"""Files, bytes or cores that no machine has."""
ENOUGH = "1"


def start_below_plan(command: str) -> Finding:
    """Return whether a service refuses to start where a limit is below the plan, and starts where none is.

    The command runs on this machine, with free ports and the variables that the stack gives a pod. What stands in the
    environment already, but for the limits and ports, is kept.
    """
    words = shlex.split(command)
    if not words:
        raise BadInput([Problem("--start", None, "", "expected a command")])
    fitting = dict.fromkeys(LIMITS.values(), ENOUGH)
    ready, said = _started(words, fitting)
    if not ready:
        return judged(STARTS_AS_PLANNED, held=False, seen=f"with every limit as planned it does not become ready: {said}")
    silent = []
    for limit, variable in LIMITS.items():
        ready, said = _started(words, fitting | {variable: BEYOND_ANY})
        if ready:
            silent.append(f"{limit}: it starts")
        elif variable not in said and limit not in said:
            silent.append(f"{limit}: it ends without naming it")
    return judged(STARTS_AS_PLANNED, not silent, "; ".join(silent) or "it names each of the three and does not start")


def _started(words: list[str], limits: Mapping[str, str]) -> tuple[bool, str]:
    """Return whether a process becomes ready, and what it said by then."""
    port, probe_port = free_ports(2)
    defaults = {"HEADROOM_MAX_SESSIONS": "1", "HEADROOM_WORKERS": "1", "HEADROOM_DRAIN_SECONDS": "1"}
    ports = {"HEADROOM_PORT": str(port), "HEADROOM_PROBE_PORT": str(probe_port)}
    with tempfile.TemporaryFile() as output:
        try:
            process = subprocess.Popen(
                words, env={**defaults, **os.environ, **ports, **limits}, stdout=output, stderr=subprocess.STDOUT
            )
        except OSError as failed:
            raise BadInput([Problem("--start", None, "", f"{words[0]}: {failed.strerror}")]) from None
        try:
            ready, answer = _ready(process, probe_port)
        finally:
            _end(process)
        output.seek(0)
        return ready, answer + output.read().decode(errors="replace").strip()


def _ready(process: "subprocess.Popen[bytes]", port: int) -> tuple[bool, str]:
    """Return whether it becomes ready before it ends, and what /readyz said last."""
    opener, said = urllib.request.build_opener(urllib.request.ProxyHandler({})), ""
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with opener.open(f"http://127.0.0.1:{port}{READY}", timeout=1.0):
                return True, ""
        except urllib.error.HTTPError as refused:
            with refused:
                said = refused.read().decode(errors="replace")
        except OSError:
            pass  # it does not listen yet
        time.sleep(0.1)
    return False, said


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
