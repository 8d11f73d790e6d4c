"""The policy pack's adapter: proxies, unknowns, configuration, and the policies that it hands to the engine."""

import json
from collections.abc import Mapping
from datetime import date
from functools import partial
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from pulumi.runtime.proto.analyzer_pb2 import AnalyzerResource, AnalyzeStackRequest
from pulumi_policy import (
    EnforcementLevel,
    PolicyResource,
    PolicyResourceOptions,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.policy import PolicyCustomTimeouts
from pulumi_policy.proxy import UNKNOWN_NUMBER_VALUE, UNKNOWN_OBJECT_VALUE, UNKNOWN_STRING_VALUE, unknown_checking_proxy

from policies.adapters.pack import RECORDER, forget_outputs, plain_properties, policies, urns_by_name
from policies.adapters.pack_config import SHOWN, pack_configuration
from policies.judge import all_rules
from policies.stack import UNKNOWN
from policies.verdict import render_violation
from tests.policies.base import Document, Situation, change, passing, verdict_on

AUTOSCALER = "healthcare-autoscaler"


def engine_form(value: Any) -> Any:
    """Return a value as the engine passes it on: every number a float, an unknown as its sentinel."""
    if value is UNKNOWN:
        return UNKNOWN_NUMBER_VALUE
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return float(value)
    if isinstance(value, Mapping):
        return {key: engine_form(item) for key, item in value.items()}
    if isinstance(value, list):
        return [engine_form(item) for item in value]
    return value


def policy_resource(item: Document, outputs: Document | None = None) -> PolicyResource:
    """Return a resource as a stack policy sees it."""
    props = unknown_checking_proxy(engine_form(item["props"] if outputs is None else outputs))
    return PolicyResource(item["type"], props, urn_of(item), item["name"], _options(), None, None, [], {})


def urn_of(item: Document) -> str:
    """Return a URN such as the engine makes."""
    return f"urn:pulumi:sample::headroom::{item['type']}::{item['name']}"


def run_pack(
    situation: Situation, config: Mapping[str, Any], outputs: Mapping[str, Document] | None = None
) -> dict[str, list[tuple[str, str | None]]]:
    """Return what each policy reports, as text and URN, when the engine shows it inputs first and the stack of outputs then."""
    recorder, *rules, _ = policies({})
    reported: dict[str, list[tuple[str, str | None]]] = {}
    for item in situation.resources.values():
        props = unknown_checking_proxy(engine_form(item["props"]))
        args = ResourceValidationArgs(item["type"], props, urn_of(item), item["name"], _options(), None)
        assert isinstance(recorder, ResourceValidationPolicy)
        recorder.validate(args, lambda *_: pytest.fail("the recorder judges nothing"))
    resources = [policy_resource(item, (outputs or {}).get(item["name"])) for item in situation.resources.values()]
    for rule in rules:
        assert isinstance(rule, StackValidationPolicy)
        found: list[tuple[str, str | None]] = []
        rule.validate(StackValidationArgs(resources, config), partial(_note, found))
        reported[rule.name] = found
    return reported


def configuration(situation: Situation, folder: Path) -> dict[str, str]:
    """Return the block of pack configuration that one rule gets."""
    for name in ("lock", "floors"):
        (folder / f"{name}.json").write_text(json.dumps(situation.evidence[name]))
    as_of = date.fromisoformat(situation.evidence["as_of"])
    return pack_configuration(folder / "lock.json", folder / "floors.json", as_of)["plan-exists"]


def test_one_mandatory_policy_a_rule() -> None:
    """The pack holds every rule as a mandatory policy, the recorder of inputs before them, and one that only tells after them."""
    *made, last = policies({})
    assert [policy.name for policy in made] == [RECORDER, *(rule.name for rule in all_rules())]
    assert {policy.enforcement_level for policy in made} == {EnforcementLevel.MANDATORY}
    assert (last.name, last.enforcement_level) == (SHOWN, EnforcementLevel.ADVISORY)


def test_proxies_become_plain_values() -> None:
    """Whole floats are integers again, lists and objects are lists and objects, and what is not known is UNKNOWN."""
    properties = unknown_checking_proxy(
        {
            "whole": 3.0,
            "part": 0.5,
            "flag": True,
            "nothing": None,
            "list": [1.0, {"deep": UNKNOWN_STRING_VALUE}],
            "object": UNKNOWN_OBJECT_VALUE,
            "joined": f"redis://{UNKNOWN_STRING_VALUE}:6379",
            "asset": object(),
        }
    )
    assert plain_properties(properties) == {
        "whole": 3,
        "part": 0.5,
        "flag": True,
        "nothing": None,
        "list": [1, {"deep": UNKNOWN}],
        "object": UNKNOWN,
        "joined": UNKNOWN,
        "asset": UNKNOWN,
    }


@pytest.mark.parametrize(
    "changes",
    [
        [],
        [{"at": [AUTOSCALER, "spec", "maxReplicas"], "to": 4}],
        [{"at": [AUTOSCALER, "spec", "maxReplicas"], "to": UNKNOWN}],
        [{"at": ["voice", "burst"], "to": UNKNOWN}],
        [{"at": ["capacity-plan", "data", "plan.json"], "to": UNKNOWN}],
    ],
)
def test_pack_and_program_say_the_same(changes: list[Document], tmp_path: Path) -> None:
    """The pack reports word for word what the in-program gate finds, unknowns included."""
    situation = change(passing(), changes)
    expected: dict[str, list[str]] = {rule.name: [] for rule in all_rules()}
    for violation in verdict_on(situation, tmp_path).violations:
        expected[violation.rule].append(render_violation(violation))
    reported = run_pack(situation, configuration(situation, tmp_path))
    assert {rule: [text for text, _ in found] for rule, found in reported.items()} == expected


def test_violation_points_at_its_resource(tmp_path: Path) -> None:
    """A violation carries the URN of the resource that it names."""
    situation = change(passing(), [{"at": [AUTOSCALER, "spec", "maxReplicas"], "to": 4}])
    ((_, urn),) = run_pack(situation, configuration(situation, tmp_path))["sessions-cover-burst"]
    assert urn == urn_of(situation.resources[AUTOSCALER])


def test_a_name_that_three_share_stands_for_the_workload() -> None:
    """In whichever order the engine lists them: a foreign program may call a workload's autoscaler and budget as itself."""
    types = (
        "kubernetes:autoscaling/v2:HorizontalPodAutoscaler",
        "kubernetes:apps/v1:Deployment",
        "kubernetes:policy/v1:PodDisruptionBudget",
    )
    items = [{"type": type_, "name": "checkout", "props": {}} for type_ in types]
    for listed in permutations(items):
        named = urns_by_name(StackValidationArgs([policy_resource(item) for item in listed], {}))
        assert named == {"checkout": urn_of(items[1])}


def test_inputs_are_judged_not_outputs(tmp_path: Path) -> None:
    """What the cluster made of a Deployment (the replicas of the moment) is not what the program declared."""
    situation = change(passing(), [])
    live = json.loads(json.dumps(situation.resources["healthcare-deployment"]["props"]))
    live["spec"]["replicas"] = 17
    reported = run_pack(situation, configuration(situation, tmp_path), {"healthcare-deployment": live})
    assert {rule: found for rule, found in reported.items() if found} == {}


def test_outputs_are_judged_where_no_inputs_came_by(tmp_path: Path) -> None:
    """A resource that the recorder never saw is judged by its outputs, not passed."""
    situation = change(passing(), [{"at": [AUTOSCALER, "spec", "maxReplicas"], "to": 4}])
    _, *rules, _ = policies({})
    resources = [policy_resource(item) for item in situation.resources.values()]
    args = StackValidationArgs(resources, configuration(situation, tmp_path))
    found: list[str] = []
    for rule in rules:
        assert isinstance(rule, StackValidationPolicy)
        rule.validate(args, lambda text, _urn: found.append(text))
    assert len(found) == 1


def test_no_configuration_refuses() -> None:
    """Pulumi passes over a misspelt name, and the rule behind it gets no configuration: every rule says so and refuses."""
    reported = run_pack(change(passing(), []), {})
    for rule, found in reported.items():
        ((text, urn),) = found
        assert f"there is none for {rule} (is its name misspelt?)" in text
        assert urn is None


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"loc": "x"}, "it has the unknown key 'loc'; it knows lock, floors, asOf, mode, verdicts, breakGlassReason"),
        ({"mode": "anotated"}, "mode is 'anotated'; it is strict or annotated"),
        ({"mode": 1.0}, "mode is 1.0"),
    ],
)
def test_a_misspelt_configuration_refuses(config: dict[str, object], words: str, tmp_path: Path) -> None:
    """Every rule refuses what Pulumi passes over in silence."""
    situation = change(passing(), [])
    reported = run_pack(situation, configuration(situation, tmp_path) | config)
    assert all(words in text for found in reported.values() for text, _ in found)
    assert all(reported.values())


@pytest.mark.parametrize("config", [{"lock": 7.0}, {"lock": "\0"}, {"asOf": 5.0}, {"floors": ["x"]}])
def test_configuration_of_another_type_refuses(config: dict[str, object], tmp_path: Path) -> None:
    """A configuration of the wrong type is a violation, never an exception that the engine would take for advice."""
    situation = change(passing(), [])
    reported = run_pack(situation, configuration(situation, tmp_path) | config)
    assert reported["claims-match-lock"]


def test_every_rule_that_ran_leaves_its_verdict(tmp_path: Path) -> None:
    """With a file for verdicts configured, each rule appends one line with its figures."""
    situation = change(passing(), [{"at": ["pool-general", "nodes"], "to": 9}])
    verdicts = tmp_path / "verdicts.jsonl"
    run_pack(situation, configuration(situation, tmp_path) | {"verdicts": str(verdicts)})
    lines = [json.loads(line) for line in verdicts.read_text().splitlines()]
    assert [line["rule"] for line in lines] == [rule.name for rule in all_rules()]
    (found,) = [violation for line in lines for violation in line["violations"]]
    assert (found["rule"], found["required"], found["provided"], found["unit"]) == ("nodes-cover-maximum", 14, 9, "nodes")


def test_verdict_that_cannot_be_written_refuses(tmp_path: Path) -> None:
    """A rule whose verdict cannot be written counts as not run, so it refuses."""
    situation = change(passing(), [])
    reported = run_pack(situation, configuration(situation, tmp_path) | {"verdicts": str(tmp_path / "none" / "verdicts")})
    assert all(found for found in reported.values())


def test_configuration_names_every_rule_and_absolute_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pack runs elsewhere and Pulumi ignores misspelt names: every rule gets the same block, with absolute paths."""
    monkeypatch.chdir(tmp_path)
    made = pack_configuration(Path("lock.json"), Path("floors.json"), date(2026, 11, 2), Path("verdicts.jsonl"))
    assert list(made) == [rule.name for rule in all_rules()]
    block = {
        "lock": str(tmp_path / "lock.json"),
        "floors": str(tmp_path / "floors.json"),
        "asOf": "2026-11-02",
        "verdicts": str(tmp_path / "verdicts.jsonl"),
    }
    assert all(given == block for given in made.values())


def test_pack_folder_holds_nothing_else() -> None:
    """The pack's folder comes first on its path: a module in it could shadow the standard library's."""
    folder = Path(__file__).parents[2] / "policies" / "pack"
    assert {path.name for path in folder.iterdir()} - {"__pycache__"} == {"PulumiPolicy.yaml", "__main__.py"}


def _note(found: list[tuple[str, str | None]], text: str, urn: str | None) -> None:
    found.append((text, urn))


def _options() -> PolicyResourceOptions:
    return PolicyResourceOptions(False, [], None, [], PolicyCustomTimeouts(0, 0, 0), [])


def test_only_outputs_that_nobody_reads_are_forgotten() -> None:
    """A resource whose inputs were recorded keeps its name; one that did not come by keeps its outputs, by which it is judged."""
    request = AnalyzeStackRequest(
        resources=[
            AnalyzerResource(type="a:b:C", urn=f"urn:{name}", name=name, properties={"size": 1.0}, parent="urn:root")
            for name in ("recorded", "unseen")
        ]
    )
    whole = AnalyzerResource.FromString(request.resources[1].SerializeToString())
    forget_outputs(request.resources, {"urn:recorded": {"size": 1}})
    assert request.resources[0] == AnalyzerResource(type="a:b:C", urn="urn:recorded", name="recorded")
    assert request.resources[1] == whole
