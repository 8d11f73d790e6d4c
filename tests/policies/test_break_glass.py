"""Breaking the glass: everything goes through, for a day at most, and nothing of it is hidden."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from policies.adapters.pack_config import pack_configuration
from policies.break_glass import BreakGlass, Intact, break_glass
from policies.evidence import load_context
from policies.judge import judge
from policies.stack import Stack
from policies.verdict import render_violation
from policies.waivers import render_waived
from tests.policies.base import change, passing, stack_of
from tests.policies.test_pack import run_pack

NOW = datetime(2026, 11, 2, 3, tzinfo=UTC)
BROKEN = BreakGlass("the region is on fire (ops)", NOW + timedelta(hours=1))


@pytest.mark.parametrize(
    ("reason", "until", "words"),
    [
        ("the region is on fire", NOW + timedelta(hours=24), None),
        ("the region is on fire", NOW + timedelta(hours=24, seconds=1), "24 hours at most"),
        ("the region is on fire", NOW, "it ended"),
        ("fire", NOW + timedelta(hours=1), "a reason of at least"),
        (None, NOW + timedelta(hours=1), "a reason of at least"),
        ("the region is on fire", None, "it needs an end"),
        ("the region is on fire", "tomorrow", "it needs an end"),
        ("the region is on fire", "2026-11-02T04:00:00", "a zone"),
    ],
)
def test_it_breaks_for_a_reason_and_for_a_day(reason: str | None, until: datetime | str | None, words: str | None) -> None:
    """A reason that says something, and an end within a day; else it holds and says why."""
    found = break_glass(reason, until.isoformat() if isinstance(until, datetime) else until, NOW)
    assert isinstance(found, BreakGlass if words is None else Intact)
    assert words is None or words in found.reason


def test_nobody_broke_it() -> None:
    """Without both it is whole, and nothing is said of it."""
    assert break_glass(None, None, NOW) is None
    assert break_glass("", "", NOW) is None


def test_every_violation_is_let_through_and_shown() -> None:
    """Those of an empty stack without evidence too: at 3 a.m. nobody repairs a lock."""
    closed, broken = (judge(Stack(()), load_context(None, None, None, glass)) for glass in (None, BROKEN))
    assert closed.refused
    assert not broken.refused
    assert {render_violation(each.violation) for each in broken.waived} == {render_violation(each) for each in closed.violations}
    assert all("the glass was broken: the region is on fire (ops)" in render_waived(each) for each in broken.waived)


def test_one_that_holds_is_refused_itself(tmp_path: Path) -> None:
    """Who tried and failed is told so by the gate, not let through in silence."""
    situation = change(passing(), [])
    for name in ("lock", "floors"):
        (tmp_path / f"{name}.json").write_text(json.dumps(situation.evidence[name]))
    context = load_context(tmp_path / "lock.json", tmp_path / "floors.json", date(2026, 11, 2), Intact("it ended"))
    verdict = judge(stack_of(situation), context)
    assert [(violation.rule, violation.resource) for violation in verdict.violations] == [("waivers-end", "voice")]


def test_the_pack_has_it_by_its_configuration(tmp_path: Path) -> None:
    """A broken glass lets the pack's violations through; without it they are reported."""
    situation = change(passing(), [{"at": ["pool-general", "nodes"], "to": 9}])
    for name in ("lock", "floors"):
        (tmp_path / f"{name}.json").write_text(json.dumps(situation.evidence[name]))
    soon = BreakGlass("the region is on fire (ops)", datetime.now(UTC) + timedelta(hours=1))
    paths = (tmp_path / "lock.json", tmp_path / "floors.json", date(2026, 11, 2))
    for glass, refused in ((None, ["nodes-cover-maximum"]), (soon, [])):
        block = pack_configuration(*paths, glass=glass)["plan-exists"]
        assert [rule for rule, found in run_pack(situation, block).items() if found] == refused
