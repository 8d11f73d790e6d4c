"""Uncertain figures and options in stack files, and the errors in them."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from headroom.located import BadInput
from stacks.comparing import compare_environment
from stacks.reading import ROOT, read_spec

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with a copy of local's files, to be broken."""
    (tmp_path / "stacks").mkdir()
    for name in ("Pulumi.local.yaml", "local.forecast.json"):
        (tmp_path / "stacks" / name).write_text((ROOT / "stacks" / name).read_text())
    return tmp_path


def _refused(root: Path, old: str, new: str) -> str:
    file = root / "stacks" / "Pulumi.local.yaml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    with pytest.raises(BadInput) as bad:
        compare_environment("local", None, NOON, root, draws=64, seed=0)
    return str(bad.value)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("forecast.sales.peak:", "forecast.sale.peak:", "uncertain.forecast.sale.peak: there is no such figure"),
        ("forecast.sales.peak:", "forecast.sale.peak:", "did you mean forecast.sales.peak?"),
        ("forecast.sales.peak:", "scaling.prescale_lead:", "these can be: margins.growth_per_quarter, blocked_call_cost, pools."),
        ("memory: {low: 90MB", "memory: {low: 90", "expected a size such as 16Gi, 512Mi or 120MB, got '90.0'"),
        ("memory: {low: 90MB", "memory: {low: 130MB", "low < the figure itself < high is needed"),
        ("quarter: {low: 1.4", "quarter: {low: 0.9", "all above 1"),
        ("peak: {low: 320", "peak: {low: 370", "uncertain.forecast.sales.peak: low < the figure itself < high is needed"),
        ("high: 480, source", "high: lots, source", "expected a number, got 'lots'"),
        ("high: 480, source", "high: 480, confidence: 1, source", "uncertain.forecast.sales.peak.confidence"),
        (
            "      pods:\n        healthcare:\n          double",
            "      pods:\n        nobody:\n          double",
            "options.pods.nobody",
        ),
        (
            "      shapes:\n        general:",
            "      shapes:\n        special:",
            "options.shapes.special: is none of the pools: general",
        ),
        (
            "price_per_node_hour: {amount: 0.34, source: no offer yet}",
            "source: none",
            "options.shapes.general.lean.price_per_node_hour: is missing",
        ),
        ("cpu: 2, memory: 8Gi}", "cpu: 2, memory: 8}", "options.pods.healthcare.double.memory"),
    ],
)
def test_a_wrong_interval_or_option_is_located(root: Path, old: str, new: str, said: str) -> None:
    """What is wrong is told with the file and the path of the figure, and what would be right."""
    told = _refused(root, old, new)
    assert told.startswith("stacks/Pulumi.local.yaml")
    assert said in told


@pytest.mark.parametrize("environment", ["local", "prod"])
def test_the_examples_can_be_compared(environment: str) -> None:
    """Every option of the examples is ranked or says why it cannot run, and the document is JSON."""
    spec, comparison = compare_environment(environment, None, NOON, draws=64, seed=0)
    assert spec == read_spec(environment)
    assert len(comparison.ranked) + len(comparison.unfit) > 3
    assert set(comparison.importance) == set(spec.uncertain)
    json.dumps(comparison.document())
