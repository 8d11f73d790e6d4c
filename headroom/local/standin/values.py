"""Property values as the engine sends them and as Python trees.

Pulumi marks special values by objects with a signature key (secrets) and by fixed strings (values unknown in a
preview); numbers are floats on the wire. See sdk/go/common/resource in Pulumi's repository.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Any, TypeAlias

from google.protobuf import struct_pb2

SIGNATURE = "4dabf18193072939515e22adb298388d"
HIDDEN = "1b47061264138c4ac30d75fd1eb44270"
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
UNKNOWNS = frozenset(
    {
        UNKNOWN,  # of a string; the rest of a boolean, number, array, asset, archive, object
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    }
)


@dataclass(frozen=True)
class Hidden:
    """A value that Pulumi holds secret."""

    value: "Tree"

    def __repr__(self) -> str:
        return "Hidden(…)"


Tree: TypeAlias = "bool | int | float | str | list[Tree] | dict[str, Tree] | Hidden | None"
Object: TypeAlias = dict[str, Tree]


def from_struct(struct: struct_pb2.Struct) -> Object:
    """Return a message's properties; whole numbers as int, secrets as Hidden, unknowns as their string."""
    return {key: _from_value(value) for key, value in struct.fields.items()}


def _from_value(value: struct_pb2.Value) -> Tree:
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        fields = from_struct(value.struct_value)
        return Hidden(fields["value"]) if fields.get(SIGNATURE) == HIDDEN else fields
    if kind == "list_value":
        return [_from_value(item) for item in value.list_value.values]
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() else number
    if kind == "string_value":
        return str(value.string_value)
    return bool(value.bool_value) if kind == "bool_value" else None


def to_struct(tree: Object) -> struct_pb2.Struct:
    """Return the properties as a message, secrets marked as such."""
    struct = struct_pb2.Struct()
    struct.update({key: _marked(value) for key, value in tree.items()})
    return struct


def _marked(tree: Tree) -> Any:
    match tree:
        case Hidden(value):
            return {SIGNATURE: HIDDEN, "value": _marked(value)}
        case dict():
            return {key: _marked(value) for key, value in tree.items()}
        case list():
            return [_marked(item) for item in tree]
    return tree


def reveal(tree: Tree) -> Any:
    """Return the tree with every secret in clear: never for a file or a log."""
    match tree:
        case Hidden(value):
            return reveal(value)
        case dict():
            return {key: reveal(value) for key, value in tree.items()}
        case list():
            return [reveal(item) for item in tree]
    return tree


def redact(tree: Tree) -> Any:
    """Return the tree with each secret leaf replaced by the start of its digest: changes show, values do not."""
    match tree:
        case Hidden(value):
            return _digested(value)
        case dict():
            return {key: redact(value) for key, value in tree.items()}
        case list():
            return [redact(item) for item in tree]
    return tree


def _digested(tree: Tree) -> Any:
    match tree:
        case Hidden(value):
            return _digested(value)
        case dict():
            return {key: _digested(value) for key, value in tree.items()}
        case list():
            return [_digested(item) for item in tree]
    text = tree if isinstance(tree, str) else json.dumps(tree)
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()[:12]


def has_unknown(tree: Tree) -> bool:
    """Return whether any value in the tree is only known after an `up`, also inside a longer string."""
    match tree:
        case Hidden(value):
            return has_unknown(value)
        case dict():
            return any(has_unknown(value) for value in tree.values())
        case list():
            return any(has_unknown(item) for item in tree)
        case str():
            return any(unknown in tree for unknown in UNKNOWNS)
    return False


def has_secret(tree: Tree) -> bool:
    """Return whether any value in the tree is secret."""
    match tree:
        case Hidden():
            return True
        case dict():
            return any(has_secret(value) for value in tree.values())
        case list():
            return any(has_secret(item) for item in tree)
    return False
