"""Rules on a change: what a deploy would do to what runs, by states before and after."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from policies.changes import Change, Changes, Operation, change_of
from policies.judge import judge_changes
from policies.stack import UNKNOWN, Resource
from policies.verdict import render_violation
from tests.policies.base import Document, Situation, change, context_of, passing

MONDAY = datetime(2026, 11, 9, 9, tzinfo=ZoneInfo("America/New_York")).astimezone(UTC)
"""The beginning of the base's known peak."""
QUIET = datetime(2026, 11, 7, 3, tzinfo=UTC)
SCRIPT = "cloudflare:index/workersScript:WorkersScript"


def between(before: Situation | None, after: Situation | None) -> Changes:
    """Return the changes from one situation to another, as the engine's preview would see them."""
    old, new = (({} if one is None else one.resources) for one in (before, after))
    return Changes(tuple(_change(name, old.get(name), new.get(name)) for name in sorted({*old, *new})))


def _change(name: str, old: Document | None, new: Document | None) -> Change:
    before, after = (None if one is None else Resource(one["type"], name, one["props"]) for one in (old, new))
    operation: Operation = "create" if before is None else "delete" if after is None else "same" if before == after else "update"
    known = after or before
    assert known is not None
    return Change(name, known.type, operation, before, after)


def said(changes: Changes, folder: Path, moment: datetime = QUIET) -> list[str]:
    """Return what the rules on a change say, with the name of the rule before."""
    verdict = judge_changes(changes, moment, context_of(change(passing(), []), folder))
    assert len(verdict.rules_run) == 4
    return [f"{violation.rule}: {render_violation(violation)}" for violation in verdict.violations]


def step(name: str, type_token: str, operation: str, before: Document | None = None, after: Document | None = None) -> Change:
    """Return one change of one resource, as an event of the engine says it."""
    states = {key: None if state is None else {"inputs": state} for key, state in (("old", before), ("new", after))}
    found = change_of({"op": operation, "urn": f"urn:pulumi:x::y::{type_token}::{name}", "type": type_token, **states})
    assert found is not None
    return found


def test_nothing_changes_and_nothing_is_said(tmp_path: Path) -> None:
    """The same stack again, in the middle of a peak."""
    whole = change(passing(), [{"with": ["tunnel", "edge", "queue"]}])
    assert said(between(whole, whole), tmp_path, MONDAY) == []


@pytest.mark.parametrize(
    ("moment", "refused"),
    [
        (MONDAY - timedelta(minutes=61), False),
        (MONDAY - timedelta(minutes=60), True),
        (MONDAY + timedelta(minutes=119), True),
        (MONDAY + timedelta(minutes=120), False),
        (MONDAY - timedelta(days=1), False),
        (MONDAY - timedelta(days=14) - timedelta(hours=1), True),  # in summer time UTC is an hour earlier
    ],
)
def test_the_edge_rests_in_a_peak(moment: datetime, refused: bool, tmp_path: Path) -> None:  # noqa: FBT001  # a row
    """From an hour before until the end, in the peak's own zone, whatever its clocks do."""
    before = change(passing(), [{"with": ["tunnel", "edge"]}, {"at": ["edge-sessions", "migrations"]}])
    after = change(
        before, [{"at": ["edge-sessions", "content"], "to": "// new"}, {"at": ["tunnel", "spec", "replicas"], "to": 3}]
    )
    found = said(between(before, after), tmp_path, moment)
    assert [text.split(" ")[1] for text in found] == (["edge-sessions:", "tunnel:"] if refused else [])


def test_a_plan_may_be_sold_in_a_peak(tmp_path: Path) -> None:
    """Caps are runtime data: they change at any time."""
    before = change(passing(), [{"with": ["edge"]}])
    after = change(before, [{"caps": {"plans": {"starter": {"cap": 60, "guaranteed": 0, "guarantees": {}}}}}])
    assert said(between(before, after), tmp_path, MONDAY) == []


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ({"bindings": []}, {"migrations": {"newTag": "v1", "newSqliteClasses": ["TenantGate"]}}, None),
        (
            {},
            {"migrations": {"newTag": "v1", "newSqliteClasses": ["TenantGate"]}},
            "but the account has its classes",
        ),
        ({"migrations": {"newTag": "v1"}}, {"migrations": {"newTag": "v1"}}, "v1, from the beginning, but the account has v1"),
        ({"migrations": {"newTag": "v1"}}, {}, None),
        (
            {"migrations": {"newTag": "v1"}},
            {"migrations": {"oldTag": "v1", "newTag": "v2", "newSqliteClasses": ["Ledger"]}},
            None,
        ),
        (
            {"migrations": {"newTag": "v1"}},
            {"migrations": {"newTag": "v2", "newSqliteClasses": ["Ledger"]}},
            "v2, from the beginning, but the account has v1",
        ),
        (
            {"migrations": {"newTag": "v2"}},
            {"migrations": {"oldTag": "v1", "newTag": "v3"}},
            "from v1, but the account has v2",
        ),
        ({}, {"migrations": {"oldTag": "v1", "newTag": "v2", "deletedClasses": ["TenantGate"]}}, "takes classes away"),
        ({}, {"migrations": {"oldTag": "v1", "newTag": "v3", "steps": [{}, {"renamedClasses": []}]}}, "takes classes away"),
        ({}, {"bindings": []}, "no longer binds the class TenantGate"),
    ],
)
def test_migrations_only_grow(before: Document, after: Document, words: str | None, tmp_path: Path) -> None:
    """It begins at the tag that the account has; classes are added, never taken away."""
    gate = {"bindings": [{"name": "TENANT_GATE", "type": "durable_object_namespace", "className": "TenantGate"}]}
    found = said(Changes((step("sessions", SCRIPT, "update", gate | before, gate | after),)), tmp_path)
    assert len(found) == (words is not None)
    assert all(text.startswith("migrations-append-only: sessions: ") and str(words) in text for text in found)


@pytest.mark.parametrize("operation", ["replace", "delete"])
@pytest.mark.parametrize(
    "kind", ["kubernetes:apps/v1:StatefulSet", "cloudflare:index/workersKvNamespace:WorkersKvNamespace", SCRIPT]
)
def test_what_keeps_data_is_not_replaced(kind: str, operation: str, tmp_path: Path) -> None:
    """Neither servers nor namespaces of plans nor scripts with objects."""
    found = said(Changes((step("store", kind, operation, {}, {} if operation == "replace" else None),)), tmp_path)
    assert [text.split(",")[0] for text in found] == ["stateful-not-replaced: store: it keeps data"]


def _rolled(*changes: Document) -> Changes:
    before = change(passing(), [])
    return between(before, change(before, list(changes)))


IMAGE: Document = {
    "at": ["healthcare-deployment", "spec", "template", "spec", "containers", 0, "image"],
    "to": f"registry.example/program@sha256:{'1' * 64}",
}
SMALLER: Document = {
    "at": ["healthcare-deployment", "spec", "template", "spec", "containers", 0, "env", 0, "value"],
    "to": "30",
}
SURGE: Document = {
    "at": ["healthcare-deployment", "spec", "strategy"],
    "to": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
}


def test_a_new_image_rolls_without_a_gap(tmp_path: Path) -> None:
    """21 pods of 72 safe sessions are enough for 1,200 though a quarter of them were gone; 9 of them gone are too many."""
    assert said(_rolled(IMAGE, SURGE), tmp_path) == []
    halved = {"at": ["healthcare-deployment", "spec", "strategy"], "to": {"rollingUpdate": {"maxUnavailable": "40%"}}}
    (found,) = said(_rolled(IMAGE, halved), tmp_path)
    assert found == (
        "capacity-not-lowered-below-required-during-rollout: healthcare-deployment: in its rollout 21 pods, 8 of them gone, "
        "hold 936 "
        "sessions by the poorer of old and new (72 each); a burst of healthcare on 2026-11-02 is 1,200. "
        "Remedy: raise its autoscaler's maximum in a deploy before."
    )


def test_a_vertical_that_the_lock_no_longer_knows_may_go(tmp_path: Path) -> None:
    """Its workload and its autoscaler are deleted without a waiver; those of one that is expected are not."""
    was = passing()
    for kind, names in (("deployment", ("metadata",)), ("autoscaler", ("metadata", "spec.scaleTargetRef"))):
        was = change(was, [{"copy": f"healthcare-{kind}", "as": f"travel-{kind}"}])
        for place in names:
            was = change(was, [{"at": [f"travel-{kind}", *place.split("."), "name"], "to": "travel"}])
    was = change(was, [{"at": ["travel-deployment", "metadata", "annotations", "headroom.dev/vertical"], "to": "travel"}])
    assert said(between(was, passing()), tmp_path) == []
    gone = change(passing(), [{"drop": "healthcare-autoscaler"}])
    (found,) = said(between(passing(), gone), tmp_path)
    assert "a delete of it leaves its vertical without it" in found


def test_smaller_pods_and_more_of_them_meet_in_the_middle(tmp_path: Path) -> None:
    """Old: 21 x 72. New: 56 x 27. Both hold the burst; 21 of the smaller ones do not."""
    more = {"at": ["healthcare-autoscaler", "spec", "maxReplicas"], "to": 56}
    (found,) = said(_rolled(SMALLER, SURGE, more), tmp_path)
    assert "in its rollout 21 pods, 0 of them gone, hold 630 sessions" in found
    first = change(passing(), [more])
    assert said(between(first, change(first, [SMALLER, SURGE])), tmp_path) == []


def test_recreated_pods_are_all_gone_at_once(tmp_path: Path) -> None:
    """The strategy Recreate leaves nobody to answer; so does a Deployment that is replaced."""
    (found,) = said(_rolled(IMAGE, {"at": ["healthcare-deployment", "spec", "strategy"], "to": {"type": "Recreate"}}), tmp_path)
    assert "21 of them gone, hold 0 sessions" in found
    props = change(passing(), []).resources["healthcare-deployment"]["props"]
    replaced = Changes((step("healthcare-deployment", "kubernetes:apps/v1:Deployment", "replace", props, props),))
    assert any("leaves its vertical without it" in text for text in said(replaced, tmp_path))


def test_what_only_the_deploy_will_tell_is_refused(tmp_path: Path) -> None:
    """An unknown maximum is no maximum."""
    unknown = {"at": ["healthcare-autoscaler", "spec", "maxReplicas"], "to": UNKNOWN}
    assert any("is not known before the deploy" in text for text in said(_rolled(IMAGE, SURGE, unknown), tmp_path))


def test_an_event_becomes_plain_values() -> None:
    """Secrets and unknowns are unknown, whole floats are integers, halves of a replacement are no changes of their own."""
    secret: dict[str, Any] = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "value": "x"}
    inputs = {"a": secret, "b": "04da6b54-80e4-46f7-96ec-b56ff0331ba9", "c": 3.0, "d": [{"e": 0.5}]}
    found = change_of({"op": "update", "urn": "urn:x::y::t::name", "type": "t", "old": None, "new": {"inputs": inputs}})
    assert found is not None
    assert found.after == Resource("t", "name", {"a": UNKNOWN, "b": UNKNOWN, "c": 3, "d": [{"e": 0.5}]})
    assert change_of({"op": "delete-replaced", "urn": "urn:x::y::t::name", "type": "t"}) is None
