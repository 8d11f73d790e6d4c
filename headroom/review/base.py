"""The commit that a change is compared with, checked out, and what its own code says."""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headroom.located import BadInput, Problem

_SECRETS = re.compile(r"TOKEN|SECRET|PASSW|CREDENTIAL|_KEY|PASSPHRASE|^(AWS|AZURE|GOOGLE|GITHUB|GH|ACTIONS)_|^KUBECONFIG")
_ANSWERED = (0, 1)
"""Exit codes with which a command has answered: 1 is a refusal."""


@dataclass(frozen=True)
class Base:
    """A commit in a folder of its own."""

    commit: str
    root: Path

    def ask(self, *arguments: str) -> tuple[dict[str, Any] | None, str | None]:
        """Return what a command of base's own code answers with --json, or None and what it said instead."""
        return self._answer("-m", "headroom.cli", *arguments, "--json")

    def rules(self) -> tuple[tuple[str, ...] | None, str | None]:
        """Return the names of base's rules, or None and what it said instead."""
        program = "import json; from policies.judge import all_rules; print(json.dumps({'rules': [r.name for r in all_rules()]}))"
        document, trouble = self._answer("-c", program)
        return (None if document is None else tuple(document["rules"])), trouble

    def _answer(self, *arguments: str) -> tuple[dict[str, Any] | None, str | None]:
        ran = subprocess.run(
            [sys.executable, "-P", *arguments],
            cwd=self.root,
            env=with_code_of(self.root, without_secrets(os.environ)),
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        if ran.returncode in _ANSWERED:
            try:
                return json.loads(ran.stdout), None
            except ValueError:
                pass  # a traceback ends with 1 too
        return None, ran.stderr.strip() or f"exit code {ran.returncode}"


@contextmanager
def checked_out(root: Path, reference: str) -> Iterator[Base]:
    """Check out the commit at which HEAD left `reference`, in a worktree that is gone afterwards; raises BadInput."""
    commit = _git(
        root, "merge-base", reference, "HEAD", said=f"{reference!r} has no commit in common with HEAD (a shallow clone?)"
    )
    with tempfile.TemporaryDirectory(prefix="headroom-base-") as folder:
        place = Path(folder).resolve() / "base"
        _git(root, "worktree", "add", "--detach", str(place), commit, said=f"{reference!r} cannot be checked out")
        try:
            (place / ".venv").symlink_to(sys.prefix)  # where Pulumi.yaml looks for the interpreter
            yield Base(commit, place)
        finally:
            _git(root, "worktree", "remove", "--force", str(place), said="the worktree of base cannot be removed")


def commit_of(root: Path, reference: str) -> str:
    """Return a commit's full name; raises BadInput."""
    return _git(root, "rev-parse", "--verify", f"{reference}^{{commit}}", said=f"{reference!r} is no commit")


def uncommitted(root: Path) -> bool:
    """Return whether files differ from the commit that is checked out, or are unknown to it; raises BadInput."""
    return bool(_git(root, "status", "--porcelain", said="what is not committed cannot be listed"))


def without_secrets(environ: Mapping[str, str]) -> dict[str, str]:
    """Return environment variables but for those that carry credentials: code that nobody reviewed yet is about to run."""
    return {name: value for name, value in environ.items() if not _SECRETS.search(name)}


def with_code_of(root: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Return environment variables with which Python takes our modules from a folder, wherever they are installed from."""
    return {**environ, "PYTHONPATH": str(root)}


def _git(root: Path, *arguments: str, said: str) -> str:
    ran = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if ran.returncode != 0:
        raise BadInput([Problem("--base", None, "", f"{said}: {ran.stderr.strip()}")])
    return ran.stdout.strip()
