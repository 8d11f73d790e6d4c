"""Finding the Pulumi engine on this machine, or building it."""

import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NoReturn

from headroom.local.engine_build import Progress, build_engine, engine_module, pinned_version
from headroom.local.errors import ToolFailed, ToolMissing
from headroom.local.paths import Paths, paths

OLDEST = (3, 259, 0)
OFFICIAL_HOST = "pulumi-language-python"


@dataclass(frozen=True)
class Engine:
    """A `pulumi` that can run this project; `built` ones come without a language host."""

    binary: Path
    origin: Literal["path", "built"]
    version: str


def ensure_engine(paths: Paths, progress: Progress) -> Engine:
    """Return the engine: an installed one that is new enough and complete, else the pinned one, built first if need be.

    `progress` gets a line every five seconds of a build. Raises ToolMissing with neither engine nor Go, ToolFailed if Go fails.
    """
    installed = _installed()
    if installed is not None:
        return installed
    return Engine(build_engine(paths.cache, progress), "built", pinned_version(engine_module()))


def official_host(binary: Path) -> Path | None:
    """Return Pulumi's own Python language host: beside the engine (links followed), else on PATH, else None."""
    beside = binary.resolve().parent / OFFICIAL_HOST
    if os.access(beside, os.X_OK):
        return beside
    found = shutil.which(OFFICIAL_HOST)
    return Path(found) if found else None


def _installed() -> Engine | None:
    found = shutil.which("pulumi")
    if found is None or official_host(Path(found)) is None:
        return None
    asked = subprocess.run(
        [found, "version"],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env=os.environ | {"PULUMI_SKIP_UPDATE_CHECK": "true"},
    )
    version = re.match(r"v?((\d+)\.(\d+)\.(\d+)\S*)", asked.stdout)
    if asked.returncode != 0 or version is None or tuple(map(int, version.group(2, 3, 4))) < OLDEST:
        return None
    return Engine(Path(found), "path", version[1])


def _stop(signal_number: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt(signal_number)


def main() -> int:
    """Return 0 once the engine is there, 3 if it cannot be had; `make up` runs this beside the plan."""
    # A shell starts background jobs with SIGINT ignored, and SIGTERM would leave Go's compilers behind.
    signal.signal(signal.SIGINT, _stop)
    signal.signal(signal.SIGTERM, _stop)
    try:
        engine = ensure_engine(paths(), lambda line: print(line, flush=True))
    except (ToolMissing, ToolFailed) as problem:
        print(problem, file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        return 130
    print(f"engine: pulumi {engine.version} ({engine.origin}) at {engine.binary}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
