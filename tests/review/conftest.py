"""A repository of the tests' own: this project as one commit, and a change on top."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from headroom.local.engine import ensure_engine
from headroom.local.paths import paths
from headroom.review.document import Review

PARTS = ("headroom", "capacity", "components", "policies", "stacks")
"""The rooms, and so the tool and the program, of both sides of a change."""


@dataclass(frozen=True)
class Repository:
    """A clone with a commit to compare with."""

    root: Path
    environ: dict[str, str]

    def git(self, *arguments: str) -> str:
        """Run git; the answer without the line's end."""
        named = ["-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false"]
        ran = subprocess.run(["git", *named, *arguments], cwd=self.root, check=True, capture_output=True, text=True)
        return ran.stdout.strip()

    def commit(self) -> None:
        """Commit everything."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "change")

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace a text that stands in a file."""
        text = (self.root / file).read_text(encoding="utf-8")
        assert old in text
        (self.root / file).write_text(text.replace(old, new), encoding="utf-8")

    def headroom(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run the command of this clone's own code."""
        return subprocess.run(
            [sys.executable, "-P", "-m", "headroom.cli", *arguments],
            cwd=self.root,
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    def review(self, *arguments: str) -> tuple[int, Review]:
        """Return the exit code and the document of a review against the commit before."""
        ran = self.headroom("review", *arguments, "--base", "HEAD~1", "--json", "--quiet")
        assert ran.stdout, ran.stderr
        json.loads(ran.stdout)
        return ran.returncode, Review.model_validate_json(ran.stdout)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """The project as it stands here, committed in a clone of its own; the engine is this machine's."""
    where = paths()
    ensure_engine(where, print)
    root = tmp_path / "clone"
    ignored = shutil.ignore_patterns("__pycache__", "node_modules")
    for part in PARTS:
        shutil.copytree(where.root / part, root / part, ignore=ignored, symlinks=True)
    for name in ("Pulumi.yaml", "__main__.py", ".gitignore"):
        shutil.copy(where.root / name, root / name)
    (root / ".venv").symlink_to(sys.prefix)
    (root / ".gitignore").write_text("/.venv\n__pycache__/\n", encoding="utf-8")
    environ = os.environ | {
        "PYTHONPATH": str(root),
        "HEADROOM_HOME": str(tmp_path / "home"),
        "HEADROOM_CACHE": str(where.cache),
        "SOME_TOKEN": "hunter2-in-the-environment",
    }
    made = Repository(root, environ)
    made.git("init", "--quiet")
    made.commit()
    return made
