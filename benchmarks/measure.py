"""Time and memory of a piece of work."""

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Generic, TypeVar

Answer = TypeVar("Answer")

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Timed(Generic[Answer]):
    """An answer and how long it took."""

    answer: Answer
    seconds: float


def best_of(repeats: int, work: Callable[[], Answer]) -> Timed[Answer]:
    """Return the last answer of some repeats and the shortest of their times: what else runs on the machine only adds to one."""
    best, answer = float("inf"), None
    for _ in range(repeats):
        begun = time.perf_counter()
        answer = work()
        best = min(best, time.perf_counter() - begun)
    if answer is None:
        raise ValueError("the work must be repeated at least once and give an answer")
    return Timed(answer, best)


def peak_mib(work: Callable[[str], object], argument: str) -> float:
    """Return the MiB by which some work raises the peak of a process of its own, as `alone` runs it."""
    return alone(work, argument).peak_mib


@dataclass(frozen=True)
class Alone:
    """What some work took in a process of its own."""

    seconds: float
    peak_mib: float
    """By which it raised the peak; what it imports only when it runs counts too."""


def alone(work: Callable[[str], object], argument: str) -> Alone:
    """Return what a function of a module takes that is called with one argument."""
    command = [sys.executable, "-m", "benchmarks.measure", work.__module__, work.__name__, argument]
    ran = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return Alone(*map(float, ran.stdout.split()))


def _peak_kib() -> int:
    # Not getrusage: its peak is inherited from the process that started this one.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0])


if __name__ == "__main__":
    module, name, given = sys.argv[1:]
    function = getattr(import_module(module), name)
    before = _peak_kib()
    begun = time.perf_counter()
    function(given)
    print(time.perf_counter() - begun, (_peak_kib() - before) / 1024)
