"""Waivers: what they let through is seen everywhere, and they end."""

from datetime import date
from pathlib import Path

from capacity import plan
from capacity.spec import Waiver
from policies.adapters.program import judge_blueprint, waivers_in_force
from policies.judge import rule_names
from policies.verdict import render_violation
from policies.waivers import NEVER, waived_json
from stacks.reading import floors_path, lock_path, read_lock, read_spec
from stacks.voice import render
from tests.policies.base import change, passing, verdict_on

SHORT = {"at": ["pool-general", "nodes"], "to": 9}


def waiver(rule: str, resource: str, until: str = "2026-11-09") -> dict[str, str]:
    """Return a waiver as the root carries it."""
    return {"rule": rule, "resource": resource, "reason": "nodes are ordered (ops)", "until": until}


def test_a_waived_violation_is_let_through_and_shown(tmp_path: Path) -> None:
    """It refuses no more; verdict, text and JSON have it with the days that are left."""
    waivers = [waiver("nodes-cover-maximum", "pool-general")]
    verdict = verdict_on(change(passing(), [SHORT, {"at": ["voice", "waivers"], "to": waivers}]), tmp_path)
    (waived,) = verdict.waived
    assert not verdict.refused
    assert waived_json(waived) | {"message": ""} == {
        "rule": "nodes-cover-maximum",
        "resource": "pool-general",
        "message": "",
        "reason": "nodes are ordered (ops)",
        "until": "2026-11-09",
        "days_left": 7,
    }
    (line,) = waivers_in_force(verdict)
    assert line.startswith("[nodes-cover-maximum] pool-general: ")
    assert line.endswith("Waived until 2026-11-09 (7 days left): nodes are ordered (ops)")


def test_a_waiver_lets_its_own_violation_through_and_no_other(tmp_path: Path) -> None:
    """Another rule of the same resource, and the same rule of another, still refuse."""
    for wrong in (waiver("one-node-loss-survived", "pool-general"), waiver("nodes-cover-maximum", "pool-gpu")):
        verdict = verdict_on(change(passing(), [SHORT, {"at": ["voice", "waivers"], "to": [wrong]}]), tmp_path)
        assert [violation.rule for violation in verdict.violations] == ["nodes-cover-maximum"]
        assert verdict.waived == ()


def test_a_waiver_that_ends_lets_nothing_through(tmp_path: Path) -> None:
    """The day after its last the violation refuses again, and the waiver besides."""
    waivers = [waiver("nodes-cover-maximum", "pool-general", "2026-11-01")]
    verdict = verdict_on(change(passing(), [SHORT, {"at": ["voice", "waivers"], "to": waivers}]), tmp_path)
    assert [violation.rule for violation in verdict.violations] == ["nodes-cover-maximum", "waivers-end"]


def test_rules_that_cannot_be_waived_are_rules() -> None:
    """A misspelt name among them would be waivable."""
    assert rule_names() >= NEVER


def test_a_waiver_of_the_spec_reaches_the_gate() -> None:
    """The published numbers with every violation waived are let through, each with its reason, and for as long as it says."""
    spec, lock, day = read_spec("seed"), read_lock("seed"), date(2026, 11, 2)
    refused = judge_blueprint(render(plan(spec, lock, day)), lock_path("seed"), floors_path(), day)
    assert refused.refused
    pairs = dict.fromkeys((violation.rule, violation.resource) for violation in refused.violations)
    waivers = tuple(
        Waiver(rule=rule, resource=resource, reason="shown to a customer", until=date(2026, 11, 9)) for rule, resource in pairs
    )
    waived = judge_blueprint(
        render(plan(spec.model_copy(update={"waivers": waivers}), lock, day)), lock_path("seed"), floors_path(), day
    )
    assert [render_violation(violation) for violation in waived.violations] == []
    assert {(each.waiver.rule, each.waiver.resource) for each in waived.waived} == set(pairs)
