"""Sets up the clone's own Python environment; run by the system's Python, before anything is installed.

Everything goes into `.venv`: the packages of requirements/lock.txt, checked by hash, and this project itself, editable
(a policy pack is a process of its own and imports the project only if it is installed).
"""

import hashlib
import importlib.util
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
VENV = ROOT / ".venv"
INPUTS = ("requirements/uv.txt", "requirements/lock.txt", "pyproject.toml", "headroom/local/bootstrap.py")
STAMP = VENV / "headroom-stamp"


def main() -> int:
    """Return 0 once the environment stands as the lock file says, 3 if something is missing for it."""
    if sys.version_info < (3, 11):
        return _missing("Python 3.11 or later (this is %d.%d)" % sys.version_info[:2], "python3.11 python3.11-venv")
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        return _missing("Python's venv module", "python3-venv")
    wanted = _digest()
    if STAMP.is_file() and STAMP.read_text() == wanted:
        return 0
    print("set up .venv: packages of requirements/lock.txt, by hash", flush=True)
    started = time.monotonic()
    python = VENV / "bin" / "python"
    uv = VENV / "bin" / "uv"
    install = [str(uv), "pip", "install", "--quiet", "--python", str(python)]
    steps = (
        [sys.executable, "-m", "venv", "--clear", str(VENV)],
        [str(python), "-m", "pip", "install", "--quiet", "--require-hashes", "-r", "requirements/uv.txt"],
        [*install, "--require-hashes", "-r", "requirements/lock.txt"],
        [*install, "--no-deps", "--no-build-isolation", "-e", "."],
    )
    for step in steps:
        code = subprocess.run(step, cwd=str(ROOT), check=False).returncode
        if code != 0:
            print(
                "set up .venv: this step failed with exit code %d: %s" % (code, " ".join(step)),
                file=sys.stderr,
            )
            return 3
    STAMP.write_text(wanted)
    print("set up .venv: done in %.0f s" % (time.monotonic() - started), flush=True)
    return 0


def _missing(what: str, packages: str) -> int:
    print("%s is needed. On Debian and its like: apt-get install %s" % (what, packages), file=sys.stderr)
    return 3


def _digest() -> str:
    content = b"".join((ROOT / name).read_bytes() for name in INPUTS)
    return hashlib.sha256(content + sys.version.encode() + str(ROOT).encode()).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
