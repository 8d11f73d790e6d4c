"""The stacks of this repository on the real engine, with the real pack; Kubernetes is the stand-in's folder."""

import json
import subprocess
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from headroom.blueprint import Joined, Ref, Secret, canonical_json, encode, leaves
from headroom.local.standin.values import UNKNOWN
from policies.adapters.program import judge_blueprint
from policies.adoption import adoption_path, adoption_text
from policies.evidence import load_context
from policies.judge import all_rules
from policies.ratchet import record
from policies.verdict import Violation
from stacks.reading import environments, floors_path, lock_path
from stacks.voice import render
from tests.environments import planned
from tests.projects import Project

pytestmark = pytest.mark.needs("go", "install Go 1.26 or later from https://go.dev/dl/, or have pulumi 3.259 or later on PATH")


def test_up_applies_up_again_changes_nothing_destroy_leaves_nothing(project: Project) -> None:
    """The whole life of the stack `local`: every object a file, no change the second time, nothing left at the end."""
    rendered = [resource for resource in render(planned("local")) if resource.type.startswith("kubernetes:")]
    first = project.run("up", "local")
    assert (first.code, first.violations) == (0, ())
    assert len(project.files()) == len(rendered)
    again = project.run("up", "local")
    assert again.code == 0
    assert set(again.events.changes) == {"same"}
    gone = project.run("destroy", "local", pack=False)
    assert gone.code == 0
    assert project.files() == []
    assert json.loads(project.plain("stack", "export", "--stack", "local").stdout)["deployment"].get("resources", []) == []


def test_every_rule_of_the_pack_runs_and_the_engine_says_so(project: Project) -> None:
    """The pack's own account of the rules that ran is the engine's, and is all of them."""
    accepted = project.run("preview", "prod")
    names = tuple(rule.name for rule in all_rules())
    assert accepted.code == 0
    assert sorted(accepted.rules_run) == sorted(names)
    assert set(names) <= accepted.events.policies_run


def test_a_step_under_burst_is_refused_before_anything_is_touched(project: Project) -> None:
    """One replica less than the burst needs: plain `pulumi up` refuses with one clean message, and no object is written."""
    needed = next(vertical for vertical in planned("local").live if vertical.name == "healthcare").scaling.maximum
    place = "pod: {cpu: 1, memory: 4Gi}"
    project.edit("stacks/Pulumi.local.yaml", place, f"{place}\n        pins: {{maximum: {needed - 1}}}")
    assert project.plain("stack", "init", "local").returncode == 0
    refused = project.plain("up", "--stack", "local", "--yes", "--skip-preview")
    output = refused.stdout + refused.stderr
    assert refused.returncode == 1
    assert f"The gate refuses this deploy: 1 violation, {len(all_rules())} rules ran. Nothing was touched." in output
    assert "[sessions-cover-burst] healthcare-autoscaler: healthcare must hold" in output
    assert "Traceback" not in output
    assert project.files() == []
    project.edit("stacks/Pulumi.local.yaml", f"maximum: {needed - 1}", f"maximum: {needed}")
    assert project.plain("up", "--stack", "local", "--yes", "--skip-preview").returncode == 0


def test_bad_input_is_one_message_with_its_line(project: Project) -> None:
    """A misspelt key ends a plain `pulumi preview` with file, line, path and the nearest known key."""
    project.edit("stacks/Pulumi.local.yaml", "    images:", "    image:")
    assert project.plain("stack", "init", "local").returncode == 0
    refused = project.plain("preview", "--stack", "local")
    output = refused.stdout + refused.stderr
    assert refused.returncode == 1
    assert "config.headroom:spec" not in output
    assert ": image: unknown key; did you mean 'images'?" in output
    assert "Traceback" not in output


@pytest.mark.parametrize("environment", environments())
def test_the_pack_says_what_synth_says(ungated: Callable[[], Project], environment: str) -> None:
    """On every stack, a program that does not judge itself meets the same verdict from the pack, and nothing is written."""
    project = ungated()
    verdict = judge_blueprint(render(planned(environment)), lock_path(environment), floors_path(), planned(environment).as_of)
    ended = project.run("up", environment)
    assert sorted(map(_figures, ended.violations)) == sorted(map(_figures, verdict.violations))
    assert (ended.code != 0) == verdict.refused
    if verdict.refused:
        assert project.files() == []


def test_an_adoption_plan_lets_through_what_it_records(project: Project) -> None:
    """Program and pack find it beside the lock: the published figures pass, and plain `pulumi` warns of each violation."""
    plan, lock = planned("seed"), lock_path("seed", project.root)
    broken = judge_blueprint(render(plan), lock, floors_path(), plan.as_of).violations
    context = load_context(lock, floors_path(), plan.as_of)
    adopted = record(broken, (), context, date(2026, 12, 31), "pods and quota are ordered (ops)")
    adoption_path(lock).write_text(adoption_text(adopted), encoding="utf-8")
    ended = project.run("preview", "seed")
    assert (ended.code, ended.violations) == (0, ())
    said = project.plain("preview", "--stack", "seed")
    assert said.returncode == 0
    assert all(f"waived: [{each.rule}] {each.resource}: {each.message}" in said.stdout for each in broken)


def test_the_engine_registers_exactly_the_blueprint(project: Project, tmp_path: Path) -> None:
    """Types, names, parents and inputs that reach the engine are those that were rendered and judged."""
    assert project.plain("stack", "init", "prod").returncode == 0
    log = tmp_path / "events.json"
    environ = project.environ | {"PULUMI_DEBUG_COMMANDS": "true"}
    subprocess.run(
        ["pulumi", "preview", "--stack", "prod", "--non-interactive", "--event-log", str(log)],
        cwd=project.root,
        env=environ,
        check=True,
        capture_output=True,
        stdin=subprocess.DEVNULL,
    )
    registered: dict[str, tuple[str, str, str]] = {}
    for line in log.read_text(encoding="utf-8").splitlines():
        metadata = json.loads(line).get("resourcePreEvent", {}).get("metadata")
        if metadata and not metadata["type"].startswith("pulumi:"):
            new = metadata["new"]
            name = str(metadata["urn"]).rpartition("::")[2]
            registered[name] = (metadata["type"], str(new["parent"]).rpartition("::")[2], canonical_json(new["inputs"]))
    made = {resource.name: resource for resource in render(planned("prod")) if not resource.type.startswith("pulumi:")}
    assert registered.keys() == made.keys()
    for name, resource in made.items():
        parent = resource.parent or "headroom-prod"
        assert registered[name] == (resource.type, parent, _expected(resource.props, json.loads(registered[name][2])))


def _expected(rendered: Any, registered: Any) -> str:
    return canonical_json(_in_preview(rendered, registered))


def _in_preview(rendered: Any, registered: Any) -> Any:
    """Return what the engine must show of a rendered value: a secret as such, what another resource yields as unknown."""
    if isinstance(registered, dict) and registered.get("ciphertext") == "[secret]":
        assert any(isinstance(leaf, Secret | Ref) for leaf in leaves(rendered)), rendered
        return registered
    if isinstance(rendered, Ref | Joined):
        assert registered == UNKNOWN, rendered
        return registered
    if isinstance(rendered, dict):
        return {key: _in_preview(value, registered.get(key)) for key, value in rendered.items()}
    if isinstance(rendered, list | tuple):
        return [_in_preview(value, shown) for value, shown in zip(rendered, registered, strict=True)]
    return encode(rendered)


def _figures(violation: Violation) -> tuple[str, str, int, int, str, str]:
    return (
        violation.rule,
        violation.resource,
        round(violation.required or 0),
        round(violation.provided or 0),
        violation.message,
        violation.remedy,
    )
