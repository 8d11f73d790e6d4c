"""Every leaf of a stack's resources, also of the configuration texts within; and the stack with one of them changed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from policies.stack import Resource, Stack
from tests.gate_proof.texts import Format, format_of

Step = str | int | Format
"""A key, an index, or the reading of a text."""


class Gone(Enum):
    """What stands for the absence of a leaf: it is not there at all, or elsewhere."""

    GONE = "gone"
    RENAMED = "under a key that nobody reads"


GONE, RENAMED = Gone.GONE, Gone.RENAMED
_NAMES = ("name", "record", "alert", "path", "type", "topologyKey", "key", "job_name")


@dataclass(frozen=True)
class Leaf:
    """One value of one resource."""

    subject: str
    """What the table knows its resource by: type, kind of workload, name."""
    path: str
    """Where it stands, list elements by name; `::` enters a text."""
    value: Any
    resource: Resource
    steps: tuple[Step, ...]

    def __str__(self) -> str:
        return f"{self.subject} {self.path}"

    @property
    def is_text(self) -> bool:
        """Whether it is a text whose own leaves are there besides."""
        return format_of(self.path, self.value) is not None


def subject_of(resource: Resource) -> str:
    """Return what the table knows a resource by.

    >>> subject_of(Resource("kubernetes:core/v1:ConfigMap", "capacity-plan", {}))
    'ConfigMap//capacity-plan'
    """
    metadata = resource.props.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, Mapping) else None
    kind = annotations.get("headroom.dev/kind", "") if isinstance(annotations, Mapping) else ""
    return f"{resource.type.rpartition(':')[2]}/{kind}/{resource.name}"


def leaves_of(resource: Resource) -> Iterator[Leaf]:
    """Yield the leaves of a resource; a text comes before its own leaves."""
    subject = subject_of(resource)

    def walk(value: Any, path: str, steps: tuple[Step, ...]) -> Iterator[Leaf]:
        if isinstance(value, Mapping) and value:
            for key, inner in value.items():
                yield from walk(inner, f"{path}.{key}" if path and not path.endswith("::") else f"{path}{key}", (*steps, key))
        elif isinstance(value, list) and value:
            for index, inner in enumerate(value):
                yield from walk(inner, f"{path}[{_label(value, index)}]", (*steps, index))
        else:
            yield Leaf(subject, path, value, resource, steps)
            text = format_of(path, value)
            if text is not None:
                yield from walk(text.read(value), f"{path}::", (*steps, text))

    yield from walk(resource.props, "", ())


def objects_of(resource: Resource) -> Iterator[Leaf]:
    """Yield every object within a resource, also of the texts within."""
    subject = subject_of(resource)

    def walk(value: Any, path: str, steps: tuple[Step, ...]) -> Iterator[Leaf]:
        if isinstance(value, Mapping) and value:
            yield Leaf(subject, path, value, resource, steps)
            for key, inner in value.items():
                yield from walk(inner, f"{path}.{key}" if path and not path.endswith("::") else f"{path}{key}", (*steps, key))
        elif isinstance(value, list):
            for index, inner in enumerate(value):
                yield from walk(inner, f"{path}[{_label(value, index)}]", (*steps, index))
        elif (text := format_of(path, value)) is not None:
            yield from walk(text.read(value), f"{path}::", (*steps, text))

    yield from walk(resource.props, "", ())


def _label(items: list[Any], index: int) -> str:
    """Return what an element of a list is called: by its name, or by the option before it."""
    item, before = items[index], items[index - 1] if index else None
    if isinstance(item, Mapping):
        return next((str(item[key]) for key in _NAMES if isinstance(item.get(key), str)), "")
    if isinstance(item, str) and item.startswith("-"):
        return item.partition("=")[0]
    return before if isinstance(before, str) and before.startswith("--") and "=" not in before else ""


def replaced(tree: Any, steps: tuple[Step, ...], value: Any) -> Any:
    """Return a tree with another value at a place, or without the place; everything else is shared."""
    step, rest = steps[0], steps[1:]
    if isinstance(step, Format):
        return step.write(replaced(step.read(tree), rest, value) if rest else value)
    copied: Any = dict(tree) if isinstance(tree, Mapping) else list(tree)
    if rest:
        copied[step] = replaced(tree[step], rest, value)
    elif value is GONE:
        del copied[step]
    elif value is RENAMED:
        copied[f"{step}x"] = copied.pop(step)
    else:
        copied[step] = value
    return copied


def at(tree: Any, steps: tuple[Step, ...]) -> Any:
    """Return the value at a place."""
    for step in steps:
        tree = step.read(tree) if isinstance(step, Format) else tree[step]
    return tree


def with_leaf(stack: Stack, leaf: Leaf, value: Any) -> Stack:
    """Return the stack with another value of one leaf."""
    return with_resource(stack, leaf.resource, changed(leaf.resource, leaf, value))


def changed(resource: Resource, leaf: Leaf, value: Any) -> Resource:
    """Return a resource with another value of one of its leaves."""
    return Resource(resource.type, resource.name, replaced(resource.props, leaf.steps, value))


def with_resource(stack: Stack, old: Resource, *new: Resource) -> Stack:
    """Return the stack with others in one resource's place."""
    found = list(stack.resources)
    index = next(index for index, resource in enumerate(found) if resource is old)
    found[index : index + 1] = new
    return Stack(tuple(found))
