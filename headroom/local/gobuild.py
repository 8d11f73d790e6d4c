"""Building a Go program of a committed wrapper module, with progress."""

import os
import shutil
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, cast

from headroom.local.errors import ToolFailed, ToolMissing

PROGRESS_EVERY_S = 5.0
_OUTPUT_LINES_KEPT = 30
_MINUTE_S = 60
_INSTALL = "Install Go 1.26 or later (https://go.dev/doc/install)."
_REMEDY = "Go 1.26 or later, a reachable module proxy and some 5 GB of free disk are needed."


def go_build(module_dir: Path, package: str, output: Path, flags: Sequence[str], progress: Callable[[str], None]) -> None:
    """Build ``package`` of the module in ``module_dir`` into the file ``output``.

    The file appears whole or not at all. ``flags`` are those of ``go build``. ``progress`` gets a line every few
    seconds: packages compiled, of how many that Go's own cache does not hold yet, and the time so far. Interrupted, it
    ends Go and the compilers that Go started.

    Raises ToolMissing without Go, ToolFailed with Go's last lines where the build fails.
    """
    started = time.monotonic()
    progress(f"{output.name}: reading the list of its packages")
    total = len(go_list(module_dir, "-deps", "-f", "{{if .Stale}}{{.ImportPath}}{{end}}", *flags, package).split())
    output.parent.mkdir(parents=True, exist_ok=True)
    unfinished = output.with_name(f".{output.name}.{os.getpid()}")
    build = subprocess.Popen(
        [_go(output.name), "build", "-v", *flags, "-o", str(unfinished), package],
        cwd=module_dir,
        env=_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a compiler outlives a Go that is killed alone: the group is what gets ended
    )
    output_of_go = _Output()
    reader = threading.Thread(target=output_of_go.read, args=(cast(IO[str], build.stderr),), daemon=True)
    reader.start()
    try:
        while True:
            try:
                code = build.wait(timeout=PROGRESS_EVERY_S)
                break
            except subprocess.TimeoutExpired:
                spent = _duration(time.monotonic() - started)
                progress(f"{output.name}: {output_of_go.packages} of {total} packages, {spent}")
        reader.join()
        if code != 0:
            raise ToolFailed(f"go build {package} (in {module_dir}) failed", "\n".join(output_of_go.last_lines), _REMEDY)
        unfinished.replace(output)
    finally:
        if build.poll() is None:
            os.killpg(build.pid, signal.SIGKILL)
            build.wait()
        unfinished.unlink(missing_ok=True)
    progress(f"{output.name}: built in {_duration(time.monotonic() - started)}")


def go_list(module_dir: Path, *arguments: str) -> str:
    """Return what ``go list`` with these arguments prints for the module in ``module_dir``.

    Raises ToolMissing without Go, ToolFailed with Go's last lines where it fails.
    """
    run = subprocess.run(
        [_go("a Go module"), "list", *arguments],
        cwd=module_dir,
        env=_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode != 0:
        raise ToolFailed(
            f"go list {' '.join(arguments)} (in {module_dir}) failed",
            "\n".join(run.stderr.splitlines()[-_OUTPUT_LINES_KEPT:]),
            _REMEDY,
        )
    return run.stdout


class _Output:
    """What ``go build -v`` has written so far: the count of packages, and its last lines."""

    def __init__(self) -> None:
        self.packages = 0
        self.last_lines: deque[str] = deque(maxlen=_OUTPUT_LINES_KEPT)

    def read(self, stream: IO[str]) -> None:
        for line in stream:
            self.last_lines.append(line.rstrip())
            # -v prints the import path of each package that is compiled; downloads and errors have a space in them.
            self.packages += " " not in line.strip()


def _go(needed_for: str) -> str:
    go = shutil.which("go")
    if go is None:
        raise ToolMissing("Go", f"building {needed_for}", _INSTALL)
    return go


def _environment() -> dict[str, str]:
    # A larger heap saves about a tenth of the time; a go.work or flags of the user's would change what is built.
    return {**os.environ, "CGO_ENABLED": "0", "GOGC": "400", "GOWORK": "off", "GOFLAGS": "-buildvcs=false"}


def _duration(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole // _MINUTE_S}m{whole % _MINUTE_S:02d}s" if whole >= _MINUTE_S else f"{whole}s"
