"""The adoption plan: what it records may stand until its last day, nothing of it gets worse, and nothing new comes."""

import json
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from policies.adoption import adoption_path, adoption_text, read_adoption
from policies.documents import WrongDocument
from policies.evidence import load_context
from policies.judge import judge
from policies.ratchet import record
from policies.verdict import Verdict
from policies.waivers import NEVER, render_waived
from tests.policies.base import DATA_END, Document, change, passing, stack_of

REASON = "pods and nodes are ordered (ops, 2026-11-02)"
FEWER: Document = {"at": ["healthcare-autoscaler", "spec", "maxReplicas"], "to": 15}
POD = ["healthcare-deployment", "spec", "template", "spec"]
GRACE: Document = {"at": [*POD, "terminationGracePeriodSeconds"], "to": 600}
NODES = {"at": ["pool-general", "nodes"], "to": 9}
BROKEN = [FEWER, GRACE]
"""A cluster as it is found: too few pods at the maximum, each killed after ten minutes."""
NOW: list[Document] = []
LATER = {"at": ["as_of"], "to": "2026-11-20"}


def judged(folder: Path, changes: list[Document], plan: Document | None = None) -> Verdict:
    """Return the verdict on the small stack with changes, beside an adoption plan."""
    situation = change(passing(), changes)
    for name in ("lock", "floors"):
        (folder / f"{name}.json").write_text(json.dumps(situation.evidence[name]))
    file = adoption_path(folder / "lock.json")
    file.unlink(missing_ok=True)
    if plan is not None:
        file.write_text(json.dumps(plan))
    return judge(stack_of(situation), load_context(folder / "lock.json", folder / "floors.json", situation.evidence["as_of"]))


def adopted(folder: Path, changes: list[Document] | None = None) -> Document:
    """Return the plan that records the small stack with changes, on the lock's data end, for eight weeks."""
    verdict = judged(folder, changes if changes is not None else BROKEN)
    context = load_context(folder / "lock.json", folder / "floors.json", DATA_END)
    plan = record(verdict.violations, (), context, DATA_END + timedelta(days=56), REASON)
    made: Document = json.loads(adoption_text(plan))
    return made


def refusals(verdict: Verdict) -> list[tuple[str, str]]:
    """Return rule and resource of what refuses."""
    return [(violation.rule, violation.resource) for violation in verdict.violations]


def test_what_is_recorded_may_stand_and_is_shown(tmp_path: Path) -> None:
    """The very stack passes on the day of the record and weeks later, each violation shown with reason, end and days left."""
    plan = adopted(tmp_path)
    for changes, left in ((BROKEN, 56), ([*BROKEN, LATER], 38)):
        verdict = judged(tmp_path, changes, plan)
        assert refusals(verdict) == []
        assert [(each.violation.rule, each.days_left) for each in verdict.waived] == [
            ("sessions-cover-burst", left),
            ("drain-covers-longest-call", left),
        ]
        text = render_waived(verdict.waived[0])
        assert text.endswith(f"Waived until 2026-12-28 ({left} days left): adoption plan of 2026-11-02, as recorded: {REASON}")


def test_a_figure_that_comes_nearer_passes(tmp_path: Path) -> None:
    """More pods, though not enough: it says that it is nearer than recorded. Enough of them: nothing is left to waive."""
    plan = adopted(tmp_path)
    verdict = judged(tmp_path, [FEWER | {"to": 18}, GRACE], plan)
    assert refusals(verdict) == []
    assert "nearer than recorded" in verdict.waived[0].waiver.reason
    assert judged(tmp_path, [], plan).waived == ()


@pytest.mark.parametrize(
    ("worse", "refused"),
    [
        ([FEWER | {"to": 14}, GRACE], ("sessions-cover-burst", "healthcare-autoscaler")),
        ([FEWER, GRACE | {"to": 599}], ("drain-covers-longest-call", "healthcare-deployment")),
        # One figure comes nearer, another goes further away: the deploy gets worse.
        ([FEWER | {"to": 18}, GRACE | {"to": 599}], ("drain-covers-longest-call", "healthcare-deployment")),
        # The same figure by limits, and less by requests: the words say so.
        (
            [*BROKEN, {"at": [*POD, "containers", 0, "resources", "requests", "cpu"], "to": "2"}],
            ("sessions-cover-burst", "healthcare-autoscaler"),
        ),
        # A new lock asks for more.
        (
            [*BROKEN, {"at": ["lock", "verticals", "healthcare", "peak"], "to": 900}],
            ("sessions-cover-burst", "healthcare-autoscaler"),
        ),
    ],
)
def test_a_figure_that_gets_worse_refuses(worse: list[Document], refused: tuple[str, str], tmp_path: Path) -> None:
    """Whatever else comes nearer, and the words say what the plan has."""
    verdict = judged(tmp_path, worse, adopted(tmp_path))
    (message,) = [violation.message for violation in verdict.violations if (violation.rule, violation.resource) == refused]
    assert "(the adoption plan of 2026-11-02 has " in message
    assert message.endswith("and it may only come nearer)")


def test_a_new_violation_refuses(tmp_path: Path) -> None:
    """Of another resource by a rule that the plan has, and by a rule that it does not have."""
    plan = adopted(tmp_path)
    for new in (
        {"at": ["sales-autoscaler", "spec", "maxReplicas"], "to": 8},
        NODES,
    ):
        verdict = judged(tmp_path, [*BROKEN, new], plan)
        assert refusals(verdict)
        assert all(violation.message.endswith("does not have it)") for violation in verdict.violations)
        assert len(verdict.waived) == len(BROKEN)


def test_more_of_a_kind_than_recorded_refuses(tmp_path: Path) -> None:
    """A second container without a digest is a new violation, though rule and resource are recorded."""
    image = [*POD, "containers"]
    first = {"at": [*image, 0, "image"], "to": "registry.example/program:latest"}
    plan = adopted(tmp_path, [first])
    assert not judged(tmp_path, [first], plan).refused
    one = change(passing(), [first]).resources["healthcare-deployment"]["props"]["spec"]["template"]["spec"]["containers"][0]
    second = {"at": image, "to": [one, one | {"name": "beside"}]}
    verdict = judged(tmp_path, [second], plan)
    assert ("images-pinned", "healthcare-deployment") in refusals(verdict)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"until": "2026-11-19"}, "it ended on 2026-11-19"),
        ({"until": "2027-02-02"}, "91 days from its record on 2026-11-02 are the longest"),
        ({"recorded": "2026-11-21"}, "it was recorded on 2026-11-21, after 2026-11-20"),
        ({"reason": "   why   "}, "a reason of at least"),
        ({"until": "soon"}, "until is not a day"),
        ({"baseline": []}, "unknown key 'baseline'"),
        ({"violations": [{"rule": "sessions-cover-burst"}]}, "violations[0] lacks"),
    ],
)
def test_a_plan_that_ends_or_cannot_be_read_lets_nothing_through(changed: Document, words: str, tmp_path: Path) -> None:
    """Past, too long, from the future, without a reason, misspelt: its violations refuse, and `waivers-end` says why."""
    verdict = judged(tmp_path, [*BROKEN, LATER], adopted(tmp_path) | changed)
    assert {"sessions-cover-burst", "drain-covers-longest-call", "waivers-end"} == {rule for rule, _ in refusals(verdict)}
    assert words in next(violation.message for violation in verdict.violations if violation.rule == "waivers-end")


def test_the_organisation_says_how_long_a_plan_may_last(tmp_path: Path) -> None:
    """A floor of 30 days refuses a plan of 56; the plan's own term may be shorter at will."""
    plan = adopted(tmp_path)
    floor = {"at": ["floors", "longest_adoption_days"], "to": 30}
    assert ("waivers-end", "adoption plan") in refusals(judged(tmp_path, [*BROKEN, floor], plan))
    assert not judged(tmp_path, [*BROKEN, floor], plan | {"until": "2026-11-30"}).refused


def test_what_time_does_by_itself_is_no_worse_deploy(tmp_path: Path) -> None:
    """Tokens short of the burst on the day of the record are shorter with the growth of every day, and still stand."""
    short = {"at": ["model", "primary", "tokensPerMinute"], "to": 15_000_000}
    plan = adopted(tmp_path, [short])
    then, later = (judged(tmp_path, [short, *when], plan) for when in (NOW, [LATER]))
    assert refusals(then) == refusals(later) == []
    grown = [
        each.violation.required
        for verdict in (then, later)
        for each in verdict.waived
        if each.violation.rule == "tokens-cover-burst"
    ]
    assert grown[0] is not None
    assert grown[1] is not None
    assert grown[0] < grown[1]
    worse = judged(tmp_path, [short | {"to": 14_000_000}, LATER], plan)
    assert ("tokens-cover-burst", "model") in refusals(worse)


def test_a_rule_that_time_breaks_is_new(tmp_path: Path) -> None:
    """The plan's record of figures does not keep a forecast fresh: its age refuses as ever."""
    late = {"at": ["as_of"], "to": "2026-12-02"}
    assert ("forecast-fresh", "forecast lock") in refusals(judged(tmp_path, [*BROKEN, late], adopted(tmp_path)))


def test_what_cannot_be_judged_is_in_no_plan(tmp_path: Path) -> None:
    """Behind a limit that is missing any figure may get worse: neither is it recorded, nor does a plan that names it hold it."""
    hidden = {"at": [*POD, "containers", 0, "resources", "limits"], "to": None}
    verdict = judged(tmp_path, [hidden])
    context = load_context(tmp_path / "lock.json", tmp_path / "floors.json", DATA_END)
    with pytest.raises(ValueError, match="no adoption plan can hold"):
        record(verdict.violations, (), context, DATA_END, REASON)
    forged = adopted(tmp_path, []) | {"violations": [_entry(violation) for violation in verdict.violations]}
    unread = [(violation.rule, violation.resource) for violation in verdict.violations if violation.unread]
    assert len(unread) > 1
    assert refusals(judged(tmp_path, [hidden], forged)) == unread


def test_rules_without_which_no_other_means_anything_are_in_no_plan(tmp_path: Path) -> None:
    """An unannotated workload, an edited lock, a plan that is not there: not even a plan that names them holds them."""
    changes: list[Document] = [
        {"at": ["healthcare-deployment", "metadata", "annotations", "headroom.dev/kind"], "to": "cron"},
        {"at": ["lock", "digest"], "to": "sha256:0"},
        {"drop": "capacity-plan"},
    ]
    verdict = judged(tmp_path, changes)
    forged = adopted(tmp_path, []) | {"violations": [_entry(violation) for violation in verdict.violations]}
    kept = {violation.rule for violation in judged(tmp_path, changes, forged).violations}
    assert kept >= NEVER - {"waivers-end"}


def test_a_running_plan_is_recorded_again_only_tighter(tmp_path: Path) -> None:
    """What came nearer becomes the record, with the end and the reason that it had; what got worse does not."""
    plan = adopted(tmp_path)
    nearer, worse = (judged(tmp_path, [FEWER | {"to": pods}, GRACE], plan) for pods in (18, 14))
    context = load_context(tmp_path / "lock.json", tmp_path / "floors.json", DATA_END)
    again = record(nearer.violations, [each.violation for each in nearer.waived], context, None, None)
    assert (again.until.isoformat(), again.reason, len(again.violations)) == (plan["until"], plan["reason"], 2)
    tightened = json.loads(adoption_text(again))
    assert refusals(judged(tmp_path, BROKEN, tightened)) == [("sessions-cover-burst", "healthcare-autoscaler")]
    with pytest.raises(ValueError, match="the running plan does not hold"):
        record(worse.violations, (), context, None, None)


def test_a_file_says_what_its_plan_says(tmp_path: Path) -> None:
    """Written and read again a plan is the same, its figures to the last digit; a key twice is no plan."""
    text = json.dumps(adopted(tmp_path))
    plan = read_adoption(text)
    assert adoption_text(read_adoption(adoption_text(plan))) == adoption_text(plan)
    with pytest.raises(WrongDocument, match="'until' twice"):
        read_adoption(text.replace('"until"', '"until": "2026-11-30", "until"', 1))


def _entry(violation: Any) -> dict[str, Any]:
    named = ("rule", "resource", "message", "required", "provided", "unit")
    return {name: value for name, value in asdict(violation).items() if name in named}
