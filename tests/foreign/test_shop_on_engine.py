"""A program that shares nothing with ours, under the real pack on the real engine: what it annotates is judged in full."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from headroom.local.engine import ensure_engine
from headroom.local.environment import environment as engine_environment
from headroom.local.paths import paths
from headroom.local.target import Directory
from policies.judge import all_rules

pytestmark = pytest.mark.needs("go", "install Go 1.26 or later from https://go.dev/dl/, or have pulumi 3.259 or later on PATH")
HERE = Path(__file__).parent
ENOUGH, TOO_FEW = 7, 6
"""Pods of 80 sessions for 300 x 1.5 burst x 1.238 growth = 557."""


@dataclass(frozen=True)
class Shop:
    """A copy of the program with a state of its own."""

    root: Path
    environ: dict[str, str]

    @property
    def lock(self) -> Path:
        """The lock that it is judged by."""
        return self.root / "shop.forecast.json"

    @property
    def verdicts(self) -> Path:
        """What the pack writes down of its rules."""
        return self.root / "verdicts.jsonl"

    def preview(self, *, maximum: int = ENOUGH, annotated: bool = True, extra: dict[str, str] | None = None) -> tuple[int, str]:
        """Preview it as its owner would; return the exit code and what the engine said."""
        self.verdicts.unlink(missing_ok=True)
        made = self.headroom("pack-config", "--annotated", str(self.lock), "--verdicts", str(self.verdicts))
        configured = {rule: block | (extra or {}) for rule, block in json.loads(made.stdout).items()}
        (self.root / "pack.json").write_text(json.dumps(configured), encoding="utf-8")
        pack = ["--policy-pack", str(paths().root / "policies" / "pack"), "--policy-pack-config", "pack.json"]
        settings = ["--config", f"maximum={maximum}", "--config", f"annotated={str(annotated).lower()}"]
        ended = self._run(["pulumi", "preview", "--stack", "shop", "--non-interactive", *settings, *pack])
        return ended.returncode, ended.stdout + ended.stderr

    def headroom(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run a command of ours on the day of the lock."""
        return self._run([sys.executable, "-m", "headroom.cli", *arguments, "--as-of", "2026-11-02"])

    def _run(self, command: list[str]) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            command, cwd=self.root, env=self.environ, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
        )


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """A fresh copy of the program, its stack made."""
    where = paths()
    root = tmp_path / "shop"
    shutil.copytree(HERE / "shop", root, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("shop.forecast.json", "declared.yaml"):
        shutil.copy(HERE / file, root)
    (root / ".venv").symlink_to(where.root / ".venv")
    own = replace(where, home=tmp_path / "home")
    environ = engine_environment(own, ensure_engine(where, print), Directory(own.out / "k8s"))
    made = Shop(root, environ)
    subprocess.run(
        ["pulumi", "stack", "init", "shop", "--non-interactive"], cwd=root, env=environ, check=True, capture_output=True
    )
    return made


def test_what_is_annotated_is_judged_and_what_is_not_is_listed(shop: Shop) -> None:
    """Accepted with enough pods at its maximum, the rest named as not judged; with one pod fewer refused, by name and figures."""
    code, said = shop.preview()
    assert code == 0, said
    assert "web (kubernetes:apps/v1:Deployment) is not judged: it carries no headroom.dev/kind" in said
    assert "invoices (kubernetes:batch/v1:CronJob) is not judged: it carries no headroom.dev/kind" in said
    run = [json.loads(line)["rule"] for line in shop.verdicts.read_text(encoding="utf-8").splitlines()]
    assert set(run) >= {
        "claims-match-lock",
        "sessions-cover-burst",
        "lag-floor-held",
        "drain-covers-longest-call",
        "images-pinned",
    }
    assert set(run) < {rule.name for rule in all_rules()}
    code, said = shop.preview(maximum=TOO_FEW)
    assert code != 0
    assert "[mandatory]  sessions-cover-burst  (kubernetes:apps/v1:Deployment: checkout)" in said
    assert "6 pods hold 540 hard, 480 safe; a pod admits only 80. Remedy: set maxReplicas to 7." in said


def test_nothing_annotated_is_refused(shop: Shop) -> None:
    """A program that opts in and annotates nothing was not judged, so it does not pass."""
    code, said = shop.preview(annotated=False)
    assert code != 0
    assert "no workload carries headroom.dev/kind, so nothing was judged" in said


@pytest.mark.parametrize(
    ("misspelt", "words"),
    [({"mod": "annotated"}, "it has the unknown key 'mod'"), ({"mode": "anotated"}, "mode is 'anotated'")],
)
def test_a_misspelt_configuration_is_refused(shop: Shop, misspelt: dict[str, str], words: str) -> None:
    """Pulumi passes over keys that no policy reads; the pack does not."""
    code, said = shop.preview(extra=misspelt)
    assert code != 0
    assert words in said


def test_an_adoption_plan_holds_what_was_there_and_nothing_worse(shop: Shop) -> None:
    """Recorded from what the pack wrote: as it was it passes and is shown, one pod fewer is refused, one more is recorded."""
    adopt = ("adopt", "--verdicts", str(shop.verdicts), "--lock", str(shop.lock))
    assert shop.preview(maximum=5)[0] != 0
    made = shop.headroom(*adopt, "--until", "2026-12-31", "--reason", "pods are ordered (shop, 2026-11-02)")
    assert made.returncode == 0, made.stderr
    _preview_says(shop.preview, 5, 0, "adoption plan of 2026-11-02, as recorded: pods are ordered (shop, 2026-11-02)")
    _preview_says(shop.preview, 4, 1, "the adoption plan of 2026-11-02 has 400 of 557 sessions, and it may only come nearer")
    assert shop.headroom(*adopt).returncode == 2
    _preview_says(shop.preview, 6, 0, "nearer than recorded")
    assert shop.headroom(*adopt).returncode == 0
    _preview_says(shop.preview, 5, 1, "the adoption plan of 2026-11-02 has 480 of 557 sessions, and it may only come nearer")


def test_the_first_week_goes_as_its_page_says(shop: Shop) -> None:
    """Every command of docs/adopt.md in its order: those that the page calls refused fail, the others do not."""
    own = shop.root / "headroom"  # as on the day of the lock
    own.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m headroom.cli "$@" --as-of 2026-11-02\n', encoding="utf-8")
    own.chmod(0o755)
    environ = shop.environ | {"PATH": f"{shop.root}:{shop.environ['PATH']}", "HEADROOM": str(paths().root)}
    page = (paths().root / "docs" / "adopt.md").read_text(encoding="utf-8")
    commands = [line.removeprefix("$ ") for line in page.splitlines() if line.startswith("$ ")]
    assert len(commands) > 8
    for command in commands:
        ended = subprocess.run(
            ["sh", "-c", command],
            cwd=shop.root,
            env=environ,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        refused = command.endswith("# refused")
        assert (ended.returncode != 0) == refused, f"{command}\n{ended.stdout}{ended.stderr}"
    assert not (shop.root / "shop.adoption.json").exists()


def _preview_says(preview: Callable[..., tuple[int, str]], maximum: int, code: int, words: str) -> None:
    ended, said = preview(maximum=maximum)
    assert (ended, words in said) == (code, True), said
