"""Attempts to fool the gate, each refused: by changed stacks and evidence, by what surrounds them, and by the change itself."""

import json
import shutil
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from headroom.located import BadInput
from headroom.review.base import Base
from headroom.review.collect import Bench, Judged, collect
from policies.adapters.pack_config import pack_configuration
from policies.adapters.program import blueprint_stack
from policies.break_glass import Intact, break_glass
from policies.changes import NOTHING
from policies.evidence import load_context
from policies.judge import judge, judge_changes, rule_names
from stacks.reading import floors_path, lock_path
from stacks.voice import render
from tests.environments import planned
from tests.policies.base import Document, Situation, change, stack_of, verdict_on
from tests.policies.test_pack import run_pack
from tests.policies.test_samples import SampleLoader

ATTEMPTS: list[Document] = yaml.load(Path(__file__).with_name("attempts.yaml").read_text(encoding="utf-8"), SampleLoader)  # noqa: S506  # a SafeLoader with one more tag


@pytest.fixture(scope="module")
def prod() -> Situation:
    """The stack of prod as it is rendered, and the evidence that it is judged by."""
    plan = planned("prod")
    resources = {
        one.name: {"type": one.type, "name": one.name, "props": dict(one.props), "ignored": one.ignored}
        for one in blueprint_stack(render(plan)).resources
    }
    documents = {
        name: json.loads(path.read_text(encoding="utf-8"))
        for name, path in (("lock", lock_path("prod")), ("floors", floors_path()))
    }
    return Situation(resources, documents | {"as_of": plan.as_of.isoformat()})


def test_what_is_attempted_on_is_accepted(prod: Situation, tmp_path: Path) -> None:
    """Else every attempt would be refused, whatever it does."""
    assert verdict_on(change(prod, []), tmp_path).violations == ()


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=lambda attempt: attempt["attempt"])
def test_an_attempt_is_refused(attempt: Document, prod: Situation, tmp_path: Path) -> None:
    """By the rule that names what is wrong."""
    verdict = verdict_on(change(prod, attempt["change"]), tmp_path)
    assert attempt["refused_by"] in {violation.rule for violation in verdict.violations}


def test_every_attempt_has_a_name_of_its_own() -> None:
    """And a rule that there is."""
    assert len({attempt["attempt"] for attempt in ATTEMPTS}) == len(ATTEMPTS)
    assert {attempt["refused_by"] for attempt in ATTEMPTS} <= rule_names()


@pytest.mark.parametrize(
    ("reason", "hours"),
    [
        ("the region is on fire", -1),
        ("the region is on fire", 25),
        ("   fire   ", 1),
        ("\u200b" * 20, 1),
        ("the region is on fire", None),
    ],
    ids=["past", "too long", "too short a reason", "a reason that nobody sees", "no end"],
)
def test_glass_that_was_not_broken_is_refused(reason: str, hours: int | None, prod: Situation, tmp_path: Path) -> None:
    """Whoever tries is told, and nothing is let through."""
    now = datetime(2026, 11, 2, 3, tzinfo=UTC)
    glass = break_glass(reason, None if hours is None else (now + timedelta(hours=hours)).isoformat(), now)
    assert isinstance(glass, Intact)
    lock, floors = tmp_path / "lock.json", tmp_path / "floors.json"
    for file, name in ((lock, "lock"), (floors, "floors")):
        file.write_text(json.dumps(prod.evidence[name]), encoding="utf-8")
    short = change(prod, [{"at": ["healthcare-autoscaler", "spec", "maxReplicas"], "to": 2}])
    rules = {violation.rule for violation in judge(stack_of(short), load_context(lock, floors, "2026-11-02", glass)).violations}
    assert {"sessions-cover-burst", "waivers-end"} <= rules


def test_a_stack_of_ours_is_not_judged_as_if_it_were_not(prod: Situation, tmp_path: Path) -> None:
    """The opt-in mode drops the unannotated; told to judge a stack with a root of ours by it, the pack refuses."""
    for name in ("lock", "floors"):
        (tmp_path / f"{name}.json").write_text(json.dumps(prod.evidence[name]), encoding="utf-8")
    made = pack_configuration(tmp_path / "lock.json", tmp_path / "floors.json", date(2026, 11, 2), annotated=True)
    reported = run_pack(prod, made["plan-exists"])
    assert any("exactly one resource of this type and has 2" in text for text, _ in reported["sessions-cover-burst"])


def test_no_stack_and_no_rule_is_no_verdict() -> None:
    """An empty stack is refused, and so is one that no rule looked at."""
    assert judge_changes(NOTHING, datetime(2026, 11, 2, tzinfo=UTC), load_context(None, None, None)).rules_run
    assert judge(stack_of(Situation({}, {})), load_context(None, None, None)).refused


@dataclass(frozen=True)
class _WithRules(Base):
    """A base whose rules load."""

    def rules(self) -> tuple[tuple[str, ...] | None, str | None]:
        return ("plan-exists",), None


@pytest.mark.parametrize("lowered", ["policies/floors.json", "stacks/prod.adoption.json"])
def test_a_change_does_not_lower_its_own_bar(lowered: str, tmp_path: Path) -> None:
    """Floors and adoption plan that a review judges by are base's, whatever the change writes into its own."""
    roots = {}
    for name in ("base", "head"):
        roots[name] = tmp_path / name
        for file in ("policies/floors.json", "stacks/prod.adoption.json", "stacks/Pulumi.prod.yaml"):
            (roots[name] / file).parent.mkdir(parents=True, exist_ok=True)
            (roots[name] / file).write_text(name, encoding="utf-8")
        shutil.copytree(floors_path().parent / "pack", roots[name] / "policies" / "pack")
    asked: dict[str, Path | None] = {}

    def judged(_name: str, floors: Path, adoption: Path | None) -> Judged:
        asked.update({"policies/floors.json": floors, "stacks/prod.adoption.json": adoption})
        raise BadInput([])

    collect(["prod"], _WithRules("0" * 40, roots["base"]), "1" * 40, Bench(roots["head"], judged, _no_engine, print))
    bar = asked[lowered]
    assert bar is not None
    assert bar.read_text(encoding="utf-8") == "base"


def _no_engine(_home: Path) -> dict[str, str]:
    raise AssertionError("it was judged before")
