"""The engine's event log as values."""

import json
from pathlib import Path
from typing import Any

from headroom.engine.events import Step, read_events

PREFIX = "urn:pulumi:prod::headroom::"


def _log(folder: Path, *metadata: dict[str, Any]) -> Path:
    file = folder / "events.json"
    file.write_text("".join(json.dumps({"resourcePreEvent": {"metadata": each}}) + "\n" for each in metadata), encoding="utf-8")
    return file


def _event(operation: str, name: str = "queue", **more: Any) -> dict[str, Any]:
    return {"op": operation, "urn": f"{PREFIX}a:b:C$kubernetes:apps/v1:StatefulSet::{name}", "type": "t", **more}


def test_a_replacement_is_one_step_with_what_forces_it(tmp_path: Path) -> None:
    """Its two or three steps, in whatever order: one `replace`, and only the properties that force it."""
    diff = {"spec.serviceName": {"diffKind": "update-replace"}, "spec.replicas": {"diffKind": "update"}}
    steps = [_event("create-replacement", detailedDiff=diff), _event("replace", detailedDiff=diff), _event("delete-replaced")]
    for order in (steps, steps[::-1]):
        events = read_events(_log(tmp_path, *order))
        assert [(step.operation, step.name, step.properties) for step in events.steps] == [
            ("replace", "queue", ("spec.serviceName",))
        ]
        assert events.changes == {"replace": 1}


def test_without_details_the_engines_keys_are_what_forces_it(tmp_path: Path) -> None:
    """A provider that gives no paths still names the inputs."""
    events = read_events(_log(tmp_path, _event("replace", keys=["spec"], diffs=["spec", "metadata"])))
    assert events.steps[0].properties == ("spec",)


def test_an_update_names_what_changes_and_others_nothing(tmp_path: Path) -> None:
    """Paths where there are any, else the inputs; a create or a delete has none."""
    diff = {"spec.replicas": {"diffKind": "update"}}
    events = read_events(
        _log(
            tmp_path,
            _event("update", "a", detailedDiff=diff, diffs=["spec"]),
            _event("update", "b", detailedDiff=None, diffs=["data"]),
            _event("delete", "c", detailedDiff=diff),
            _event("same", "d"),
        )
    )
    assert [(step.name, step.properties) for step in events.steps] == [
        ("a", ("spec.replicas",)),
        ("b", ("data",)),
        ("c", ()),
        ("d", ()),
    ]


def test_default_providers_are_no_steps_and_a_cut_line_ends_the_log(tmp_path: Path) -> None:
    """What comes along by itself is not counted; an engine that was killed leaves half a line."""
    file = _log(tmp_path, _event("create") | {"type": "pulumi:providers:kubernetes"}, _event("create", "kept"))
    file.write_text(file.read_text() + '{"resourcePreEvent": {"meta', encoding="utf-8")
    assert read_events(file).steps == (Step(_event("create", "kept")["urn"], "t", "create"),)
