"""Accounts of the Cloudflare stand-in that hold a deployed edge, and the clients that call it."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from headroom.local.engine import ensure_engine
from headroom.local.paths import paths
from tests.projects import Project, make_project

PACKAGES = paths().root / "tests" / "parts" / "edge"
"""Where npm puts what the clients are made with."""
LOCAL = "stacks/Pulumi.local.yaml"
SHORT = {
    # Leases that end while a test waits, and no shield against floods from one address: all clients have the same.
    "admission_gate: {heartbeat: 15s,": "admission_gate: {heartbeat: 6s,",
    "scripts: {": "scripts: {shield: {requests: 10000000, source: tests}, ",
}


@dataclass(frozen=True)
class Deployed:
    """A project whose stack local was deployed."""

    project: Project
    account: Path
    """The folder of the account's objects."""


def deploy(folder: Path) -> Deployed:
    """Return what an `up` of local by the real engine deploys to an account of its own."""
    project = make_project(folder, ensure_engine(paths(), print))
    for old, new in SHORT.items():
        project.edit(LOCAL, old, new)
    ended = project.run("up", "local")
    assert ended.code == 0, ended.events.errors
    (scripts,) = (folder / "home" / "cloudflare" / "local").glob("*/workersScript")
    return Deployed(project, scripts.parent)


def install_packages() -> None:
    """Install the npm packages that the lock file names, where none are; make does it where they are old."""
    if not (PACKAGES / "node_modules").is_dir():
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--silent"], cwd=PACKAGES, check=True)


def node_test(file: Path, account: Path, **environ: str) -> None:
    """Run a file of Node.js tests on a deployed edge; its report is the failure's text."""
    node = shutil.which("node")
    assert node is not None
    done = subprocess.run(
        [node, "--test", "--test-reporter=spec", file],
        env={**os.environ, "ACCOUNT": str(account), **environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


if __name__ == "__main__":
    install_packages()
    print(deploy(Path(sys.argv[1])).account)
