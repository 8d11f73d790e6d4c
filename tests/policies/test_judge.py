"""The gate fails closed: exceptions, evidence that cannot be read, values that are something else."""

import json
import random
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headroom.blueprint import Blueprint, Options, Ref, Rendered, Secret
from policies.adapters.program import blueprint_stack, judge_blueprint, refusal
from policies.evidence import Context, Unusable, load_context
from policies.floors import read_floors
from policies.judge import all_rules, judge
from policies.rule import Finding, Rule, run_rule
from policies.stack import (
    UNKNOWN,
    MissingField,
    Place,
    Resource,
    Stack,
    UnknownValue,
    Unreadable,
    WrongField,
    field,
    optional,
)
from policies.verdict import Verdict, Violation, render_violation, violation_json
from tests.policies.base import FLOORS, Document, Situation, broken, change, context_of, passing, stack_of, verdict_on
from tests.policies.parts import PARTS

NOTHING = Unusable("nothing", "there is none", "none")
EMPTY = Context(NOTHING, NOTHING, NOTHING)


def test_exception_in_a_rule_is_its_violation() -> None:
    """A rule that fails refuses, keeps what it had found before, and shows no value: a policy sees secrets in plain text."""

    def fails(_stack: Stack, _context: Context) -> Iterator[Finding]:
        yield Finding("before", "it was found", "cure it")
        int("hunter2")

    found = run_rule(Rule("holds", "it holds", "why", "nothing", "none", fails), Stack(()), EMPTY)
    assert [violation.resource for violation in found] == ["before", "holds"]
    assert found[1].message.startswith("could not be judged: ValueError in test_judge.py, line ")
    assert all("hunter2" not in render_violation(violation) for violation in found)


def test_order_of_resources_does_not_matter(tmp_path: Path) -> None:
    """The engine shows resources in no fixed order; the verdict is the same."""
    situation = change(
        passing(),
        [{"at": [f"{name}-autoscaler", "spec", "maxReplicas"], "to": 1} for name in ("healthcare", "sales")],
    )
    context = context_of(situation, tmp_path)
    resources = list(stack_of(situation).resources)
    expected = judge(Stack(tuple(resources)), context)
    random.Random(7).shuffle(resources)  # noqa: S311  # an order, not a secret
    assert judge(Stack(tuple(resources)), context) == expected
    assert expected.refused


def test_empty_stack_is_refused(tmp_path: Path) -> None:
    """A stack without a resource is no stack that carries its burst."""
    context = context_of(change(passing(), []), tmp_path)
    refusing = {violation.rule for violation in judge(Stack(()), context).violations}
    assert refusing >= {"plan-exists", "claims-match-lock", "sessions-cover-burst", "tokens-cover-burst"}


def test_zero_rules_are_a_refusal() -> None:
    """No rule run means that nothing was checked."""
    assert Verdict((), ()).refused
    assert "no rule ran" in refusal(Verdict((), ()))


WHOLE: list[Document] = [{"with": list(PARTS)}]


def test_the_base_with_every_part_passes(tmp_path: Path) -> None:
    """The parts that samples add pass every rule together too."""
    assert verdict_on(change(passing(), WHOLE), tmp_path).violations == ()


@given(st.sampled_from(sorted(change(passing(), WHOLE).resources)), st.data())
def test_nonsense_in_any_place_never_raises(tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject) -> None:
    """Whatever stands in any field of any resource, the gate answers with a verdict."""
    situation = change(passing(), WHOLE)
    path = _any_path(situation.resources[name]["props"], data)
    nonsense = data.draw(
        st.sampled_from([None, UNKNOWN, "", "-1", "nan", -1, 1e308, float("nan"), [], {}, [None], {"": None}, True])
    )
    verdict = verdict_on(broken(situation, [{"at": [name, *path], "to": nonsense}]), tmp_path_factory.mktemp("evidence"))
    assert verdict.rules_run == tuple(rule.name for rule in all_rules())
    assert not any("report this defect" in violation.remedy for violation in verdict.violations)


@given(st.sampled_from(["lock", "floors"]), st.data())
def test_nonsense_in_the_evidence_never_raises(tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject) -> None:
    """Whatever stands in lock or floors, the gate answers with a verdict."""
    situation = change(passing(), [])
    path = _any_path(situation.evidence[name], data)
    nonsense = data.draw(st.sampled_from([None, "", "x", -1, 0, 1e308, [], {}, [None], {"": None}, True]))
    wrong = change(situation, [{"at": [name, *path], "to": nonsense}])
    verdict = verdict_on(wrong, tmp_path_factory.mktemp("evidence"))
    assert not any("report this defect" in violation.remedy for violation in verdict.violations)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1, "a": 2}', "it has the key 'a' twice in one object"),
        ('{"a": NaN}', "it holds NaN, which is not a number"),
        ("[" * 100_000, "it is nested too deeply to be a document of ours"),
        ("[]", "the floors file is not an object"),
        ("{}", "the floors file lacks maximum_forecast_age_days"),
    ],
)
def test_evidence_that_is_wrong_says_how(text: str, message: str, tmp_path: Path) -> None:
    """A floors file that is not what it must be becomes evidence that cannot be used, with its reason."""
    path = tmp_path / "floors.json"
    path.write_text(text)
    floors = load_context(None, path, None).floors
    assert isinstance(floors, Unusable)
    assert floors.reason == f"floors.json: {message}"


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("none.json", None, "none.json cannot be read (No such file or directory)"),
        ("folder", "", "folder cannot be read (Is a directory)"),
        ("bytes.json", b"\xff\xfe", "bytes.json is not UTF-8"),
    ],
)
def test_evidence_that_cannot_be_read_says_why(name: str, content: bytes | str | None, reason: str, tmp_path: Path) -> None:
    """A lock that is absent, a folder or not text becomes evidence that cannot be used."""
    path = tmp_path / name
    if content == "":
        path.mkdir()
    elif isinstance(content, bytes):
        path.write_bytes(content)
    lock = load_context(path, None, None).lock
    assert isinstance(lock, Unusable)
    assert lock.reason == reason


def test_floors_that_come_with_the_gate() -> None:
    """The gate's own floors are those of the design."""
    floors = read_floors(FLOORS.read_text())
    assert (floors.minimum_burst, floors.minimum_growth_per_quarter, floors.maximum_safe_utilisation) == (1.5, 2.0, 0.9)
    assert floors.maximum_forecast_age_days == 28


def test_reading_names_the_whole_path() -> None:
    """A failure names resource and path, whether the value is unknown, missing or something else."""
    resource = Resource("t", "web", {"spec": {"list": [{"a.b": UNKNOWN}], "text": "", "none": None}})
    with pytest.raises(UnknownValue, match=r"web: spec\.list\[0\]\[a\.b\] is not known before the deploy"):
        field(resource, "spec.list")[0]["a.b"]
    with pytest.raises(MissingField, match=r"web: spec\.none is missing"):
        field(resource, "spec.none")
    with pytest.raises(WrongField, match=r"web: spec\.text is not an object"):
        optional(resource, "spec.text.deeper")
    assert optional(resource, "gone.deeper") is None


@pytest.mark.parametrize("value", [True, "nan", "inf", "-1", -0.5, [], {}, None, "12 ", "1_000", "\u0661\u0662"])
def test_numbers_are_numbers(value: object) -> None:
    """What is no finite number of at least zero is refused where one is read, and so is what Python alone would read."""
    place = Place(Resource("t", "web", {}), "spec.x", value)
    for read in (place.number, place.count):
        with pytest.raises(Unreadable):
            read()


def test_blueprint_is_judged_with_its_unknowns(tmp_path: Path) -> None:
    """What another resource yields, and what is secret, is unknown to the in-program gate."""
    props = {"a": Ref("db", "id"), "b": (Secret("key"), 1), "c": {"d": None}, "e": object()}
    rendered = Rendered("t", "web", props, options=Options(ignore_changes=("a",)))
    (resource,) = blueprint_stack(Blueprint((rendered,))).resources
    assert resource.props == {"a": UNKNOWN, "b": [UNKNOWN, 1], "c": {"d": None}, "e": UNKNOWN}
    assert resource.ignored == ("a",)
    verdict = judge_blueprint(Blueprint(()), tmp_path / "lock.json", FLOORS, date(2026, 11, 2))
    assert verdict.refused


def test_blueprint_that_passes_and_one_that_does_not(tmp_path: Path) -> None:
    """The in-program gate passes a good blueprint; a refusal is one text with every violation and its remedy."""
    few = [{"at": ["healthcare-autoscaler", "spec", "maxReplicas"], "to": 4}]
    good, wrong = (_blueprint(change(passing(), changes)) for changes in ([], few))
    (tmp_path / "lock.json").write_text(json.dumps(change(passing(), []).evidence["lock"]))
    assert not judge_blueprint(good, tmp_path / "lock.json", FLOORS, date(2026, 11, 2)).refused
    text = refusal(judge_blueprint(wrong, tmp_path / "lock.json", FLOORS, date(2026, 11, 2)))
    assert text == (
        f"The gate refuses this deploy: 1 violation, {len(all_rules())} rules ran. Nothing was touched.\n"
        "  [sessions-cover-burst] healthcare-autoscaler: healthcare must hold 1,200 sessions on 2026-11-02 and 1,485 by "
        "2026-11-30; 4 pods hold 320 hard, 288 safe. Remedy: set maxReplicas to 21."
    )


def _blueprint(situation: Situation) -> Blueprint:
    return Blueprint(tuple(Rendered(item["type"], item["name"], item["props"]) for item in situation.resources.values()))


def test_violation_as_json_has_whole_figures() -> None:
    """Figures are counts: required 1,485.3 is shown as 1485; a violation without figures keeps them null."""
    violation = Violation("rule", "web", 1485.3, 288.0, "sessions", "short", "more")
    assert violation_json(violation) == {
        "rule": "rule",
        "resource": "web",
        "required": 1485,
        "provided": 288,
        "unit": "sessions",
        "message": "short",
        "remedy": "more",
        "level": "mandatory",
    }
    assert violation_json(Violation("rule", "web", None, None, "", "short", "more"))["required"] is None


def test_plan_larger_than_allowed_is_refused(tmp_path: Path) -> None:
    """A plan of 256 KiB is too large, one byte less is not."""
    sizes = {}
    for padding in (262_143 - 14, 262_144 - 14):
        plan = {"padding": "x" * padding}
        text = json.dumps(plan, separators=(",", ":"))
        verdict = verdict_on(change(passing(), [{"at": ["capacity-plan", "data", "plan.json"], "to": text}]), tmp_path)
        sizes[len(text)] = [violation.unit for violation in verdict.violations if violation.rule == "plan-exists"]
    assert sizes == {262_143: [""], 262_144: ["", "bytes"]}


def _any_path(value: object, data: st.DataObject) -> list[str | int]:
    path: list[str | int] = []
    while isinstance(value, dict | list) and value:
        keys: list[str | int] = sorted(value) if isinstance(value, dict) else list(range(len(value)))
        key = data.draw(st.sampled_from(keys))
        path.append(key)
        value = value[key]  # type: ignore[index]
        if data.draw(st.booleans()) and len(path) > 1:
            break
    return path


NONSENSE_TEXT = [
    "",
    "{}",
    "[]",
    "null",
    "x {",
    "a: [",
    "maxmemory x",
    "accounts { a }",
    '{"plans": 1}',
    "groups: [{rules: [{}]}]",
]


@pytest.mark.parametrize("text", NONSENSE_TEXT)
@pytest.mark.parametrize(
    "path",
    [
        ["bus-config", "data", "nats.conf"],
        ["bus-sales-stream", "data", "stream.json"],
        ["queue-config", "data", "redis.conf"],
        ["queue-settings", "data", "bullmq.json"],
        ["turn-config", "data", "turnserver.conf"],
        ["prometheus-config", "data", "rules.yaml"],
        ["gateway-config", "data", "plans.json"],
        ["edge-caps", "value"],
        ["edge-sessions", "bindings", 0, "json"],
    ],
    ids=lambda path: path[0],
)
def test_a_file_that_is_none_is_refused_and_said(path: list[str | int], text: str, tmp_path: Path) -> None:
    """A configuration that its server would not read is a violation that names it, never a defect of the gate."""
    verdict = verdict_on(change(passing(), [*WHOLE, {"at": path, "to": text}]), tmp_path)
    assert verdict.refused
    assert not any("report this defect" in violation.remedy for violation in verdict.violations)
