"""What the two targets have in common: the calls that the provider makes, and how they fail."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from headroom.local.standin.property_path import Path
from headroom.local.standin.values import Object


class NotReadyError(Exception):
    """An object that was written, but has not become ready; the state must know of it."""

    def __init__(self, outputs: Object, reasons: Sequence[str]) -> None:
        super().__init__("; ".join(reasons))
        self.outputs = outputs
        self.reasons = tuple(reasons)


@dataclass(frozen=True)
class Seen:
    """An object as a target has it: everything, and what of it the inputs name."""

    outputs: Object
    inputs: Object


@dataclass(frozen=True)
class Call:
    """One operation on one object."""

    urn: str
    manifest: Object
    note: Callable[[str], None]
    """Shows a passing line of progress beside the resource."""
    warn: Callable[[str], None]
    """Adds a lasting warning to the output."""


class Store(Protocol):
    """A place that objects are written to; create and update return the outputs.

    If it did nothing, each raises StoreError; or, of an API server, Refused with its words or ToolFailed without any.
    """

    def rehearse(self, call: Call, *, create: bool, ignored: Sequence[Path]) -> None:
        """Raise what the same write would raise, as far as that can be known now."""

    def create(self, call: Call) -> Object:
        """Write a new object. NotReadyError if it is there but does not work."""

    def update(self, call: Call, ignored: Sequence[Path]) -> Object:
        """Write the object's new version, leaving what stands at the ignored paths. NotReadyError as above."""

    def delete(self, call: Call) -> None:
        """Remove the object, if it is there, and wait until it is gone."""

    def read(self, call: Call) -> Seen | None:
        """Return what is there, None for nothing."""
