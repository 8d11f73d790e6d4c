"""The units of the edge: in workerd what needs it, in node the rest."""

import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent


@pytest.mark.needs("npm", "install Node.js 20 or later with npm, and run: make test-parts")
def test_the_units_hold_in_workerd() -> None:
    """Gates, pools, tokens, refusals, metrics and sessions: every *.test.mjs of this folder, by `npm test`."""
    done = subprocess.run(["npm", "test"], cwd=FOLDER, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-5_000:]
