"""Time and memory of a command with everything that it starts, by what each process is."""

import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_EVERY_SECONDS = 0.05
_TICKS, _PAGE = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Taken:
    """What a command took."""

    code: int
    seconds: float
    processor: Mapping[str, float]
    """Seconds of processor time by kind of process, up to the last look at each."""
    peak_mib: float
    """Of all processes at one time; what they share counts for each."""


def watched(command: Sequence[str], folder: Path, environ: Mapping[str, str], kind: Callable[[str], str]) -> Taken:
    """Run a command in a session of its own and return what it took; `kind` names a process by its command line."""
    begun = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=folder, env=dict(environ), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True
    )
    seen: dict[int, tuple[str, float]] = {}
    peak = 0
    while process.poll() is None:
        resident = 0
        for pid in _session(process.pid):
            if (look := _look(pid)) is not None:
                line, seconds, pages = look
                before = seen.get(pid, ("", 0.0))[0]
                seen[pid] = (line or before, seconds)  # one that has ended and waits for its parent has no command line
                resident += pages * _PAGE
        peak = max(peak, resident)
        time.sleep(_EVERY_SECONDS)
    taken = time.perf_counter() - begun
    processor: dict[str, float] = {}
    for line, seconds in seen.values():
        processor[kind(line)] = processor.get(kind(line), 0.0) + seconds
    return Taken(process.returncode, taken, processor, peak / 2**20)


def _session(leader: int) -> list[int]:
    """Return the processes of a session."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (stat := _read(entry / "stat")) is not None:
            # A process's name may hold anything, so fields are counted from the bracket that ends it.
            session = int(stat.rpartition(")")[2].split()[3])
            found += [int(entry.name)] if session == leader else []
    return found


def _look(pid: int) -> tuple[str, float, int] | None:
    """Return a process's command line, its seconds of processor time and its pages in memory; None where it has ended."""
    place = Path("/proc") / str(pid)
    line, stat = _read(place / "cmdline"), _read(place / "stat")
    if line is None or stat is None:
        return None
    fields = stat.rpartition(")")[2].split()
    return line.replace("\0", " "), (int(fields[11]) + int(fields[12])) / _TICKS, int(fields[21])


def _read(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
