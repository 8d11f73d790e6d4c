"""Building the pinned Pulumi engine with Go."""

import fcntl
import hashlib
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from headroom.local.errors import ToolFailed, ToolMissing
from headroom.local.gobuild import go_build

PACKAGE = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
WAIT_S = 0.5
WITHOUT = "`headroom plan` and `headroom synth` work without the engine."

Progress = Callable[[str], None]


def engine_module() -> Path:
    """Return the folder of the Go module that pins the engine."""
    return Path(__file__).resolve().parent / "engine"


def pinned_version(module: Path) -> str:
    """Return the engine's version as go.mod pins it, without the leading v; ToolFailed if it pins none."""
    pin = re.search(r"^\s*github\.com/pulumi/pulumi/pkg/v3 v(\S+)", (module / "go.mod").read_text(), re.MULTILINE)
    if pin is None:
        raise ToolFailed("Reading the engine's version", f"{module / 'go.mod'} does not require pulumi/pkg/v3.")
    return pin[1]


def build_flags(version: str) -> tuple[str, ...]:
    """Return the flags of `go build`; without the version flag the Automation API cannot parse `pulumi version`.

    Unoptimised code (-gcflags='all=-N -l') builds in three quarters of the time, once; every later command would pay for it.
    """
    linked = f"-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v{version}"
    return ("-tags", "osusergo,grpcnotrace", "-ldflags", linked)


def built_engine(cache: Path) -> Path:
    """Return where the engine of this go.mod, go.sum and these flags is, or will be once built."""
    module = engine_module()
    digest = hashlib.sha256()
    for name in ("go.mod", "go.sum"):
        digest.update((module / name).read_bytes())
    digest.update("\0".join(build_flags(pinned_version(module))).encode())
    return cache / "engine" / digest.hexdigest()[:16] / "bin" / "pulumi"


def build_engine(cache: Path, progress: Progress) -> Path:
    """Return the built engine's path, building it first unless that was done.

    Two callers at once build once: the second repeats the first one's progress, and takes over if that one dies.
    Raises ToolMissing without Go, ToolFailed with the last lines of Go's output.
    """
    binary = built_engine(cache)
    if binary.exists():
        return binary
    if shutil.which("go") is None:
        raise ToolMissing(
            "The Pulumi engine (3.259 or later, with its Python language host), or Go to build it,",
            "previewing and applying a stack",
            "Install Pulumi (https://www.pulumi.com/docs/install/) or Go 1.26 or later (https://go.dev/dl/). " + WITHOUT,
        )
    folder = binary.parent.parent
    folder.mkdir(parents=True, exist_ok=True)
    with _lock(folder, progress):
        if not binary.exists():
            module = engine_module()
            try:
                go_build(module, PACKAGE, binary, build_flags(pinned_version(module)), _recorded(folder, progress))
            except ToolFailed as failure:
                remedy = "If this Go is too old or cannot reach a module proxy, install a newer one, or Pulumi itself. " + WITHOUT
                raise ToolFailed(failure.what, failure.detail, remedy) from None
    return binary


@contextmanager
def _lock(folder: Path, progress: Progress) -> Iterator[None]:
    """Hold the build's lock; the kernel frees it when its holder dies."""
    recorded = folder / "progress"
    seen = ""
    with (folder / "lock").open("w") as handle:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                line = recorded.read_text() if recorded.exists() else ""
                if line != seen:
                    progress(line)
                    seen = line
                time.sleep(WAIT_S)
        yield


def _recorded(folder: Path, progress: Progress) -> Progress:
    """Return a progress that also leaves its last line for those who wait for the lock."""

    def record(line: str) -> None:
        line = "engine:" + line.removeprefix("pulumi:")
        fresh = folder / "progress.new"
        fresh.write_text(line)
        fresh.replace(folder / "progress")
        progress(line)

    return record
