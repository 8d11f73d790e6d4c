"""Rendered resources as plain values."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

type_prefix = "headroom:"


@dataclass(frozen=True)
class Ref:
    """An output that only another resource's creation yields: its `id`, or a property by its name."""

    resource: str
    output: str


@dataclass(frozen=True)
class Secret:
    """The name of a configuration key that holds a secret; never the secret."""

    key: str


@dataclass(frozen=True)
class Joined:
    """One text of several parts, some of which are known only when it is deployed. With a secret part all of it is secret."""

    parts: tuple[str | Ref | Secret, ...]


Value = None | bool | int | float | str | Ref | Secret | Joined | Sequence["Value"] | Mapping[str, "Value"]


@dataclass(frozen=True)
class Options:
    """The resource options that a renderer may set."""

    ignore_changes: tuple[str, ...] = ()
    protect: bool = False
    aliases: tuple[str, ...] = ()
    provider: str | None = None
    secret_outputs: tuple[str, ...] = ()
    """Outputs that are kept secret, whatever the provider says of them."""
    pause: float = 0.0
    """Seconds that what comes after it waits once it is there: for servers that hear of it a little later."""
    goes_with: str | None = None
    """What takes it along when both go: the engine does not delete it then."""


@dataclass(frozen=True)
class Rendered:
    """One resource: its Pulumi type token, its name in the stack, and its inputs as the provider gets them."""

    type: str
    name: str
    props: Mapping[str, Any]
    parent: str | None = None
    after: tuple[str, ...] = ()
    options: Options = field(default_factory=Options)

    @property
    def is_component(self) -> bool:
        """Whether this is a component of ours, which makes nothing by itself."""
        return self.type.startswith(type_prefix)


class DuplicateResource(ValueError):
    """Two resources of one blueprint carry the same type and name, or a parent is missing."""


@dataclass(frozen=True)
class Blueprint:
    """Every resource of a stack, parents before their children."""

    resources: tuple[Rendered, ...]

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for resource in self.resources:
            if resource.name in seen:
                raise DuplicateResource(f"{resource.name}: two resources of the blueprint carry this name")
            if resource.parent is not None and resource.parent not in seen:
                raise DuplicateResource(f"{resource.name}: its parent {resource.parent} is not before it")
            if missing := [name for name in resource.after if name not in seen]:
                raise DuplicateResource(f"{resource.name}: comes after {missing[0]}, which is not before it")
            seen.add(resource.name)

    def __iter__(self) -> Iterator[Rendered]:
        return iter(self.resources)

    def __len__(self) -> int:
        return len(self.resources)

    def __getitem__(self, name: str) -> Rendered:
        for resource in self.resources:
            if resource.name == name:
                return resource
        raise KeyError(name)

    def children(self, parent: str | None) -> tuple[Rendered, ...]:
        """Return the resources directly below a component, in their order."""
        return tuple(resource for resource in self.resources if resource.parent == parent)

    @cached_property
    def references(self) -> frozenset[Ref]:
        """Every output of a resource that another one refers to."""
        return frozenset(value for each in self for value in leaves(each.props) if isinstance(value, Ref))

    def secrets(self) -> tuple[str, ...]:
        """Return the configuration keys whose secrets the stack needs, sorted."""
        return tuple(sorted({value.key for each in self for value in leaves(each.props) if isinstance(value, Secret)}))


def leaves(value: Any) -> Iterator[Any]:
    """Yield everything in a value that is neither a list, a mapping nor joined."""
    if isinstance(value, Mapping):
        for item in value.values():
            yield from leaves(item)
    elif isinstance(value, Joined):
        yield from value.parts
    elif isinstance(value, list | tuple):
        for item in value:
            yield from leaves(item)
    else:
        yield value


def encode(value: Any) -> Any:
    """Return a value as JSON can hold it.

    A Ref is ``{"$ref": "name.output"}``, a Secret ``{"$secret": key}``, a Joined ``{"$joined": [part, …]}``.
    """
    if isinstance(value, Ref):
        return {"$ref": f"{value.resource}.{value.output}"}
    if isinstance(value, Secret):
        return {"$secret": value.key}
    if isinstance(value, Joined):
        return {"$joined": encode(value.parts)}
    if isinstance(value, Mapping):
        return {key: encode(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [encode(item) for item in value]
    return value
