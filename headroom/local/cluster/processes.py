"""Background programs that outlive this one, known again by more than their pid."""

import os
import signal
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

_POLL_S = 0.05


@dataclass(frozen=True)
class Process:
    """A program as /proc shows it: pid, start in clock ticks since boot (the two are unique), command line."""

    pid: int
    started_ticks: int
    command: tuple[str, ...]


def start(command: Sequence[str], log: Path, environment: Mapping[str, str]) -> Process:
    """Start ``command`` in a session of its own (Ctrl-C in this shell does not reach it), both outputs to ``log``.

    The log of the run before is kept beside it as ``<name>.previous``: it holds the reason why that run ended.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists():
        log.replace(log.with_name(f"{log.name}.previous"))
    # Ctrl-C waits until the program can be found again, or whoever ends what was started would miss it.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        # Not subprocess: its objects expect to see the end of what they started.
        pid = os.posix_spawn(
            command[0],
            tuple(command),
            environment,
            setsid=True,
            setsigmask=mask,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
        )
        # Its /proc entry is there even if it ended at once: nobody has collected its end yet. The command line comes a moment
        # after the program: without it nobody would find the process again.
        state, started_ticks = _stat(pid)
        while state != "Z" and _command(pid) != tuple(command):
            time.sleep(0.001)
            state, _ = _stat(pid)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    return Process(pid, started_ticks, tuple(command))


def is_running(process: Process) -> bool:
    """Return whether this very program still runs: a pid alone may by now be somebody else's."""
    try:
        state, started_ticks = _stat(process.pid)
        if started_ticks != process.started_ticks:
            return False
        if state == "Z":
            with suppress(ChildProcessError):
                os.waitpid(process.pid, os.WNOHANG)  # where this process started it, its end must be collected
            return False
    except OSError:
        return False
    return True


def find(names: Collection[str], mention: str) -> list[Process]:
    """Return this user's running processes of programs called ``names`` that have ``mention`` in an argument."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            program, *arguments = command = _command(int(folder.name))
            ours = folder.stat().st_uid == os.getuid()
            started_ticks = _stat(int(folder.name))[1]
        # It ended meanwhile, or has no command line: a zombie, a part of the kernel.
        except (OSError, ValueError):
            continue
        if ours and Path(program).name in names and any(mention in argument for argument in arguments):
            found.append(Process(int(folder.name), started_ticks, tuple(command)))
    return found


def started_at(process: Process) -> datetime:
    """Return when a running program was started, in UTC, to the second."""
    boot = next(int(line.split()[1]) for line in Path("/proc/stat").read_text().splitlines() if line.startswith("btime "))
    return datetime.fromtimestamp(boot + process.started_ticks // os.sysconf("SC_CLK_TCK"), UTC)


def stop(processes: Sequence[Process], patience_s: float) -> None:
    """End those of ``processes`` that still run: ask by SIGTERM, and kill what has not ended after ``patience_s``."""
    for signal_number, until in ((signal.SIGTERM, time.monotonic() + patience_s), (signal.SIGKILL, None)):
        left = [process for process in processes if is_running(process)]
        for process in left:
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal_number)
        while any(is_running(process) for process in left) and (until is None or time.monotonic() < until):
            time.sleep(_POLL_S)


def _command(pid: int) -> tuple[str, ...]:
    return tuple(os.fsdecode(Path(f"/proc/{pid}/cmdline").read_bytes()).split("\0")[:-1])


def _stat(pid: int) -> tuple[str, int]:
    # The second field is the program's name in brackets and may hold spaces; state is the third, start the 22nd.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return fields[0], int(fields[19])
