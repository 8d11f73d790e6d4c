"""The account: one JSON file an object, secrets as digests."""

import json
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pydantic import BaseModel

from headroom.local.cloudflare_standin.arguments import OWNERS
from headroom.local.cloudflare_standin.durable_objects import Ledger, check_foreign_bindings, upload
from headroom.local.cloudflare_standin.kinds import kind_of
from headroom.local.cloudflare_standin.references import HOLDING, Reference, references
from headroom.local.standin.errors import StoreError
from headroom.local.standin.property_path import show
from headroom.local.standin.values import Object, redact, reveal

NOBODY = "_"
LONGEST_NAME = 150
SCRIPT = "workersScript"


class Stored(BaseModel, frozen=True, extra="forbid"):
    """An object as its file has it; secrets are digests."""

    urn: str
    type_name: str
    id: str
    inputs: dict[str, Any]
    outputs: dict[str, Any]
    """Those that are no inputs."""
    durable_objects: Ledger | None
    """Of a script."""


@dataclass(frozen=True)
class Account:
    """A folder of `<account or zone>/<type>/<id>.json`; every operation that it refuses raises StoreError."""

    folder: Path
    lock: threading.Lock = field(default_factory=threading.Lock)

    def create(self, urn: str, type_name: str, inputs: Object) -> tuple[str, Object]:
        """Write a new object; return its id and its outputs."""
        made = kind_of(type_name).identify(urn, inputs)
        with self.lock:
            taken = self._read(self._file(type_name, made, inputs))
            if taken is not None:
                raise StoreError(f"{type_name} {made} already exists in the account, made by {taken.urn}")
            return made, self._write(urn, type_name, made, inputs)

    def update(self, urn: str, type_name: str, made: str, inputs: Object) -> Object:
        """Write the object anew; return its outputs."""
        with self.lock:
            if self._read(self._file(type_name, made, inputs)) is None:
                raise StoreError(f"{type_name} {made} is not in the account any more: run a refresh")
            return self._write(urn, type_name, made, inputs)

    def rehearse(self, type_name: str, inputs: Object) -> None:
        """Raise what the upload of a script that is there would raise for its own Durable Objects; other types pass."""
        if type_name == SCRIPT:
            with self.lock:
                upload(_name(inputs), reveal(inputs), self._ledgers(inputs))

    def delete(self, type_name: str, made: str, inputs: Object) -> None:
        """Remove the object and the folders that it leaves empty; nothing if it is gone."""
        with self.lock:
            file = self._file(type_name, made, inputs)
            gone = self._read(file)
            if gone is None:
                return
            self._check_unused(gone)
            file.unlink()
            for folder in (file.parent, file.parent.parent, self.folder):
                try:
                    folder.rmdir()
                except OSError:  # not empty
                    return

    def read(self, type_name: str, made: str, inputs: Object) -> Stored | None:
        """Return the object as it stands in its file."""
        with self.lock:
            return self._read(self._file(type_name, made, inputs))

    def _write(self, urn: str, type_name: str, made: str, inputs: Object) -> Object:
        kind = kind_of(type_name)
        self._check_unique(kind.unique, type_name, made, inputs)
        self._check_references(type_name, inputs)
        computed = kind.computed(made, inputs)
        ledger = None
        if type_name == SCRIPT:
            ledger = self._upload(inputs)
            computed["migrationTag"] = ledger.tag
        stored = Stored(
            urn=urn,
            type_name=type_name,
            id=made,
            inputs=redact(inputs),
            outputs=redact(computed),
            durable_objects=ledger,
        )
        self._put(self._file(type_name, made, inputs), stored)
        return inputs | computed

    def _upload(self, inputs: Object) -> Ledger:
        """Return the script's ledger after the upload; scripts that a class was taken from are written anew."""
        script, plain, ledgers = _name(inputs), reveal(inputs), self._ledgers(inputs)
        changed = upload(script, plain, ledgers)
        check_foreign_bindings(script, plain, ledgers | changed)
        for name, ledger in changed.items():
            file = self._file(SCRIPT, name, inputs)
            if name != script and (other := self._read(file)) is not None:
                self._put(file, other.model_copy(update={"durable_objects": ledger}))
        return changed[script]

    def _check_unique(self, argument: str | None, type_name: str, made: str, inputs: Object) -> None:
        if argument is None:
            return
        value = redact(inputs[argument])
        for other in self._all(type_name, inputs):
            if other.id != made and other.inputs.get(argument) == value:
                raise StoreError(f"{argument} {value!r} is taken by {other.urn}: an account has each only once")

    def _check_references(self, type_name: str, inputs: Object) -> None:
        for reference in references(type_name, redact(inputs)):
            if not any(_is_named(each, reference) for each in self._nameable(reference.type_name, inputs)):
                raise StoreError(
                    f"{show(reference.path)}: the account has no {reference.type_name} {reference.value!r}; this stand-in knows "
                    "only what the stack has made, and what is named must be made first (a reference or dependsOn)"
                )

    def _check_unused(self, gone: Stored) -> None:
        for type_name in sorted(HOLDING):
            for other in self._all(type_name, gone.inputs):
                for reference in references(type_name, other.inputs):
                    if _is_named(gone, reference):
                        raise StoreError(
                            f"{gone.type_name} {gone.id} cannot be deleted: {show(reference.path)} of {other.urn} names it; "
                            "have that depend on this, so that it goes first"
                        )

    def _ledgers(self, inputs: Object) -> dict[str, Ledger]:
        return {each.id: each.durable_objects for each in self._all(SCRIPT, inputs) if each.durable_objects is not None}

    def _all(self, type_name: str, inputs: Object) -> Iterator[Stored]:
        """Yield the objects of the type with the same owner."""
        yield from self._folder(self._owner(inputs) / type_name)

    def _nameable(self, type_name: str, inputs: Object) -> Iterator[Stored]:
        """Yield the objects of the type that these inputs may name: those of the account; from within a zone, those of any."""
        if inputs.get("accountId"):
            yield from self._all(type_name, inputs)
        else:
            for folder in sorted(self.folder.glob(f"*/{type_name}")):
                yield from self._folder(folder)

    def _folder(self, folder: Path) -> Iterator[Stored]:
        for file in sorted(folder.glob("*.json")):
            if (stored := self._read(file)) is not None:
                yield stored

    def _owner(self, inputs: Object) -> Path:
        owner = next((str(redact(inputs[name])) for name in OWNERS if inputs.get(name)), NOBODY)
        folder = self.folder / quote(owner, safe=":")
        if folder.resolve().parent != self.folder.resolve():
            raise StoreError(f"{owner!r} leads out of {self.folder}")
        return folder

    def _file(self, type_name: str, made: str, inputs: Object) -> Path:
        within = kind_of(type_name).within
        name = quote("+".join((str(redact(inputs[within])), made) if within else (made,)), safe=":+")
        if len(name) > LONGEST_NAME:
            name = f"{name[:LONGEST_NAME]}-{sha256(name.encode()).hexdigest()[:12]}"
        return self._owner(inputs) / type_name / f"{name}.json"

    def _read(self, file: Path) -> Stored | None:
        if not file.is_file():
            return None
        try:
            return Stored.model_validate_json(file.read_text(encoding="utf-8"))
        except ValueError as problem:
            raise StoreError(f"{file} holds no object; delete it to have it made anew") from problem

    def _put(self, file: Path, stored: Stored) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        fresh = file.with_name(f".{file.name}.{os.getpid()}")
        fresh.write_text(json.dumps(stored.model_dump(mode="json"), indent=2, sort_keys=True) + "\n", encoding="utf-8")
        fresh.replace(file)


def _name(inputs: Object) -> str:
    return str(redact(inputs["scriptName"]))


def _is_named(stored: Stored, reference: Reference) -> bool:
    named = stored.id if reference.by == "id" else stored.inputs.get(reference.by)
    return (reference.type_name, reference.value) == (stored.type_name, named)
