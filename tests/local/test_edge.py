"""The edge on this machine: a short form of `make test-edge`, and what `make edge` refuses."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from headroom.local.edge.__main__ import deployed_account
from headroom.local.paths import paths
from tests.edge_accounts import deploy, install_packages, node_test

ROOT = paths().root
NPM = pytest.mark.needs("npm", "install Node.js 20 or later with npm")


@NPM
@pytest.mark.needs("go", "install Go 1.26 or later from https://go.dev/dl/, or have pulumi 3.259 or later on PATH")
def test_five_hundred_race_for_fifty_places(tmp_path: Path) -> None:
    """race.test.mjs in three rounds: exactly 50 are in each time, after a crash as before, and expired places are free."""
    install_packages()
    node_test(ROOT / "tests" / "edge" / "race.test.mjs", deploy(tmp_path).account, ROUNDS="3")


def test_nothing_is_served_that_was_not_deployed(tmp_path: Path) -> None:
    """Without an `up` of local there is no account to serve."""
    assert deployed_account(replace(paths(), home=tmp_path)) is None


@NPM
def test_only_the_stack_local_has_a_page(tmp_path: Path) -> None:
    """Scripts of another environment are refused before anything starts."""
    install_packages()
    scripts = tmp_path / "workersScript"
    scripts.mkdir()
    (scripts / "prod-router.json").write_text(json.dumps({"id": "prod-router", "inputs": {}}))
    command: list[str | Path] = ["node", ROOT / "headroom" / "local" / "edge" / "serve.mjs", tmp_path, tmp_path / "edge"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "prod-router is not of the stack local" in done.stderr
