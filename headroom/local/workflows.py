"""Checks the workflows of GitHub: `python -m headroom.local.workflows`."""

import subprocess
import sys
from pathlib import Path

from headroom.local.errors import ToolFailed, ToolMissing
from headroom.local.goprograms import ensure_actionlint
from headroom.local.paths import paths


def main() -> int:
    """Return 0 where zizmor and actionlint find nothing, 3 where one cannot be had; without asking anybody on the network."""
    where = paths()
    try:
        actionlint = ensure_actionlint(where, lambda line: print(line, file=sys.stderr, flush=True))
    except (ToolMissing, ToolFailed) as problem:
        print(problem, file=sys.stderr)
        return 3
    zizmor = Path(sys.executable).parent / "zizmor"
    # What actionlint would find on PATH and run as well differs from machine to machine.
    commands = (
        [str(zizmor), "--offline", "--no-progress", "--persona", "pedantic", "--no-config", ".github/workflows"],
        [str(actionlint), "-shellcheck=", "-pyflakes="],
    )
    return max(subprocess.run(command, cwd=where.root, check=False).returncode for command in commands)


if __name__ == "__main__":
    sys.exit(main())
