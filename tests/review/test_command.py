"""`headroom review --from`: the exit code is the gate's, whatever becomes of the comment."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from headroom.cli import review as command
from headroom.cli.main import options
from headroom.review.comment import FAILED, MARKER, render_comment
from headroom.review.document import Review
from tests.review.samples import INVALID, REFUSED, REMOVED, quiet, review

CASES = {
    "accepted": (review(quiet("dev")), 0),
    "refused": (review(REFUSED, INVALID), 1),
    "broken": (review(INVALID), 3),
    "removed": (review(REMOVED), 3),
}


def _app() -> typer.Typer:
    app = typer.Typer()
    app.callback()(options)
    command.add_to(app)
    app.command("other")(lambda: None)
    return app


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """No forge and no token, whatever this machine has."""
    for name in ("GITHUB_TOKEN", "GITHUB_REPOSITORY", "GITHUB_STEP_SUMMARY", "HEADROOM_PULL_REQUEST"):
        monkeypatch.delenv(name, raising=False)


def _given(made: Review, folder: Path) -> str:
    file = folder / "review.json"
    file.write_text(made.model_dump_json(), encoding="utf-8")
    return str(file)


@pytest.mark.parametrize("case", sorted(CASES))
def test_the_verdict_stands_where_the_comment_cannot_be_posted(case: str, tmp_path: Path) -> None:
    """The same exit code with and without --post; that nothing was posted is told, under --quiet too."""
    made, code = CASES[case]
    file = _given(made, tmp_path)
    plain = CliRunner().invoke(_app(), ["review", "--from", file])
    assert (plain.exit_code, plain.stdout) == (code, render_comment(made))
    failed = CliRunner().invoke(_app(), ["--quiet", "review", "--from", file, "--post"])
    assert failed.exit_code == code
    assert "could not be posted" in failed.stderr


@pytest.mark.parametrize("case", sorted(CASES))
def test_the_verdict_stands_where_the_summary_takes_it(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fork's review goes into the job's summary, and a refusal stays one."""
    made, code = CASES[case]
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    ran = CliRunner().invoke(
        _app(), ["review", "--from", _given(made, tmp_path), "--post", "--out", str(tmp_path / "comment.md")]
    )
    assert ran.exit_code == code
    assert (tmp_path / "summary.md").read_text() == render_comment(made) + "\n"
    assert (tmp_path / "comment.md").read_text() == render_comment(made)


def test_json_is_the_review_itself(tmp_path: Path) -> None:
    """What --json prints can be given to --from."""
    made, _ = CASES["refused"]
    ran = CliRunner().invoke(_app(), ["--json", "review", "--from", _given(made, tmp_path)])
    assert Review.model_validate_json(ran.stdout) == made
    assert json.loads(ran.stdout)["environments"][0]["waivers"][0]["days_left"] == 7


@pytest.mark.parametrize("arguments", [["review"], ["review", "local"], ["review", "--base", "main"]])
def test_too_few_arguments_are_bad_input(arguments: list[str]) -> None:
    """Environments and a base, or a file; one message that says so."""
    ran = CliRunner().invoke(_app(), arguments)
    assert ran.exit_code == 2
    assert "needs environments and --base REF, or --from FILE" in ran.stderr


def test_a_file_that_is_no_review_is_bad_input(tmp_path: Path) -> None:
    """A file of another kind, or none, is never a review of nothing that passes."""
    (tmp_path / "other.json").write_text("{}")
    (tmp_path / "empty.json").write_text('{"base": "1", "head": "2", "environments": []}')
    for name in ("other.json", "empty.json", "none.json"):
        ran = CliRunner().invoke(_app(), ["review", "--from", str(tmp_path / name)])
        assert ran.exit_code == 2
        assert "is no review" in ran.stderr


def test_where_there_is_no_review_the_comment_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A review that could not be made leaves an empty file: no older verdict may stand for this change."""
    summary = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    (tmp_path / "review.json").write_text("")
    ran = CliRunner().invoke(_app(), ["review", "--from", str(tmp_path / "review.json"), "--post"])
    assert ran.exit_code == 2
    assert summary.read_text() == FAILED + "\n"
    assert FAILED.startswith(f"{MARKER}\n## ⚪ Not judged")
