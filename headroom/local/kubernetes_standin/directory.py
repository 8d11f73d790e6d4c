"""The directory target: each object a YAML file, for reading, diffing and for tools that want manifests."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import yaml

from headroom.local.kubernetes_standin.live import observe
from headroom.local.kubernetes_standin.manifest import identity
from headroom.local.kubernetes_standin.store import Call, Seen
from headroom.local.standin import property_path
from headroom.local.standin.errors import StoreError
from headroom.local.standin.values import Object, redact

CLUSTER_SCOPED = "_cluster"
OWNER = "# "


@dataclass(frozen=True)
class DirectoryStore:
    """A folder of `<namespace>/<kind>.<name>.yaml`; secrets as digests, the owner's URN in the first line."""

    root: Path

    def rehearse(self, call: Call, *, create: bool, ignored: Sequence[property_path.Path]) -> None:  # noqa: ARG002 files have no ignored parts
        """Raise StoreError if another resource has written the file."""
        if create:
            self._own(call)

    def create(self, call: Call) -> Object:
        """Write the file; StoreError if another resource has written it, be it at the same moment."""
        with _written(location(self.root, call.manifest), call) as (file, fresh):
            try:
                file.hardlink_to(fresh)
            except FileExistsError:
                self._own(call)
                fresh.replace(file)
        return call.manifest

    def update(self, call: Call, ignored: Sequence[property_path.Path]) -> Object:  # noqa: ARG002 as above
        """Write the file anew; the engine has put the old values at the ignored paths, and here nobody else changes them."""
        with _written(location(self.root, call.manifest), call) as (file, fresh):
            fresh.replace(file)
        return call.manifest

    def delete(self, call: Call) -> None:
        """Remove the file and the folders that it leaves empty; a namespace takes along what is in it."""
        file = location(self.root, call.manifest)
        file.unlink(missing_ok=True)
        _, kind, _, name = identity(call.manifest)
        if kind == "Namespace":
            shutil.rmtree(_folder(self.root, name), ignore_errors=True)
        for folder in (file.parent, self.root):
            try:
                folder.rmdir()
            except OSError:  # not empty, or gone
                return

    def read(self, call: Call) -> Seen | None:
        """Return the inputs as they stand in the file: what a secret was changed to is its digest."""
        file = location(self.root, call.manifest)
        if not file.exists():
            return None
        seen = observe(call.manifest, yaml.safe_load(file.read_text()))
        if not isinstance(seen, dict):
            raise StoreError(f"{file} holds no object; delete it to have it written anew")
        return Seen(outputs=seen, inputs=seen)

    def _own(self, call: Call) -> None:
        file = location(self.root, call.manifest)
        if file.exists():
            owner = file.read_text().partition("\n")[0].removeprefix(OWNER)
            if owner != call.urn:
                raise StoreError(f"{file} already exists, written by {owner}: two resources render the same object")


@contextmanager
def _written(file: Path, call: Call) -> Iterator[tuple[Path, Path]]:
    """Yield the object's file and a whole one beside it, to be put in its place; the latter is gone afterwards."""
    file.parent.mkdir(parents=True, exist_ok=True)
    text = f"{OWNER}{call.urn}\n" + yaml.safe_dump(redact(call.manifest), sort_keys=True, allow_unicode=True)
    fresh = file.with_name(f".{file.name}.{uuid4().hex}")  # calls for one object may come side by side
    fresh.write_text(text)
    try:
        yield file, fresh
    finally:
        fresh.unlink(missing_ok=True)


def location(root: Path, manifest: Object) -> Path:
    """Return the object's file; StoreError if its name would lead out of the folder."""
    _, kind, namespace, name = identity(manifest)
    return _folder(root, namespace) / f"{quote(kind.lower())}.{quote(name, safe=':')}.yaml"


def _folder(root: Path, namespace: str | None) -> Path:
    folder = root / quote(namespace or CLUSTER_SCOPED, safe=":")
    if root.resolve() not in folder.resolve().parents:
        raise StoreError(f"the namespace {namespace!r} leads out of {root}")
    return folder
