"""Checking a resource's arguments against its class."""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from headroom.local.cloudflare_standin.schema import Entries, Field, Items, Nested, Package, Resource, Scalar, Type
from headroom.local.standin.property_path import Path
from headroom.local.standin.values import UNKNOWNS, Hidden, Object, Tree

OWNERS = ("accountId", "zoneId")


@dataclass(frozen=True)
class Failure:
    """What is wrong at one place."""

    path: Path
    reason: str


def failures(package: Package, resource: Resource, inputs: Object) -> Iterator[Failure]:
    """Yield what the class does not allow: unknown or missing fields, other types, values that are not in its lists.

    A value that only an `up` yields is taken on trust. No secret is shown.
    """
    if resource.successor is not None:
        yield Failure((), f"{resource.name} is deprecated: declare a {resource.successor} instead")
        return
    yield from _fields(package, resource.name, resource.inputs, inputs, ())
    owners = [field.name for field in resource.inputs if field.name in OWNERS]
    if owners and not any(inputs.get(owner) for owner in owners):
        # Optional in the classes, for the provider may take it from its own environment; the API has no default.
        yield Failure(
            (owners[0],), f"{' or '.join(owners)} must be given: the stand-in has no account of its own to fall back on"
        )


def _fields(package: Package, owner: str, known: tuple[Field, ...], given: Object, path: Path) -> Iterator[Failure]:
    names = [field.name for field in known]
    for name in given:
        if name not in names:
            near = get_close_matches(name, names, n=1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            yield Failure((*path, name), f"{owner} has no argument {name}{hint}; it has {', '.join(sorted(names))}")
    for field in known:
        value = given.get(field.name)
        if value is not None:
            yield from _value(package, field, field.type, value, (*path, field.name))
        elif field.required:
            yield Failure((*path, field.name), f"{owner} needs {field.name}")


def _value(package: Package, field: Field, wanted: Type, value: Tree, path: Path) -> Iterator[Failure]:
    while isinstance(value, Hidden):
        value = value.value
    if wanted is None or (isinstance(value, str) and value in UNKNOWNS):
        return
    match wanted, value:
        case Items(item), list(items):
            for index, each in enumerate(items):
                yield from _value(package, field, item, each, (*path, index))
        case Entries(entry), dict(entries):
            for key, each in entries.items():
                yield from _value(package, field, entry, each, (*path, key))
        case Nested(name), dict(given):
            yield from _fields(package, name.removesuffix("Args"), package.nested(name), given, path)
        case Scalar(name), _ if _is(name, value):
            if field.values and str(value).lower() not in (allowed.lower() for allowed in field.values):
                yield Failure(path, f"is none of its values: {', '.join(map(repr, field.values))}")
        case _:
            yield Failure(path, f"must be {_called(wanted)}, not {_kind(value)}")


def _is(scalar: str, value: Tree) -> bool:
    match scalar:
        case "string":
            return isinstance(value, str)
        case "boolean":
            return isinstance(value, bool)
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, int | float) and not isinstance(value, bool)


def _called(wanted: Type) -> str:
    match wanted:
        case Items():
            return "a list"
        case Scalar("integer"):
            return "an integer"
        case Scalar(name):
            return f"a {name}"
    return "an object"


def _kind(value: Tree) -> str:
    match value:
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list():
            return "a list"
        case None:
            return "null"
    return "an object"
