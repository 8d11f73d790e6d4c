"""Reviews of real changes, by the command, on the real engine with the real pack."""

from pathlib import Path

import pytest

from headroom.review.comment import render_comment
from headroom.review.document import Review
from policies.judge import rule_names
from tests.environments import planned
from tests.review.conftest import Repository

pytestmark = pytest.mark.needs("go", "install Go 1.26 or later from https://go.dev/dl/, or have pulumi 3.259 or later on PATH")


def _says_nothing_of_the_machine(made: Review, repository: Repository) -> None:
    text = made.model_dump_json() + render_comment(made)
    for secret in (str(repository.root), str(Path.home()), "/tmp/", "hunter2", "headroom-review-"):  # noqa: S108  # looked for
        assert secret not in text


def test_what_a_change_of_code_replaces_and_deletes_is_shown_with_what_forces_it(repository: Repository) -> None:
    """Base's own code is deployed first: a renamed resource and an immutable property are a deletion and a replacement.

    Who replaces what keeps data needs a waiver, and that is shown with the days it has left.
    """
    repository.edit("components/bus/render.py", "bus.disk(len(speakers))", "2 * bus.disk(len(speakers))")
    repository.edit("components/observability/render.py", '"{COMPONENT}-dashboards"', '"{COMPONENT}-boards"')
    repository.edit("components/observability/render.py", '"grafana-dashboards"', '"boards"')
    waiver = '{rule: stateful-not-replaced, resource: bus-servers, reason: no message is kept yet, until: "2026-11-16"}'
    repository.edit("stacks/Pulumi.local.yaml", "  headroom:spec:\n", f"  headroom:spec:\n    waivers: [{waiver}]\n")
    repository.commit()
    code, made = repository.review("local")
    each = made.environments[0]
    assert (code, each.outcome, each.trouble, each.base.trouble) == (0, "accepted", None, None)
    assert [(set_aside.rule, set_aside.resource, set_aside.days_left) for set_aside in each.waivers] == [
        ("stateful-not-replaced", "bus-servers", 14)
    ]
    assert each.rules_run == len(rule_names())
    replaced = {change.resource: change.properties for change in each.changes if change.operation == "replace"}
    assert replaced["bus-servers"] == ("spec.volumeClaimTemplates[0].spec.resources.requests.storage",)
    assert [change.resource for change in each.changes if change.operation == "delete"] == ["observability-dashboards"]
    assert "spec.resources.requests.storage</code>" in render_comment(made)
    _says_nothing_of_the_machine(made, repository)
    assert repository.git("status", "--short") == ""
    assert len(repository.git("worktree", "list").splitlines()) == 1
    assert not (repository.root.parent / "home").exists() or not list((repository.root.parent / "home").rglob("*.json"))


def test_a_change_that_cures_a_refused_base_is_judged_as_a_change(repository: Repository) -> None:
    """Base's own gate refuses it, and it is deployed to be compared with all the same: no replacement rides along with a cure."""
    image = "        pod: {cpu: 1, memory: 4Gi}\n      real-estate"
    repository.edit("stacks/Pulumi.local.yaml", image, image.replace("\n", "\n        pins: {maximum: 11}\n", 1))
    repository.commit()
    repository.edit("stacks/Pulumi.local.yaml", "        pins: {maximum: 11}\n", "")
    repository.edit("components/bus/render.py", "bus.disk(len(speakers))", "2 * bus.disk(len(speakers))")
    repository.commit()
    code, made = repository.review("local")
    each = made.environments[0]
    assert (code, each.outcome, each.base.trouble, each.base.deployed) == (1, "refused", None, True)
    assert {(found.rule, found.resource, found.new) for found in each.violations} == {
        ("stateful-not-replaced", "bus-servers", True)
    }
    assert each.rules_run == len(rule_names())
    assert {change.resource for change in each.changes if change.operation == "replace"} == {"bus-servers"}


def test_a_change_does_not_lower_its_own_bar(repository: Repository) -> None:
    """A burst of 1.0 with floors that allow it, both in one change: base's floors and pack refuse."""
    repository.edit("policies/floors.json", '"minimum_burst": 1.5', '"minimum_burst": 1.0')
    spec = repository.root / "stacks" / "Pulumi.local.yaml"
    text = spec.read_text(encoding="utf-8")
    place = "  headroom:spec:\n"
    assert "margins:" not in text
    spec.write_text(text.replace(place, f"{place}    margins: {{burst: 1.0}}\n"), encoding="utf-8")
    repository.commit()
    assert repository.headroom("synth", "local", "--json").returncode == 0
    code, made = repository.review("local")
    each = made.environments[0]
    assert (code, each.outcome) == (1, "refused")
    assert each.violations
    assert {finding.new for finding in each.violations} == {True}
    assert [(margin.name, margin.before, margin.after) for margin in each.margins] == [("burst", 1.5, 1.0)]
    sales = next(row for row in each.verticals if row.name == "sales")
    assert sales.before is not None
    assert sales.after is not None
    assert sales.before.required == round(
        next(live for live in planned("local").live if live.name == "sales").required.sessions, 1
    )
    assert sales.after.required is not None
    assert sales.before.required is not None
    assert sales.after.required < sales.before.required
    _says_nothing_of_the_machine(made, repository)


def test_what_cannot_be_previewed_is_reported_and_not_accepted(repository: Repository) -> None:
    """A misspelt key, a renderer that fails and a removed environment: each is in the review, none passes for accepted."""
    repository.edit("stacks/Pulumi.dev.yaml", "    images:", "    image:")
    repository.edit(
        "components/turn/render.py",
        "def turn_resources(",
        "def turn_resources(*_: object, **__: object) -> list[Any]:\n    raise OSError('/tmp/x/y is full')\n\n\ndef _unused(",
    )
    (repository.root / "stacks" / "Pulumi.seed.yaml").unlink()
    repository.commit()
    code, made = repository.review("dev", "local", "seed")
    assert code == 3
    said = {each.name: (each.outcome, each.trouble or "") for each in made.environments}
    assert said["dev"][0] == "invalid"
    assert "image: unknown key; did you mean 'images'?" in said["dev"][1]
    assert said["local"] == ("failed", "OSError: y is full")
    assert said["seed"] == ("removed", "")
    _says_nothing_of_the_machine(made, repository)


def test_an_unknown_base_is_bad_input(repository: Repository) -> None:
    """A branch that is not there ends with 2 and git's words."""
    ran = repository.headroom("review", "local", "--base", "nowhere")
    assert ran.returncode == 2
    assert "nowhere" in ran.stderr
    assert "Traceback" not in ran.stderr
