"""`headroom report` and `headroom plan --plot`, as users run them."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def _headroom(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "headroom.cli", *arguments]
    environ = {**os.environ, **variables}
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120, env=environ)


def test_an_accepted_environment_is_reported(tmp_path: Path) -> None:
    """The page is written, the command ends with 0, and --json says where."""
    out = tmp_path / "report.html"
    ended = _headroom("report", "dev", "--out", str(out), "--json")
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout) == {"environment": "dev", "refused": False, "file": str(out)}
    assert "dev is accepted:" in out.read_text()


def test_a_refused_environment_is_reported_too(tmp_path: Path) -> None:
    """The page shows why, and the command ends with 1."""
    out = tmp_path / "report.html"
    ended = _headroom("report", "seed", "--out", str(out))
    assert ended.returncode == 1, ended.stderr
    assert "seed is refused:" in out.read_text()


def test_a_page_that_cannot_be_written_is_bad_input(tmp_path: Path) -> None:
    """The command names the option and the reason, and ends with 2."""
    ended = _headroom("report", "dev", "--out", str(tmp_path / "nowhere" / "report.html"))
    assert ended.returncode == 2
    assert "--out" in ended.stderr
    assert "No such file or directory" in ended.stderr


def test_a_plot_fits_80_columns_and_needs_no_colours() -> None:
    """Bars in proportion, a level for every four hours of the week, and no escape codes where colours are off."""
    ended = _headroom("plan", "prod", "--plot", COLUMNS="80", NO_COLOR="1")
    assert ended.returncode == 0, ended.stderr
    assert "\x1b" not in ended.stdout
    lines = ended.stdout[ended.stdout.index("sessions by 2026-11-30") :].splitlines()
    (at,) = (place for place, line in enumerate(lines) if line.startswith("sales ") and "required" in line)
    required, safe = lines[at : at + 2]
    assert required.count("█") < safe.count("█")
    (floors,) = (line for line in lines if line.startswith("sales ") and "of 9" in line)
    assert floors.split()[1] == "▂▂█▂▂▂"
    assert floors.split()[2:8] == ["▂▂▂▂▂▂"] * 6
    assert max(map(len, lines)) <= 80


def test_a_plot_leaves_json_alone() -> None:
    """With --json there is one document on stdout, and no drawing."""
    ended = _headroom("plan", "dev", "--plot", "--json")
    assert json.loads(ended.stdout)["environment"] == "dev"
