"""What the program renders is open where it is used and nowhere else, whichever parts a spec has."""

from datetime import UTC, datetime

import pytest

from policies.adapters.program import blueprint_stack
from policies.evidence import load_context
from policies.rule import run_rule
from policies.rules import reach, ways
from stacks.reading import floors_path, lock_path, plan_environment
from stacks.voice import render

_NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "what_if",
    [
        ["scaling.autoscaler=keda"],
        ["scaling.autoscaler=keda", "scaling.keda.prometheus=http://prometheus.monitoring.svc:9090"],
        ["observability=null", "turn=null"],
        ["edge={}"],
        ["edge.scripts=null"],
        ["gpu={}", "gateway=null", "tools=null"],
        ["gateway=null"],
        ["verticals.after-hours.queue.gateway=null", "bus=null"],
        ["tools.port=9000", "gateway.port=9001", "turn.metrics_port=9700", "verticals.sales.probes.port=9003"],
    ],
    ids=" ".join,
)
def test_every_way_is_used_whichever_parts_there_are(what_if: list[str]) -> None:
    """A part that is left out or scaled otherwise leaves no way behind that leads to nobody, and takes none away that is used."""
    stack = blueprint_stack(render(plan_environment("prod", None, _NOW, what_if=what_if)))
    context = load_context(lock_path("prod"), floors_path(), "2026-11-02")
    found = [one.message for rule in (*reach.RULES, *ways.RULES) for one in run_rule(rule, stack, context)]
    assert found == []
