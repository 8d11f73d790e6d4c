"""`headroom adopt`: what a stack breaks is recorded beside its lock, shown by every command, and only tightened."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
REASON = "pods and quota are ordered (ops, 2026-11-02)"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A copy of the project, whose stacks may be written to."""
    for room in ("capacity", "components", "headroom", "policies", "stacks"):
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
    return tmp_path


def headroom(root: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the command with the code of a folder."""
    return subprocess.run(
        [sys.executable, "-P", "-m", "headroom.cli", *arguments],
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def answer(root: Path, *arguments: str) -> dict[str, Any]:
    """Return what a command answers with --json."""
    found: dict[str, Any] = json.loads(headroom(root, *arguments, "--json").stdout)
    return found


def replaced(file: Path, old: str, new: str) -> None:
    """Replace a text that stands in a file."""
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_the_published_figures_are_adopted_and_only_get_better(clone: Path) -> None:
    """Refused; adopted: accepted with every violation shown; one pod fewer: refused; two more, recorded: no way back."""
    refused = answer(clone, "synth", "seed")
    assert headroom(clone, "adopt", "seed", "--until", "2026-12-31", "--reason", REASON).returncode == 0
    adopted = answer(clone, "synth", "seed")
    assert adopted["violations"] == []
    assert [(each["rule"], each["resource"], each["message"]) for each in adopted["waived"]] == [
        (each["rule"], each["resource"], each["message"]) for each in refused["violations"]
    ]
    assert {(each["until"], each["days_left"]) for each in adopted["waived"]} == {("2026-12-31", 59)}
    shown = headroom(clone, "synth", "seed", "--check")
    assert shown.returncode == 0
    assert shown.stdout.count("waived: ") == len(refused["violations"])
    file = clone / "stacks" / "Pulumi.seed.yaml"
    pins = "maximum: 6, prescale_floor: 6"
    replaced(file, pins, pins.replace("6", "5"))
    (worse,) = [each for each in answer(clone, "synth", "seed")["violations"] if each["rule"] == "sessions-cover-burst"]
    assert "(the adoption plan of 2026-11-02 has 1,350 of 1,857 sessions, and it may only come nearer)" in worse["message"]
    replaced(file, pins.replace("6", "5"), pins.replace("6", "7"))
    assert headroom(clone, "adopt", "seed").returncode == 0
    plan = json.loads((clone / "stacks" / "seed.adoption.json").read_text(encoding="utf-8"))
    assert (plan["until"], plan["reason"]) == ("2026-12-31", REASON)
    replaced(file, pins.replace("6", "7"), pins)
    assert answer(clone, "synth", "seed")["violations"]
    again = headroom(clone, "adopt", "seed")
    assert again.returncode == 2
    assert "the running plan does not hold" in again.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("adopt",), "needs an environment, or --verdicts FILE and --lock FILE"),
        (("adopt", "seed"), "a new plan needs an end and a reason"),
        (("adopt", "seed", "--until", "2027-02-02", "--reason", REASON), "91 days from its record on 2026-11-02 are the longest"),
        (("adopt", "seed", "--until", "2026-11-30", "--reason", "later"), "a reason of at least"),
        (("adopt", "seed", "--until", "2026-11-01", "--reason", REASON), "it ended on 2026-11-01"),
        (("adopt", "--verdicts", "none.jsonl", "--lock", "lock.json"), "is no file of verdicts of one day"),
    ],
)
def test_what_cannot_be_recorded_is_bad_input(arguments: tuple[str, ...], words: str) -> None:
    """Exit code 2, one message, and no file."""
    ended = headroom(ROOT, *arguments)
    assert ended.returncode == 2
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (ROOT / "stacks" / "seed.adoption.json").exists()


def test_nothing_to_record_leaves_no_plan(clone: Path) -> None:
    """A stack that is accepted needs none, and one that is there is removed when nothing of it is left."""
    ended = headroom(clone, "adopt", "local", "--until", "2026-12-31", "--reason", REASON)
    assert ended.returncode == 0
    assert "nothing is left of an adoption plan" in ended.stderr
    assert not (clone / "stacks" / "local.adoption.json").exists()
