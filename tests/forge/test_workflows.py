"""The workflows: every step runs without GitHub too, every action is one commit, nothing may more than it must."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent.parent
FILES = sorted((ROOT / ".github" / "workflows").glob("*.yaml"))
ACTION = re.compile(r"uses: [\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")
WRITES = {
    ("preview", "comment", "pull-requests"),
    ("forecast", "forecast", "contents"),
    ("forecast", "forecast", "pull-requests"),
}


def _workflow(file: Path) -> dict[str, Any]:
    return dict(yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.BaseLoader))  # noqa: S506  # texts alone: `on` is no truth


def _steps(workflow: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(name, step) for name, job in workflow["jobs"].items() for step in job["steps"]]


def test_there_are_these_five() -> None:
    """check, preview, deliver, forecast, drift."""
    assert [file.stem for file in FILES] == ["check", "deliver", "drift", "forecast", "preview"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_step_is_a_target_of_make_or_what_ci_runs(file: Path) -> None:
    """What a job does can be done on any machine: one known target, and no shell of its own; nothing of GitHub's in a command."""
    targets = {line.split(":")[0] for line in (ROOT / "Makefile").read_text().splitlines() if re.match(r"[a-z-]+:", line)}
    commands = [step["run"] for _, step in _steps(_workflow(file)) if "run" in step]
    assert commands
    for command in commands:
        known = re.fullmatch(r"make ([a-z-]+)", command)
        assert (known and known[1] in targets) or command.split(" #")[0] == 'sudo env "PATH=$PATH" .ci/run', command
        assert "${{" not in command


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_actions_are_pinned_by_commit(file: Path) -> None:
    """Forty digits, and the release that they are said to be."""
    used = [line.strip().removeprefix("- ") for line in file.read_text().splitlines() if "uses:" in line]
    assert used
    assert [line for line in used if not ACTION.fullmatch(line)] == []


def test_nothing_may_more_than_it_must() -> None:
    """No permission but to read, save the three that post; only those who deliver or look for drift get secrets."""
    found, secret = set(), set()
    for file in FILES:
        workflow = _workflow(file)
        assert workflow["permissions"] == {}
        for name, job in workflow["jobs"].items():
            found |= {(file.stem, name, what) for what, how in job["permissions"].items() if how == "write"}
        if "secrets." in file.read_text():
            secret.add(file.stem)
        checkouts = [step["with"] for _, step in _steps(workflow) if step.get("uses", "").startswith("actions/checkout@")]
        assert all(given["persist-credentials"] == "false" for given in checkouts)
    assert (found, secret) == (WRITES, {"deliver", "drift"})


def test_the_job_that_posts_runs_the_code_of_base() -> None:
    """The one job of a pull request that may write checks out base, and gets the change only as a document."""
    preview = _workflow(ROOT / ".github" / "workflows" / "preview.yaml")
    assert set(preview["on"]) == {"pull_request"}
    assert preview["jobs"]["review"]["permissions"] == {"contents": "read"}
    checkout, *_ = preview["jobs"]["comment"]["steps"]
    assert checkout["with"]["ref"] == "${{ github.event.pull_request.base.sha }}"


def test_environments_are_delivered_in_order_and_no_further_than_a_refusal() -> None:
    """One after another, none at the same time as another run, and the rest is cancelled."""
    deliver = _workflow(ROOT / ".github" / "workflows" / "deliver.yaml")
    strategy = deliver["jobs"]["deliver"]["strategy"]
    assert strategy == {"max-parallel": "1", "fail-fast": "true", "matrix": {"environment": ["dev", "staging", "prod"]}}
    assert deliver["concurrency"]["cancel-in-progress"] == "false"


def test_a_kubeconfig_from_a_secret_is_in_a_file_only_meanwhile(tmp_path: Path) -> None:
    """`make deliver` writes it for its owner alone, hands on the path and not the text, and takes it away."""
    line = next(line for line in (ROOT / "Makefile").read_text().splitlines() if line.startswith("WITH_ACCESS = "))
    setup = line.removeprefix("WITH_ACCESS = ").replace("$$", "$")
    probe = 'echo "$KUBECONFIG"; stat -c %a "$KUBECONFIG"; cat "$KUBECONFIG"; echo "${KUBECONFIG_TEXT-unset}"'
    environ = {"PATH": "/usr/bin:/bin", "TMPDIR": str(tmp_path), "KUBECONFIG_TEXT": "apiVersion: v1"}
    ran = subprocess.run(["sh", "-c", f"{setup}; {probe}"], env=environ, check=True, capture_output=True, text=True)
    path, *said = ran.stdout.splitlines()
    assert said == ["600", "apiVersion: v1", "unset"]
    assert not Path(path).exists()
