"""Every rule against its samples: what it allows, what it denies with which words, and what it cannot know."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from policies.judge import all_rules
from policies.stack import UNKNOWN
from policies.verdict import render_violation
from tests.policies.base import Document, change, passing, verdict_on

SAMPLES = Path(__file__).with_name("samples")
RULES = [
    "plan-exists",
    "planned-parts-stand",
    "claims-match-lock",
    "forecast-fresh",
    "forecast-claims-what-it-measured",
    "session-costs-have-evidence",
    "session-costs-cover-measurement",
    "limits-observed-recently",
    "reserved-capacity-names-its-product",
    "sessions-cover-burst",
    "pod-limits-cover-sessions",
    "file-descriptors-cover-sessions",
    "backlog-covers-arrivals",
    "scaling-target-leaves-lag-growth",
    "lag-floor-held",
    "prescale-covers-known-peaks",
    "drain-covers-longest-call",
    "few-gone-at-once",
    "scales-up-at-once",
    "containers-take-what-they-ask",
    "programs-know-their-pod",
    "nodes-cover-maximum",
    "machines-hold-pods",
    "one-node-loss-survived",
    "one-zone-loss-survived",
    "gpu-memory-covers-sessions",
    "gpu-not-time-sliced",
    "gpu-region-is-turn-region",
    "helpers-stand",
    "tokens-cover-burst",
    "caps-within-the-account",
    "tools-cover-burst",
    "gateways-cover-burst",
    "carrier-rate-covers-arrivals",
    "turn-ports-cover-burst",
    "bus-limits-cover-burst",
    "bus-survives-one-loss",
    "queue-cap-below-memory",
    "queue-never-evicts",
    "tunnel-replicas-fixed",
    "plan-caps-match-plans",
    "sold-caps-within-fleet",
    "object-rate-within-limit",
    "edge-lets-in-callers-alone",
    "busiest-tenant-admitted",
    "bindings-resolve",
    "leases-outlive-heartbeats",
    "latency-budget-held",
    "lead-times-met",
    "calls-find-their-way",
    "only-used-ways-open",
    "references-resolve",
    "alerts-match-plan",
    "watchers-stand",
    "autoscalers-see-sessions",
    "operators-are-told",
    "images-pinned",
    "phi-apart",
    "pod-security-enforced",
    "door-matches-plan",
    "pods-are-free-to-run",
    "workloads-are-known",
    "plan-falls-short-nowhere",
    "waivers-end",
]


class SampleLoader(yaml.SafeLoader):
    """YAML in which `!unknown` stands for a value that is not known before the deploy."""


def _unknown(_loader: SampleLoader, _node: yaml.Node) -> object:
    return UNKNOWN


SampleLoader.add_constructor("!unknown", _unknown)


def load_samples(path: Path) -> list[Document]:
    """Return the cases of a sample file."""
    cases: list[Document] = yaml.load(path.read_text(), SampleLoader)  # noqa: S506  # a SafeLoader with one more tag
    return cases


def sample_cases() -> list[Any]:
    """Return every case of every sample file, with the rule that it is about."""
    return [
        pytest.param(path.stem, case, id=f"{path.stem}: {case['name']}")
        for path in sorted(SAMPLES.glob("*.yaml"))
        for case in load_samples(path)
    ]


@pytest.mark.parametrize(("rule", "case"), sample_cases())
def test_sample_gets_exactly_its_violations(rule: str, case: Document, tmp_path: Path) -> None:
    """A sample gets the violations that it lists, word for word, and no other of any rule.

    `also` lists what other rules say. Where they say the same (what nobody can read is refused by whoever reads it) it lists
    nothing.
    """
    verdict = verdict_on(change(passing(), case.get("change", [])), tmp_path)
    own = case.get("expect", [])
    expected = {rule: own} | case.get("also", {})
    found: dict[str, list[str]] = {rule: []}
    for violation in verdict.violations:
        text = render_violation(violation)
        if violation.rule == rule or text not in own:
            found.setdefault(violation.rule, []).append(text)
    assert found == expected
    assert verdict.refused == (case["kind"] != "allowed")


def test_the_rules_are_exactly_these() -> None:
    """No rule is added or dropped without this list being changed."""
    assert [rule.name for rule in all_rules()] == RULES


def test_every_rule_has_samples_and_every_sample_a_rule() -> None:
    """A sample file bears the name of its rule."""
    assert sorted(path.stem for path in SAMPLES.iterdir()) == sorted(RULES)


@pytest.mark.parametrize("rule", RULES)
def test_samples_are_of_all_three_kinds(rule: str) -> None:
    """Every rule has a sample that it allows, one that it denies, and one with an unknown; refused ones say the words.

    What a rule that reads the evidence alone does not know is the evidence.
    """
    cases = load_samples(SAMPLES / f"{rule}.yaml")
    assert {case["kind"] for case in cases} == {"allowed", "denied", "unknown"}
    assert len({case["name"] for case in cases}) == len(cases)
    for case in cases:
        assert bool(case.get("expect")) == (case["kind"] != "allowed"), case["name"]
        if case["kind"] == "unknown":
            unknown = ("is not known before the deploy", "could not be judged")
            assert any(word in text for word in unknown for text in case["expect"]), case["name"]


def test_the_base_passes(tmp_path: Path) -> None:
    """The stack that samples change passes every rule, so that a violation comes from the change."""
    verdict = verdict_on(change(passing(), []), tmp_path)
    assert [render_violation(violation) for violation in verdict.violations] == []
    assert verdict.rules_run == tuple(RULES)
