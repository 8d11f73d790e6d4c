"""An accepted environment stays accepted with another choice of parts: no rule asks for what the spec leaves out."""

import pytest

from capacity import plan
from policies.adapters.program import judge_blueprint
from policies.verdict import render_violation
from stacks.reading import floors_path, lock_path, read_lock, read_spec
from stacks.voice import render

OPTIONS = [
    ["edge.tunnel.tunnels=2"],
    ["edge.scripts=null"],
    ["edge.scripts=null", "edge.tunnel=null"],
    ["scaling.autoscaler=keda"],
    ["scaling.tolerance=0.05"],
    ["carrier=null", "latency=null"],
    ["turn=null"],
    ["observability=null"],
    ["images.ulimit_adjuster=null"],
]


@pytest.mark.parametrize("chosen", OPTIONS, ids=", ".join)
def test_a_choice_of_parts_is_accepted(chosen: list[str]) -> None:
    """The planner's stack satisfies every rule whatever parts it has."""
    spec, lock = read_spec("local", what_if=chosen), read_lock("local")
    day = spec.as_of or lock.data_end
    verdict = judge_blueprint(render(plan(spec, lock, day)), lock_path("local"), floors_path(), day)
    assert [render_violation(violation) for violation in verdict.violations] == []
