"""What an upload of a script does to its Durable Object classes, and which uploads the API refuses.

The rules and, where a code is given, the words are those that users met (workers-sdk #705, #1792, #4943, #8210;
pulumi-cloudflare #1215; the documentation of Durable Object migrations): a migration names the tag that it starts from,
and it is sent again with every upload of a script that declares it.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from headroom.local.standin.errors import StoreError

Storage = Literal["sqlite", "key-value"]
NEW = {"newClasses": "key-value", "newSqliteClasses": "sqlite"}
EXPORTED = re.compile(r"\bexport\s+(?:default\s+)?(?:abstract\s+)?(?:class|function\*?|const|let|var)\s+([\w$]+)")
EXPORT_LIST = re.compile(r"\bexport\s*\{([^}]*)\}")
REEXPORTS_ALL = re.compile(r"\bexport\s*\*\s*from\b")


@dataclass(frozen=True)
class Ledger:
    """What an account knows of one script's Durable Objects."""

    tag: str | None = None
    """Of the last migration; None before any tagged one."""
    classes: Mapping[str, str] = field(default_factory=dict)
    """Storage by class."""


def upload(script: str, inputs: Mapping[str, Any], ledgers: Mapping[str, Ledger]) -> dict[str, Ledger]:
    """Return the ledgers that the upload changes; `ledgers` are those of all scripts of the account, by name.

    Raises StoreError for an upload that the API refuses.
    """
    before = ledgers.get(script, Ledger())
    migrations = inputs.get("migrations") or {}
    changed = {script: before}
    if migrations:
        _check_tag(before.tag, migrations.get("oldTag"))
        bound = {binding["className"] for binding in _namespaces(inputs) if binding.get("className")}
        for step in (migrations, *(migrations.get("steps") or ())):
            _apply(script, step, bound, changed, ledgers)
        ledger = changed[script]
        changed[script] = Ledger(migrations.get("newTag") or ledger.tag, ledger.classes)
    _check_bindings(script, inputs, changed[script])
    _check_exports(inputs, before, changed[script])
    return changed


def check_foreign_bindings(script: str, inputs: Mapping[str, Any], ledgers: Mapping[str, Ledger]) -> None:
    """Raise StoreError if the script binds another script's class that is not there."""
    for binding in _namespaces(inputs):
        other = binding.get("scriptName")
        if other and other != script and binding.get("className") not in ledgers.get(other, Ledger()).classes:
            raise StoreError(
                f"binding {binding['name']}: the account has no script {other!r} with the Durable Object class "
                f"{binding.get('className')!r}; deploy that script first (dependsOn)"
            )


def _check_tag(current: str | None, expected: str | None) -> None:
    if (expected or None) != current:
        remedy = (
            f"declare oldTag {current!r} with a newTag and only the steps that are new, or leave migrations out"
            if current is not None
            else "leave oldTag out: the script has no migration yet"
        )
        raise StoreError(
            f"Actor migration tag precondition failed, got tag {expected or ''!r} when expected tag is {current or ''!r}. "
            f"Please make sure the tags match and try again. [412, code: 10079] A migration is sent with every upload of "
            f"its script; {remedy}"
        )


def _apply(
    script: str, step: Mapping[str, Any], bound: set[str], changed: dict[str, Ledger], ledgers: Mapping[str, Ledger]
) -> None:
    """Apply one step of a migration to the ledgers."""
    ledger = changed[script]
    classes = dict(ledger.classes)
    for argument, storage in NEW.items():
        for name in step.get(argument) or ():
            _check_new(name, classes, f"new-class migration to class '{name}'")
            classes[name] = storage
    for renamed in step.get("renamedClasses") or ():
        old, new = renamed.get("from"), renamed.get("to")
        if old not in classes:
            raise StoreError(f"Cannot apply rename-class migration from class '{old}': the script has no such Durable Objects")
        _check_new(new, classes, f"rename-class migration to class '{new}'")
        classes[new] = classes.pop(old)
    for transferred in step.get("transferredClasses") or ():
        source, old, new = transferred.get("fromScript"), transferred.get("from"), transferred.get("to")
        theirs = changed.get(source) or ledgers.get(source, Ledger())
        if source == script or old not in theirs.classes:
            raise StoreError(
                f"Cannot apply transfer-class migration from class '{old}' of script '{source}': it has no such Durable Objects"
            )
        _check_new(new, classes, f"transfer-class migration to class '{new}'")
        classes[new] = theirs.classes[old]
        changed[source] = Ledger(theirs.tag, {name: kept for name, kept in theirs.classes.items() if name != old})
    for name in step.get("deletedClasses") or ():
        if name in bound:
            raise StoreError(
                f"Cannot apply --delete-class migration to class '{name}' without also removing the binding that references "
                "it. [code: 10061]"
            )
        if classes.pop(name, None) is None:
            raise StoreError(f"Cannot apply --delete-class migration to class '{name}': the script has no such Durable Objects")
    changed[script] = Ledger(ledger.tag, classes)


def _check_new(name: str, classes: Mapping[str, str], what: str) -> None:
    if name in classes:
        raise StoreError(f"Cannot apply {what} that is already depended on by existing Durable Objects. [code: 10074]")


def _check_bindings(script: str, inputs: Mapping[str, Any], ledger: Ledger) -> None:
    for binding in _namespaces(inputs):
        name = binding.get("className")
        if binding.get("scriptName") in (None, script) and name and name not in ledger.classes:
            raise StoreError(
                f"Cannot create binding for class '{name}' because it is not currently configured to implement Durable "
                f"Objects. Did you forget to apply a --new-class migration to it? [code: 10061] Classes of the script: "
                f"{', '.join(sorted(ledger.classes)) or 'none'}"
            )


def _check_exports(inputs: Mapping[str, Any], before: Ledger, after: Ledger) -> None:
    """Refuse a script that does not export its classes, as far as its text shows what it exports."""
    content = inputs.get("content")
    if not isinstance(content, str) or REEXPORTS_ALL.search(content):
        return
    exported = set(_exports(content))
    for name in after.classes:
        if name not in exported and name in before.classes:
            raise StoreError(
                f"New version of script does not export class '{name}' which is depended on by existing Durable Objects. If you "
                "want to delete them, use a delete-class migration. [code: 10064]"
            )
        if name not in exported:
            raise StoreError(f"Cannot apply new-class migration to class {name} that is not exported by script [code: 10070]")


def _exports(content: str) -> Iterator[str]:
    yield from EXPORTED.findall(content)
    for listed in EXPORT_LIST.findall(content):
        yield from (item.split()[-1] for item in listed.split(",") if item.strip())


def _namespaces(inputs: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for binding in inputs.get("bindings") or ():
        if binding.get("type") == "durable_object_namespace":
            yield binding
