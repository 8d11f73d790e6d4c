"""The resources of a stack as plain values, and a reader that never takes an unknown for a value."""

import math
import re
from collections.abc import Callable, Hashable, Iterator, KeysView, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from itertools import chain
from typing import Any, Final, TypeVar

from policies.documents import LARGEST
from policies.quantities import quantity

Read = TypeVar("Read")
_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_DIGITS = re.compile(r"[0-9]+(\.0+)?")


class Unknown(Enum):
    """The one value that stands for everything that is known only after the deploy."""

    UNKNOWN = "not known before the deploy"


UNKNOWN: Final = Unknown.UNKNOWN


@dataclass(frozen=True)
class Resource:
    """One resource: its type token, its name in the stack, its inputs with `UNKNOWN` where they are not known."""

    type: str
    name: str
    props: Mapping[str, Any]
    ignored: tuple[str, ...] = ()
    """Places whose change the engine ignores: it keeps what stands there, whatever the inputs say."""


@dataclass(frozen=True)
class Stack:
    """Every resource of a deploy, in no particular order."""

    resources: tuple[Resource, ...]

    def of_type(self, *types: str) -> Iterator[Resource]:
        """Yield the resources of some types."""
        return chain.from_iterable(self._by_type.get(each, ()) for each in types)

    def once(self, read: "Callable[..., Read]", *of: Hashable) -> Read:
        """Return `read(stack, *of)`, read the first time only: rules ask the same of each resource. What raises is read again."""
        key = (read, *of)
        if key not in self._known:
            self._known[key] = read(self, *of)
        known: Read = self._known[key]
        return known

    @cached_property
    def _known(self) -> dict[Hashable, Any]:
        return {}

    @cached_property
    def _by_type(self) -> Mapping[str, list[Resource]]:
        found: dict[str, list[Resource]] = {}
        for resource in self.resources:
            found.setdefault(resource.type, []).append(resource)
        return found

    def the_one(self, type_token: str) -> Resource:
        """Return the only resource of a type; none or several is `Unreadable`."""
        found = list(self.of_type(type_token))
        if len(found) != 1:
            raise Unreadable(
                type_token,
                f"the stack must have exactly one resource of this type and has {len(found)}",
                "deploy the program's whole blueprint, once",
            )
        return found[0]


class Unreadable(Exception):
    """A rule cannot read what it needs. The gate makes a violation of it."""

    def __init__(self, resource: str, message: str, remedy: str) -> None:
        super().__init__(f"{resource}: {message}")
        self.resource = resource
        self.message = message
        self.remedy = remedy


class UnknownValue(Unreadable):
    """A field that only the deploy itself will tell."""

    def __init__(self, resource: str, path: str) -> None:
        super().__init__(
            resource,
            f"{path} is not known before the deploy",
            "render it from the plan, not from another resource's output",
        )


class MissingField(Unreadable):
    """A field that must be there and is not."""

    def __init__(self, resource: str, path: str) -> None:
        super().__init__(resource, f"{path} is missing", "set it")


class WrongField(Unreadable):
    """A field that holds something else than it must. Its value is not shown: it may be a secret in the wrong place."""

    def __init__(self, resource: str, path: str, expected: str, why: str = "") -> None:
        super().__init__(resource, f"{path} is not {expected}{why and ': '}{why}", f"set it to {expected}")


@dataclass(frozen=True)
class Place:
    """A place within a resource: reading goes step by step, so that every failure names the whole path."""

    resource: Resource
    path: str
    value: Any

    def __getitem__(self, key: str | int) -> "Place":
        """Return the place below; raise `MissingField`, `UnknownValue` or `WrongField`."""
        found = self.get(key)
        if found is None:
            raise MissingField(self.resource.name, self._below(key))
        return found

    def get(self, key: str | int) -> "Place | None":
        """Return the place below, or None where there is nothing: Kubernetes reads null as absent."""
        inside = self._sequence() if isinstance(key, int) else self._mapping()
        try:
            value = inside[key]  # type: ignore[index]
        except (KeyError, IndexError):
            return None
        if value is UNKNOWN:
            raise UnknownValue(self.resource.name, self._below(key))
        return None if value is None else Place(self.resource, self._below(key), value)

    def listed(self, key: str) -> list["Place"]:
        """Return the places of the elements of the list below; none where there is no list."""
        found = self.get(key)
        return [] if found is None else found.items()

    def items(self) -> list["Place"]:
        """Return the places of a list's elements."""
        return [self[index] for index in range(len(self._sequence()))]

    def text(self) -> str:
        """Return a text that is not empty."""
        if not isinstance(self.value, str) or not self.value:
            raise WrongField(self.resource.name, self.path, "a text")
        return self.value

    def names(self) -> KeysView[str]:
        """Return the names of what an object holds."""
        return self._mapping().keys()

    def texts(self) -> dict[str, str]:
        """Return an object that holds texts, such as labels."""
        return {key: self[key].text() for key in self._mapping()}

    def number(self) -> float:
        """Return a number from zero to `LARGEST`, also where it is written as text (annotations hold only text).

        Python reads more as a number (1_000, digits of other scripts) than whoever else reads the text.
        """
        try:
            plain = not isinstance(self.value, bool) and (not isinstance(self.value, str) or _NUMBER.fullmatch(self.value))
            number = float(self.value) if plain else math.nan
        except TypeError:
            number = math.nan
        if not 0 <= number <= LARGEST:
            raise WrongField(self.resource.name, self.path, "a number of at least 0 (and at most 10^15)")
        return number

    def count(self, at_least: int = 0) -> int:
        """Return a whole number."""
        try:
            number = -1.0 if isinstance(self.value, str) and not _DIGITS.fullmatch(self.value) else self.number()
        except WrongField:
            number = -1.0
        if not number.is_integer() or number < at_least:
            raise WrongField(self.resource.name, self.path, f"a whole number of at least {at_least} (and at most 10^15)")
        return int(number)

    def quantity(self) -> float:
        """Return the number behind a Kubernetes quantity."""
        if isinstance(self.value, str | int | float) and not isinstance(self.value, bool):
            try:
                number = quantity(self.value)
            except (ValueError, OverflowError):
                number = math.nan
            if 0 <= number <= LARGEST:
                return number
        raise WrongField(self.resource.name, self.path, "a Kubernetes quantity")

    def _mapping(self) -> Mapping[str, Any]:
        if not isinstance(self.value, Mapping):
            raise WrongField(self.resource.name, self.path or "its properties", "an object")
        return self.value

    def _sequence(self) -> list[Any]:
        if not isinstance(self.value, list):
            raise WrongField(self.resource.name, self.path, "a list")
        return self.value

    def _below(self, key: str | int) -> str:
        if isinstance(key, int) or "." in key:
            return f"{self.path}[{key}]"
        return f"{self.path}.{key}" if self.path else key


def field(resource: Resource, path: str) -> Place:
    """Return the place at a dotted path of a resource; raise `MissingField`, `UnknownValue` or `WrongField`."""
    place = Place(resource, "", resource.props)
    for key in path.split("."):
        place = place[key]
    return place


def optional(resource: Resource, path: str) -> Place | None:
    """Return the place at a dotted path, or None where it or something above it is absent."""
    place: Place | None = Place(resource, "", resource.props)
    for key in path.split("."):
        if place is None:
            return None
        place = place.get(key)
    return place


def annotation(resource: Resource, name: str) -> Place:
    """Return the place of a ``headroom.dev/`` annotation."""
    return field(resource, "metadata.annotations")[f"headroom.dev/{name}"]


def optional_annotation(resource: Resource, name: str) -> Place | None:
    """Return the place of a ``headroom.dev/`` annotation, or None where there is none."""
    annotations = optional(resource, "metadata.annotations")
    return None if annotations is None else annotations.get(f"headroom.dev/{name}")


@dataclass(frozen=True)
class Identity:
    """What a cluster knows an object by."""

    namespace: str
    name: str


def identity(resource: Resource) -> Identity:
    """Return the namespace and name of a namespaced Kubernetes object."""
    return Identity(field(resource, "metadata.namespace").text(), field(resource, "metadata.name").text())


def find_object(stack: Stack, type_token: str, wanted: Identity) -> Resource | None:
    """Return the Kubernetes object of a type, namespace and name, or None; two of them are `Unreadable`."""
    found = stack.once(_objects, type_token).get(wanted, ())
    if len(found) > 1:
        raise Unreadable(
            found[0].name, f"the stack declares {wanted.namespace}/{wanted.name} {len(found)} times", "declare it once"
        )
    return found[0] if found else None


def _objects(stack: Stack, type_token: str) -> Mapping[Identity, list[Resource]]:
    found: dict[Identity, list[Resource]] = {}
    for resource in stack.of_type(type_token):
        found.setdefault(identity(resource), []).append(resource)
    return found
