"""`headroom preview`, `up` and `destroy` as a pipeline calls them, on the real engine."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from headroom.local.engine import Engine
from policies.judge import all_rules
from stacks.voice import render
from tests.environments import planned

pytestmark = pytest.mark.needs("go", "install Go 1.26 or later from https://go.dev/dl/, or have pulumi 3.259 or later on PATH")


def _headroom(home: Path, *arguments: str) -> tuple[int, dict[str, Any], str]:
    ended = subprocess.run(
        [sys.executable, "-m", "headroom.cli", *arguments, "--json"],
        env=os.environ | {"HEADROOM_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    return ended.returncode, json.loads(ended.stdout), ended.stderr


def test_preview_of_the_published_figures_is_refused_with_figures(engine: Engine, tmp_path: Path) -> None:
    """Exit code 1, every violation with its figures, all rules run, and the engine's own words on stderr only."""
    assert engine.binary.is_file()
    code, document, messages = _headroom(tmp_path / "home", "preview", "seed")
    assert (code, document["outcome"]) == (1, "refused")
    assert document["rules_run"] == [rule.name for rule in all_rules()]
    found = {(v["rule"], v["resource"]): (v["required"], v["provided"]) for v in document["violations"]}
    assert found["sessions-cover-burst", "healthcare-autoscaler"] == (1485, 288)
    assert len(found) == 10
    assert "The gate refuses this deploy" in messages


def test_up_and_destroy_say_what_they_did(engine: Engine, tmp_path: Path) -> None:
    """`up` creates every rendered resource and the stack itself; `destroy` deletes as many."""
    assert engine.binary.is_file()
    home = tmp_path / "home"
    # Events leave providers out; the stack itself is in them.
    made = len([resource for resource in render(planned("local")) if not resource.type.startswith("pulumi:")]) + 1
    code, document, _ = _headroom(home, "up", "local")
    assert (code, document["outcome"], document["violations"]) == (0, "applied", [])
    assert document["changes"] == {"create": made}
    assert sorted(document["rules_run"]) == sorted(rule.name for rule in all_rules())
    code, document, _ = _headroom(home, "destroy", "local")
    assert (code, document["outcome"]) == (0, "destroyed")
    assert document["changes"] == {"delete": made}
    assert not list((home / "out").rglob("*.yaml"))
