"""What a deploy would do to each resource, as values: rules on a change judge these, for a policy sees no old state."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from policies.stack import UNKNOWN, Resource

Operation = Literal["create", "update", "replace", "delete", "same"]

_UNKNOWN_TEXT = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""What the engine's events have in the place of a value that only the deploy will tell."""
_SECRET_KEY = "4dabf18193072939515e22adb298388d"  # noqa: S105  # the engine's mark of a secret, not one
"""The key that marks an object as a secret, an asset or another thing that is no plain value."""


@dataclass(frozen=True)
class Change:
    """One resource before and after."""

    name: str
    type: str
    operation: Operation
    before: Resource | None
    after: Resource | None


@dataclass(frozen=True)
class Changes:
    """Everything that a deploy would do."""

    each: tuple[Change, ...]

    def touching(self, *types: str) -> Iterator[Change]:
        """Yield what is really done to resources of some types."""
        return (change for change in self.each if change.type in types and change.operation != "same")


NOTHING = Changes(())


def change_of(metadata: Mapping[str, Any]) -> Change | None:
    """Return the change that the engine's event reports of a resource, or None where it does nothing to a resource.

    A replacement comes as several steps: the one with both states is the change.
    """
    operation = _OPERATIONS.get(str(metadata.get("op")))
    if operation is None:
        return None
    name, type_token = str(metadata.get("urn", "")).rpartition("::")[2], str(metadata.get("type"))

    def state(key: str) -> Resource | None:
        found = metadata.get(key)
        inputs = found.get("inputs") if isinstance(found, Mapping) else None
        return None if inputs is None else Resource(type_token, name, _plain(inputs))

    return Change(name, type_token, operation, state("old"), state("new"))


_OPERATIONS: Mapping[str, Operation] = {
    "create": "create",
    "update": "update",
    "replace": "replace",
    "delete": "delete",
    "same": "same",
}
"""The engine's steps; create-replacement and delete-replaced are the halves of `replace`."""


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return UNKNOWN if _SECRET_KEY in value else {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, str) and _UNKNOWN_TEXT in value:
        return UNKNOWN
    return int(value) if isinstance(value, float) and value.is_integer() else value
