"""What the object of a call is told, as values."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from capacity import CapacityPlan
from capacity.session_edge import RealtimeModel, Sessions
from components.edge.render import edge_resources
from components.edge.sessions import session_limits
from headroom.blueprint import Rendered, Secret
from tests.environments import planned

TYPES = Path(__file__).resolve().parents[2] / "components" / "edge" / "worker" / "src" / "session" / "types.d.ts"
MODEL = RealtimeModel(url="https://api.example.com/v1/realtime?model=m", transcription="scribe")


def _with_sessions(sessions: Sessions) -> CapacityPlan:
    plan = planned("prod")
    edge = plan.stack.edge
    assert edge.scripts is not None
    scripts = edge.scripts.model_copy(update={"session": sessions})
    return replace(plan, stack=plan.stack.model_copy(update={"edge": edge.model_copy(update={"scripts": scripts})}))


def _made(plan: CapacityPlan) -> dict[str, Rendered]:
    return {resource.name: resource for resource in edge_resources(plan, parent="voice")}


def _bindings(resource: Rendered) -> dict[str, Any]:
    return {binding["name"]: binding for binding in resource.props["bindings"]}


def test_the_script_is_told_every_limit_by_the_name_that_it_reads() -> None:
    """The keys are those of the interface that the JavaScript is checked against."""
    found = re.search(r"interface SessionSettings \{(.*?)\n\}", TYPES.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    assert set(session_limits(Sessions())) == set(re.findall(r"^  (\w+)\??:", found[1], re.MULTILINE))


def test_no_batch_is_a_window_of_nothing() -> None:
    """The script knows milliseconds, and 0 as none."""
    assert session_limits(Sessions())["batchMilliseconds"] == 60
    assert session_limits(Sessions(batch=None))["batchMilliseconds"] == 0


def test_a_vertical_speaks_to_a_model_only_where_the_spec_says_so() -> None:
    """Its calls go to the model's address instead of through the tunnel; those of the others go on as they were."""
    plan = _with_sessions(Sessions(realtime={"salon": MODEL}))
    verticals = json.loads(_bindings(_made(plan)["edge-sessions"])["SETTINGS"]["json"])["verticals"]
    assert verticals["salon"]["upstream"] == MODEL.url
    assert verticals["salon"]["realtime"] == {"reopenSeconds": 3300, "transcription": "scribe"}
    assert {name for name, vertical in verticals.items() if "realtime" in vertical} == {"salon"}


def test_the_models_key_is_a_reference_and_only_where_there_is_a_model() -> None:
    """Without a model nobody is asked for a key; the router never has it."""
    made = _made(_with_sessions(Sessions(realtime={"salon": MODEL})))
    assert _bindings(made["edge-sessions"])["REALTIME_KEY"]["text"] == Secret("realtimeKey")
    assert "REALTIME_KEY" not in _bindings(made["edge-router"])
    assert "REALTIME_KEY" not in _bindings(_made(planned("prod"))["edge-sessions"])


def test_a_change_of_sessions_leaves_the_router_alone() -> None:
    """A deploy of one script does not touch the other's calls."""
    before, after = _made(planned("prod")), _made(_with_sessions(Sessions(batch=None)))
    assert before["edge-router"] == after["edge-router"]
    assert before["edge-sessions"] != after["edge-sessions"]
