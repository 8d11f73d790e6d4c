"""`headroom scale` and `headroom cells`."""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from capacity.cells.fleet import plan_fleet
from headroom.cli.cells import written
from headroom.forecast.lock import write_lock
from headroom.located import BadInput
from policies.adapters.program import judge_blueprint
from stacks.reading import ROOT, floors_path, lock_path, plan_environment, read_lock, read_spec, spec_path
from stacks.voice import render
from tests.cli.test_command import headroom

NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)
CELLS = """    cells:
      most_nodes: 40
      source: the tests
      places:
        east: {weight: 2}
        west: {}
        south: {verticals: [sales, salon]}
"""


def test_scale_names_what_binds_at_every_size() -> None:
    """Each size has its cells, and what is tightest there and for the whole; the plan of a size is the same each time."""
    ended = headroom("scale", "prod", "--sessions", "3k,30k", "--json")
    steps = json.loads(ended.stdout)["steps"]
    assert [step["sessions"] for step in steps] == [3000, 30000]
    assert all(len(step["cells"]) >= 2 and step["bounds"] for step in steps)
    assert len(steps[1]["cells"]) > len(steps[0]["cells"])
    assert min(steps[1]["bounds"].values()) < 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("scale", "prod", "--sessions", "many"), "--sessions"),
        (("scale", "prod", "--sessions", "0"), "expected numbers of 1 and more"),
        (("cells", "prod"), "cells: the spec lists none"),
        (("cells", "nowhere"), "there is no environment 'nowhere'"),
    ],
)
def test_bad_input_ends_with_2(arguments: tuple[str, ...], said: str) -> None:
    """What is wrong is named, and nothing is planned."""
    ended = headroom(*arguments)
    assert ended.returncode == 2
    assert said in ended.stderr


def test_every_cell_that_is_written_is_an_environment_that_the_gate_accepts(tmp_path: Path) -> None:
    """A spec with cells is not deployed itself; each of its cells reads, plans as it was planned, and passes all rules."""
    (tmp_path / "stacks").mkdir()
    (tmp_path / "policies").mkdir()
    shutil.copy(floors_path(ROOT), floors_path(tmp_path))
    text = spec_path("prod", ROOT).read_text(encoding="utf-8")
    spec_path("fleet", tmp_path).write_text(text.replace("    images:\n", CELLS + "    images:\n", 1), encoding="utf-8")
    write_lock(read_lock("prod").model_copy(update={"environment": "fleet"}).sealed(), lock_path("fleet", tmp_path))
    with pytest.raises(BadInput, match="fleet is spread over 3 cells"):
        plan_environment("fleet", None, NOW, tmp_path)
    spec, lock = read_spec("fleet", tmp_path), read_lock("fleet", tmp_path)
    assert spec.cells is not None
    for cell in plan_fleet(spec, spec.cells, lock, NOW.date()).cells:
        assert all((tmp_path / file).is_file() for file in written("fleet", cell, tmp_path))
        name = f"fleet-{cell.name}"
        planned = plan_environment(name, None, NOW, tmp_path)
        assert planned.verticals == cell.plan.verticals
        assert planned.pools == cell.plan.pools
        verdict = judge_blueprint(render(planned), lock_path(name, tmp_path), floors_path(tmp_path), NOW.date())
        assert verdict.violations == ()
