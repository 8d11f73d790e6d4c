"""`headroom scale` and `headroom cells`."""

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from capacity import CapacityPlan
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


def test_a_measured_lock_scales() -> None:
    """The length of calls that a lock measured goes on to the cells, and an hour of one can be played."""
    ended = headroom("scale", "local", "--sessions", "3k", "--simulate", "--json")
    (step,) = json.loads(ended.stdout)["steps"]
    assert len(step["cells"]) >= 2
    assert step["played"]["offered"] > 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("scale", "prod", "--sessions", "many"), "--sessions"),
        (("scale", "prod", "--sessions", "0"), "expected numbers from 1 to 5,000,000"),
        (("scale", "prod", "--sessions", "30M"), "expected numbers from 1 to 5,000,000"),
        (("scale", "prod", "--sessions", "3k", "--most-nodes", "1"), "nodes however few calls it has"),
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
    for name, planned in _written_cells("prod", tmp_path):
        verdict = judge_blueprint(render(planned), lock_path(name, tmp_path), floors_path(tmp_path), NOW.date())
        assert verdict.violations == ()


def test_cells_of_a_measured_lock_state_the_length_of_calls_that_it_measured(tmp_path: Path) -> None:
    """A cell's own lock measures none, and its written spec gives the plan of the division all the same."""
    lock, stated = read_lock("local"), 0
    for _, planned in _written_cells("local", tmp_path):
        for live in planned.live:
            measured = lock.verticals[live.name].demand
            if measured is not None and live.spec.mean_call is not None:
                assert live.spec.mean_call.value == pytest.approx(measured.holding_seconds.value, abs=0.001)
                stated += 1
    assert stated


def _written_cells(environment: str, root: Path) -> Iterator[tuple[str, CapacityPlan]]:
    (root / "stacks").mkdir()
    (root / "policies").mkdir()
    shutil.copy(floors_path(ROOT), floors_path(root))
    text = spec_path(environment, ROOT).read_text(encoding="utf-8")
    spec_path("fleet", root).write_text(text.replace("    images:\n", CELLS + "    images:\n", 1), encoding="utf-8")
    write_lock(read_lock(environment).model_copy(update={"environment": "fleet"}).sealed(), lock_path("fleet", root))
    with pytest.raises(BadInput, match="fleet is spread over 3 cells"):
        plan_environment("fleet", None, NOW, root)
    spec, lock = read_spec("fleet", root), read_lock("fleet", root)
    assert spec.cells is not None
    for cell in plan_fleet(spec, spec.cells, lock, NOW.date()).cells:
        assert all((root / file).is_file() for file in written("fleet", cell, root))
        name = f"fleet-{cell.name}"
        planned = plan_environment(name, None, NOW, root)
        assert planned.verticals == cell.plan.verticals
        assert planned.pools == cell.plan.pools
        yield name, planned


def test_a_cell_that_is_written_again_keeps_its_secrets_and_its_target(tmp_path: Path) -> None:
    """Both are its own; the rest is made anew."""
    (tmp_path / "stacks").mkdir()
    text = spec_path("prod", ROOT).read_text(encoding="utf-8")
    spec_path("fleet", tmp_path).write_text(text.replace("    images:\n", CELLS + "    images:\n", 1), encoding="utf-8")
    write_lock(read_lock("prod").model_copy(update={"environment": "fleet"}).sealed(), lock_path("fleet", tmp_path))
    spec, lock = read_spec("fleet", tmp_path), read_lock("fleet", tmp_path)
    assert spec.cells is not None
    cell = plan_fleet(spec, spec.cells, lock, NOW.date()).cells[0]
    file = tmp_path / written("fleet", cell, tmp_path)[0]
    first = yaml.safe_load(file.read_text(encoding="utf-8"))
    own = {"kubernetes_context": "east"}
    edited = {key: value for key, value in first["config"]["headroom:spec"].items() if key != "pools"} | {"target": own}
    secret = {"headroom:tunnelSecret": {"secure": "v1:x"}}
    config = {"encryptionsalt": "v1:y", "config": {"headroom:spec": edited} | secret}
    file.write_text(yaml.safe_dump(config), encoding="utf-8")
    written("fleet", cell, tmp_path)
    expected = first["config"]["headroom:spec"] | {"target": own}
    assert yaml.safe_load(file.read_text(encoding="utf-8")) == config | {"config": {"headroom:spec": expected} | secret}
