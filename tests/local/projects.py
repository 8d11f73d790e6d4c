"""Small projects for the real engine, each with a home of its own."""

import os
import signal
import subprocess
import uuid
from dataclasses import dataclass, field
from pathlib import Path

from headroom.local.engine import Engine
from headroom.local.environment import environment
from headroom.local.paths import Paths
from headroom.local.target import Directory, Target

HANG_S = 120
"""Far above what any step takes: a test that hangs must fail, not wait."""

PROLOGUE = """
import pulumi

def register(token, name, manifest, **options):
    return pulumi.CustomResource(token, name, manifest, pulumi.ResourceOptions(**options))
"""


@dataclass(frozen=True)
class Project:
    """A Pulumi project in a folder, with its own home and the stack `test`."""

    folder: Path
    paths: Paths
    engine: Engine
    target: Target | None
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def environ(self) -> dict[str, str]:
        """The environment of its engine; every process of it carries the mark."""
        return environment(self.paths, self.engine, self.target) | {"TEST_MARK": self.mark, "NO_COLOR": "1"}

    def write(self, body: str) -> None:
        """Make this the program."""
        (self.folder / "__main__.py").write_text(PROLOGUE + body)

    def pulumi(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Return how the command ended; both streams in stdout."""
        return subprocess.run(
            [str(self.engine.binary), *arguments, "--non-interactive"],
            cwd=self.folder,
            env=self.environ | more,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=HANG_S,
        )

    def preview(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Return how a preview ended."""
        return self.pulumi("preview", "--stack=test", *arguments)

    def up(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Return how an `up` without its preview ended."""
        return self.pulumi("up", "--stack=test", "--yes", "--skip-preview", *arguments, **more)

    def destroy(self) -> subprocess.CompletedProcess[str]:
        """Return how a destroy ended."""
        return self.pulumi("destroy", "--stack=test", "--yes", "--skip-preview")

    def starts(self, *arguments: str) -> "subprocess.Popen[str]":
        """Return the running command, alone in its process group."""
        return subprocess.Popen(
            [str(self.engine.binary), *arguments, "--non-interactive"],
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def state(self) -> str:
        """Return the stack's state as it lies on disk."""
        return (self.paths.backend / ".pulumi" / "stacks" / "sample" / "test.json").read_text()

    def rendered(self) -> dict[str, str]:
        """Return the rendered files by their path under the target."""
        assert isinstance(self.target, Directory)
        root = self.target.path
        return {str(file.relative_to(root)): file.read_text() for file in root.rglob("*") if file.is_file()}


def marked_processes(mark: str) -> list[str]:
    """Return the command lines of living processes whose environment carries the mark."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdigit() and mark.encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:  # it ended, or is not ours
            continue
    return found


def interrupt(process: "subprocess.Popen[str]") -> str:
    """Return what the command still said after Ctrl-C, which a terminal sends to the whole group."""
    os.killpg(process.pid, signal.SIGINT)
    said, _ = process.communicate(timeout=HANG_S)
    return said
