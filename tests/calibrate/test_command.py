"""The command: what it prints where, how it ends, and that it writes nothing."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stacks.reading import ROOT
from tests.calibrate.fleet import Fleet, Truth, drawn, write_csv

STACK = ROOT / "stacks" / "Pulumi.local.yaml"


@pytest.fixture(scope="module")
def usage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Usage in which sessions of healthcare cost more processor time and less memory than `local` claims."""
    columns = drawn(Fleet(pods=4, days=4, step_s=3600, truth=Truth(base_memory=0.0)), 1)
    del columns["startup_seconds"], columns["tokens_per_minute"]
    return write_csv(tmp_path_factory.mktemp("usage") / "usage.csv", {"healthcare": columns})


def run(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    """Run the command."""
    command = (sys.executable, "-m", "headroom.cli", "calibrate", *map(str, arguments))
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.needs("git", "install git")
def test_stdout_is_a_patch_that_git_applies_and_stderr_the_table(usage: Path, tmp_path: Path) -> None:
    """The patch alone is on stdout; the stack file is not touched; costs below their measurement end the command with 1."""
    before = STACK.read_bytes()
    done = run("local", "--csv", usage)
    assert done.returncode == 1, done.stderr
    assert STACK.read_bytes() == before
    assert "verticals.healthcare.session.cpu" in done.stderr
    assert "not measured: verticals.healthcare.session.memory" not in done.stderr
    copy = tmp_path / "stacks" / STACK.name
    copy.parent.mkdir()
    shutil.copy(STACK, copy)
    subprocess.run(["git", "apply"], cwd=tmp_path, input=done.stdout, text=True, check=True)
    changed, old = copy.read_text().splitlines(), STACK.read_text().splitlines()
    assert [line for line in changed if line.lstrip().startswith("#")] == [line for line in old if line.lstrip().startswith("#")]


def test_json_is_one_document_with_figures_intervals_and_the_patch(usage: Path) -> None:
    """Every figure has its bounds and its sample; the peaks stand beside the claimed ones; the plan's changes are told."""
    document = json.loads(run("local", "--csv", usage, "--json").stdout)
    cpu = next(figure for figure in document["figures"] if figure["path"] == "verticals.healthcare.session.cpu")
    assert cpu["below"]
    assert cpu["low"] <= Truth().cpu <= cpu["high"]
    assert (cpu["points"], cpu["pods"], cpu["days"]) == (384, 4, 4)
    assert document["peaks"][0]["vertical"] == "healthcare"
    assert document["peaks"][0]["measured"] > 0
    assert any(change["figure"].startswith("verticals.healthcare") for change in document["changes"])
    assert document["diff"].startswith("--- a/stacks/Pulumi.local.yaml")
    assert {each["path"] for each in document["unmeasured"]} == {
        "model.primary.tokens_per_session_minute.value",
        "scaling.lag.value",
    }


def test_quiet_leaves_the_patch_alone(usage: Path) -> None:
    """Nothing is on stderr."""
    done = run("local", "--csv", usage, "--quiet")
    assert done.stderr == ""
    assert done.stdout.startswith("--- a/stacks/")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ((), 2, "give either --csv or --prometheus"),
        (("--csv", "a.csv", "--prometheus", "http://127.0.0.1:1"), 2, "give either --csv or --prometheus"),
        (("--csv", "a.csv", "--step", "5m"), 2, "--step and --queries go with --prometheus"),
        (("--csv", "nowhere.csv"), 2, "nowhere.csv"),
        (("--prometheus", "127.0.0.1"), 2, "--prometheus: expected a URL"),
        (("--prometheus", "http://127.0.0.1:1"), 3, "did not answer: [Errno 111] Connection refused"),
        (("--prometheus", "http://127.0.0.1:1", "--step", "5"), 2, "--step: expected a span with its unit"),
        (("--prometheus", "http://127.0.0.1:1", "--from", "yesterday"), 2, "--from: 'yesterday' is not a day"),
        (
            ("--prometheus", "http://127.0.0.1:1", "--from", "2026-11-02", "--to", "2026-11-02"),
            2,
            "--from: 2026-11-02 is not before",
        ),
    ],
)
def test_what_cannot_be_done_ends_with_its_code_and_one_message(arguments: tuple[str, ...], code: int, message: str) -> None:
    """2 for bad input, 3 for a server that fails; no traceback."""
    done = run("local", *arguments)
    assert done.returncode == code
    last = done.stderr.splitlines()[-1]
    assert last.startswith("error: ")
    assert message in last
    assert "Traceback" not in done.stderr
