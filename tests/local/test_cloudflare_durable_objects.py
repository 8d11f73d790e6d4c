"""Which uploads of a script the API refuses, and what the others leave behind."""

import re
from typing import Any

import pytest

from headroom.local.cloudflare_standin.durable_objects import Ledger, check_foreign_bindings, upload
from headroom.local.standin.errors import StoreError

EXISTING = {"session": Ledger("v1", {"Session": "sqlite"}), "other": Ledger(None, {"Gate": "key-value"})}


def bound(*classes: str, **more: str) -> list[dict[str, str]]:
    """Return a binding for each class."""
    return [{"type": "durable_object_namespace", "name": name.upper(), "className": name} | more for name in classes]


@pytest.mark.parametrize(
    ("migrations", "classes", "left"),
    [
        (
            {"newTag": "v1", "newSqliteClasses": ["A"], "newClasses": ["B"]},
            ["A"],
            Ledger("v1", {"A": "sqlite", "B": "key-value"}),
        ),
        (
            {"newTag": "v2", "steps": [{"newSqliteClasses": ["A"]}, {"renamedClasses": [{"from": "A", "to": "B"}]}]},
            ["B"],
            Ledger("v2", {"B": "sqlite"}),
        ),
        ({"newSqliteClasses": ["A"]}, [], Ledger(None, {"A": "sqlite"})),
        (None, [], Ledger()),
    ],
)
def test_a_first_upload(migrations: dict[str, Any] | None, classes: list[str], left: Ledger) -> None:
    """A script that is not there starts without a tag; steps are applied in order; no migration, no class."""
    assert upload("new", {"migrations": migrations, "bindings": bound(*classes)}, EXISTING) == {"new": left}


@pytest.mark.parametrize(
    ("migrations", "classes", "left"),
    [
        (None, ["Session"], EXISTING["session"]),
        (None, [], EXISTING["session"]),
        ({"oldTag": "v1", "newTag": "v1"}, ["Session"], EXISTING["session"]),
        (
            {"oldTag": "v1", "newTag": "v2", "newSqliteClasses": ["Gate"]},
            ["Session", "Gate"],
            Ledger("v2", {"Session": "sqlite", "Gate": "sqlite"}),
        ),
        ({"oldTag": "v1", "newTag": "v2", "deletedClasses": ["Session"]}, [], Ledger("v2", {})),
    ],
)
def test_a_later_upload(migrations: dict[str, Any] | None, classes: list[str], left: Ledger) -> None:
    """Without a migration all stays; one that starts from the script's tag adds, deletes or does nothing."""
    assert upload("session", {"migrations": migrations, "bindings": bound(*classes)}, EXISTING) == {"session": left}


def test_a_transfer_takes_the_class_from_its_script() -> None:
    """The class leaves the one ledger and enters the other with its storage."""
    moved = {"fromScript": "other", "from": "Gate", "to": "Door"}
    inputs = {"migrations": {"oldTag": "v1", "newTag": "v2", "transferredClasses": [moved]}, "bindings": bound("Door")}
    assert upload("session", inputs, EXISTING) == {
        "session": Ledger("v2", {"Session": "sqlite", "Door": "key-value"}),
        "other": Ledger(None, {}),
    }


@pytest.mark.parametrize(
    ("script", "migrations", "classes", "reason"),
    [
        ("session", {"newTag": "v1", "newSqliteClasses": ["Session"]}, [], "got tag '' when expected tag is 'v1'"),
        ("session", {"oldTag": "v0", "newTag": "v1"}, [], "got tag 'v0' when expected tag is 'v1'"),
        ("new", {"oldTag": "v0", "newTag": "v1", "newClasses": ["A"]}, [], "got tag 'v0' when expected tag is ''"),
        ("session", {"oldTag": "v1", "newTag": "v2", "newClasses": ["Session"]}, [], "already depended on"),
        ("new", None, ["Session"], "not currently configured to implement Durable Objects"),
        ("session", None, ["Gate"], "Classes of the script: Session"),
        ("session", {"oldTag": "v1", "newTag": "v2", "deletedClasses": ["Session"]}, ["Session"], "without also removing"),
        ("session", {"oldTag": "v1", "newTag": "v2", "deletedClasses": ["Gate"]}, [], "has no such Durable Objects"),
        ("session", {"oldTag": "v1", "renamedClasses": [{"from": "A", "to": "B"}]}, [], "from class 'A'"),
        ("session", {"oldTag": "v1", "transferredClasses": [{"fromScript": "x", "from": "A", "to": "B"}]}, [], "of script 'x'"),
        (
            "session",
            {"oldTag": "v1", "transferredClasses": [{"fromScript": "other", "from": "Gate", "to": "Session"}]},
            [],
            "already depended on",
        ),
    ],
)
def test_an_upload_that_the_api_refuses(script: str, migrations: dict[str, Any] | None, classes: list[str], reason: str) -> None:
    """Another tag, a class that is there or is not, and a binding of it: refused, saying why; no ledger is touched."""
    with pytest.raises(StoreError, match=re.escape(reason)):
        upload(script, {"migrations": migrations, "bindings": bound(*classes)}, EXISTING)
    assert EXISTING["session"] == Ledger("v1", {"Session": "sqlite"})


def test_the_refusal_of_a_tag_says_what_to_declare() -> None:
    """The remedy names the tag that the script has, or that it has none."""
    with pytest.raises(StoreError, match="declare oldTag 'v1' with a newTag and only the steps that are new"):
        upload("session", {"migrations": {"newTag": "v1"}}, EXISTING)
    with pytest.raises(StoreError, match="leave oldTag out"):
        upload("new", {"migrations": {"oldTag": "v1"}}, EXISTING)


@pytest.mark.parametrize(
    "content",
    [
        "export class Session extends DurableObject {}",
        "class S {}\nexport { S as Session, x as default };",
        "var Session = class {};export{Session};",
        "export * from './session.js'",
        "export const Session = 1",
        None,
    ],
)
def test_exports_are_recognised(content: str | None) -> None:
    """As written by hand and by bundlers; a text that may export more than it shows, or none, is taken on trust."""
    assert upload("session", {"content": content}, EXISTING) == {"session": EXISTING["session"]}


def test_a_class_that_is_not_exported_is_refused() -> None:
    """An existing class must stay exported; a new one must be."""
    with pytest.raises(StoreError, match="does not export class 'Session' which is depended on"):
        upload("session", {"content": "export default {}"}, EXISTING)
    with pytest.raises(StoreError, match="new-class migration to class A that is not exported"):
        upload("new", {"content": "class A {}", "migrations": {"newTag": "v1", "newClasses": ["A"]}}, EXISTING)


def test_another_scripts_class_must_be_there() -> None:
    """A binding by scriptName needs that script with that class; its own classes are no affair of this check."""
    check_foreign_bindings("router", {"bindings": bound("Session", scriptName="session")}, EXISTING)
    check_foreign_bindings("session", {"bindings": bound("Nothing", scriptName="session")}, EXISTING)
    for script, name in (("session", "Gate"), ("nowhere", "Session")):
        with pytest.raises(StoreError, match=f"no script '{script}' with the Durable Object class '{name}'"):
            check_foreign_bindings("router", {"bindings": bound(name, scriptName=script)}, EXISTING)
