"""The cluster target: server-side apply to an API server on this machine."""

import base64
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from headroom.local.errors import ToolFailed
from headroom.local.kubernetes.client import Api, KindUnknown, Refused
from headroom.local.kubernetes_standin.live import observe, overlay
from headroom.local.kubernetes_standin.manifest import conceal, identity
from headroom.local.kubernetes_standin.rollout import NOTE_EVERY_S, POLL_S, Patience, wait_for_rollout
from headroom.local.kubernetes_standin.store import Call, NotReadyError, Seen
from headroom.local.standin.errors import StoreError
from headroom.local.standin.property_path import Path, replace
from headroom.local.standin.values import Object, Tree, has_unknown, reveal

MANAGER = "headroom"


@dataclass(frozen=True)
class ClusterStore:
    """An API server, reached only when an operation needs it."""

    api: Api
    limit_s: float
    """How long a rollout, or a deletion, may take."""
    cancelled: threading.Event

    def rehearse(self, call: Call, *, create: bool, ignored: Sequence[Path]) -> None:
        """Raise what the server says to a dry run; nothing where the namespace, the CRD or a value is yet to come."""
        if has_unknown(call.manifest):
            return
        try:
            if create:
                self._refuse_taken(call)
            self._apply(call, ignored, dry=True)
        except KindUnknown:
            return
        except Refused as refusal:
            if not refusal.not_found or refusal.kind != "namespaces":
                raise

    def create(self, call: Call) -> Object:
        """Apply the object; StoreError if there is one that Headroom has not made."""
        self._refuse_taken(call)
        return self._settled(call, self._apply(call, ()))

    def update(self, call: Call, ignored: Sequence[Path]) -> Object:
        """Apply the object; what the server has at the ignored paths is applied as it is, so that it stays."""
        return self._settled(call, self._apply(call, ignored))

    def delete(self, call: Call) -> None:
        """Delete the object and wait until it is gone; a namespace takes along what is in it."""
        try:
            path = self._path(call)
        except KindUnknown:
            return  # its CRD is gone, and every object of the kind with it
        self.api.delete(path, propagationPolicy="Background")
        started = noted = time.monotonic()
        while (live := self._get(call)) is not None:
            now = time.monotonic()
            if now - started > self.limit_s:
                raise StoreError(f"not gone {self.limit_s:g} s after its deletion: {_keeps(live)}")
            if now - noted > NOTE_EVERY_S:
                call.note(f"ending: {_keeps(live)}, {now - started:.0f} s of at most {self.limit_s:g} s")
                noted = now
            if self.cancelled.wait(POLL_S):
                raise StoreError("cancelled; the deletion goes on")

    def read(self, call: Call) -> Seen | None:
        """Return the object as the server has it."""
        live = self._get(call)
        if live is None:
            return None
        inputs = observe(call.manifest, live)
        return Seen(outputs=_outputs(live, call.manifest), inputs=inputs | _written_only(call.manifest, live))

    def _path(self, call: Call) -> str:
        api_version, kind, namespace, name = identity(call.manifest)
        return self.api.resource(api_version, kind).url(namespace, name)

    def _get(self, call: Call) -> Any:
        """Return the object, None if it, its namespace or its kind is not there."""
        try:
            return self.api.get(self._path(call))
        except Refused as refusal:
            if not refusal.not_found:
                raise
            return None

    def _refuse_taken(self, call: Call) -> None:
        live = self._get(call)
        if live is None:
            return
        managers = {entry["manager"] for entry in live["metadata"].get("managedFields", ())}
        # No manager at all: nobody has set a field in it. An applied namespace that is only a name is such a one.
        if managers and MANAGER not in managers:
            _, kind, namespace, name = identity(call.manifest)
            where = f" in namespace {namespace}" if namespace else ""
            made_by = ", ".join(sorted(managers))
            raise StoreError(f'{kind} "{name}" already exists{where}, made by {made_by}: delete it or take another name')

    def _apply(self, call: Call, ignored: Sequence[Path], *, dry: bool = False) -> Any:
        body: Tree = reveal(call.manifest)
        if ignored and (live := self._get(call)) is not None:
            for path in ignored:
                body = replace(body, path, live)
        return self.api.apply(self._path(call), body, manager=MANAGER, dry_run=dry, warn=call.warn)

    def _settled(self, call: Call, live: Any) -> Object:
        """Return the outputs once the object works: a Deployment when it is rolled out, all else at once."""
        if identity(call.manifest)[:2] != ("apps/v1", "Deployment"):
            return _outputs(live, call.manifest)
        try:
            reasons = wait_for_rollout(live, self.api, Patience(self.limit_s, self.cancelled.wait, call.note))
            live = self._get(call) or live
        except (Refused, ToolFailed) as failure:
            reasons = (str(failure),)
        outputs = _outputs(live, call.manifest)
        if reasons:
            raise NotReadyError(outputs, reasons)
        return outputs


def _outputs(live: Object, manifest: Object) -> Object:
    """Return the live object without the server's bookkeeping, secret wherever the manifest is."""
    metadata = live["metadata"]
    if isinstance(metadata, dict):
        live = live | {"metadata": {key: value for key, value in metadata.items() if key != "managedFields"}}
    return overlay(conceal(live), manifest)


def _written_only(manifest: Object, live: dict[str, Any]) -> Object:
    """Return `stringData` if a Secret's `data` still holds it: servers never give it back."""
    texts = reveal(manifest.get("stringData"))
    held = live.get("data") or {}
    if texts and all(held.get(key) == base64.b64encode(text.encode()).decode() for key, text in texts.items()):
        return {"stringData": manifest["stringData"]}
    return {}


def _keeps(live: dict[str, Any]) -> str:
    """Return what the server says keeps a deleted object."""
    conditions = live.get("status", {}).get("conditions", ())
    waits = [each["message"] for each in conditions if each.get("status") == "True" and each.get("message")]
    holders = live["metadata"].get("finalizers") or live.get("spec", {}).get("finalizers") or ()
    return "; ".join(waits) or (f"finalizers {', '.join(holders)}" if holders else "the server still has it")
