"""What this process was given, beside what the plan counts on."""

import os
import resource
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .settings import Settings

GROUP = Path("/sys/fs/cgroup")
"""A container sees its own control group here (version 2); without one the machine's own figures count."""


@dataclass(frozen=True)
class Limit:
    """One limit: its name, the variable that says what the plan counts on, and both figures."""

    name: str
    variable: str
    planned: float
    granted: float


def read_limits(settings: Settings, group: Path = GROUP) -> tuple[Limit, ...]:
    """Return open files, bytes of memory and processor cores."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    # The kernel keeps whole pages: a limit of 120 MB is a little less.
    page = os.sysconf("SC_PAGE_SIZE")
    files = float("inf") if soft == resource.RLIM_INFINITY else float(soft)
    return (
        Limit("open_files", "HEADROOM_OPEN_FILES", settings.open_files, files),
        Limit("memory_bytes", "HEADROOM_MEMORY_BYTES", settings.memory_bytes // page * page, _memory_bytes(group)),
        Limit("cpu_cores", "HEADROOM_CPU_CORES", settings.cpu_cores, _cpu_cores(group)),
    )


def shortfalls(limits: Sequence[Limit]) -> Iterator[str]:
    """Yield what is below the plan, by the variable that says so."""
    for limit in limits:
        if limit.granted < limit.planned:
            yield f"{limit.variable}: the plan counts on {limit.planned:.12g}, and this process has {limit.granted:.12g}"


def _memory_bytes(group: Path) -> float:
    machine = float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    words = _words(group / "memory.max")
    return machine if words in ([], ["max"]) else min(machine, float(words[0]))


def _cpu_cores(group: Path) -> float:
    machine = float(len(os.sched_getaffinity(0)))
    words = _words(group / "cpu.max")
    return machine if words == [] or words[0] == "max" else min(machine, float(words[0]) / float(words[1]))


def _words(file: Path) -> list[str]:
    return file.read_text(encoding="ascii").split() if file.is_file() else []
