"""The rules on a change, on what the real engine's preview reports."""

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from policies.evidence import load_context
from policies.judge import judge_changes
from stacks.reading import floors_path, lock_path
from tests.environments import planned
from tests.projects import Project

pytestmark = pytest.mark.needs("go", "install Go 1.26 or later from https://go.dev/dl/, or have pulumi 3.259 or later on PATH")


def test_a_change_of_the_edge_waits_for_the_end_of_a_peak(project: Project) -> None:
    """The gates' heartbeat is another: in a peak its scripts may not be deployed, at night they may, without a migration."""
    assert project.run("up", "local").code == 0
    project.edit("stacks/Pulumi.local.yaml", "admission_gate: {heartbeat: 15s", "admission_gate: {heartbeat: 20s")
    plan = planned("local")
    context = load_context(lock_path("local"), floors_path(), plan.as_of)
    night = datetime(2026, 11, 8, 8, tzinfo=UTC)
    (found,) = judge_changes(project.run("preview", "local").changes, night, context).violations
    assert (found.rule, found.resource) == ("migrations-append-only", "edge-sessions")
    assert found.remedy == "set edge.scripts.migration_tag to v1"

    project.edit("stacks/Pulumi.local.yaml", "scripts: {administrators", "scripts: {migration_tag: v1, administrators")
    changes = project.run("preview", "local").changes
    updated = {change.name for change in changes.each if change.operation == "update"}
    assert updated >= {"edge-sessions", "edge-router"}
    assert all(change.before is not None and change.after is not None for change in changes.each if change.name in updated)

    monday = datetime(2026, 11, 9, 15, tzinfo=UTC)
    in_peak, at_night = (judge_changes(changes, moment, context) for moment in (monday, night))
    assert {(found.rule, found.resource) for found in in_peak.violations} == {
        ("edge-unchanged-in-peak-window", name) for name in ("edge-router", "edge-sessions")
    }
    assert at_night.violations == ()
    assert len(at_night.rules_run) == 4
    later = dataclasses.replace(changes, each=tuple(change for change in changes.each if change.operation == "same"))
    assert judge_changes(later, monday + timedelta(minutes=1), context).violations == ()
