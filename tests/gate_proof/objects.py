"""Whole objects: gone, there twice, in another namespace, of another kind."""

import re
from collections.abc import Iterator
from typing import Any

from policies.stack import Resource, Stack
from tests.gate_proof.leaves import Leaf, objects_of, replaced, subject_of, with_resource
from tests.gate_proof.table import AddedRow, ObjectRow, added_rows, fits, object_rows
from tests.gate_proof.texts import CONSTANT, RESERVED

_OF_MANY_SHAPES = ("ConfigMap", "CloudInit", "WorkersKv", "WorkersScript")
"""Types whose objects hold texts of their own, each to be tried."""
_STRANGER = "nobody-knows"

Change = tuple[str, Stack, tuple[str, ...]]
"""What was done, the stack with it, and the rules of which one must refuse."""


def object_changes(stack: Stack, *, short: bool) -> Iterator[Change]:
    """Yield every harmful change of a whole object; `short` yields one of each row."""
    done: set[int] = set()
    for resource in stack.resources:
        subject = subject_of(resource)
        if resource.type.startswith("kubernetes:") and not (short and len(done) > 1):
            yield f"{subject}: declared twice", _twice(stack, resource), ("references-resolve",)
            other = with_resource(stack, resource, _of_another_kind(resource))
            yield f"{subject}: of another kind", other, ("workloads-are-known",)
        row = next((row for row in object_rows() if fits(row.of, subject)), None)
        if row is not None and not (short and id(row) in done):
            done.add(id(row))
            yield from _rowed(stack, resource, subject, row)


def rowless(stack: Stack) -> list[str]:
    """Return the objects of which the table says nothing."""
    subjects = (subject_of(resource) for resource in stack.resources)
    return [subject for subject in subjects if not any(fits(row.of, subject) for row in object_rows())]


def neutral_changes(stack: Stack) -> Iterator[tuple[str, Stack]]:
    """Yield the stack without each object that nobody misses."""
    for resource in stack.resources:
        row = next((row for row in object_rows() if fits(row.of, subject_of(resource))), None)
        if row is not None and row.neutral:
            yield f"{subject_of(resource)}: gone", with_resource(stack, resource)


def added_keys(stack: Stack) -> Iterator[tuple[Leaf, AddedRow | None]]:
    """Yield an object of every shape in the stack, with the row that says whether a key more may stand in it."""
    seen: set[tuple[str, str]] = set()
    for resource in stack.resources:
        for one in (one for one in objects_of(resource) if not any(step in (CONSTANT, RESERVED) for step in one.steps)):
            kind = one.subject.rpartition("/")[0]
            shape = (one.subject if kind.startswith(_OF_MANY_SHAPES) else kind, re.sub(r"\[[^\]]*\]", "[]", one.path))
            if shape not in seen:
                seen.add(shape)
                yield one, next((row for row in added_rows() if fits(row.of, one.subject) and fits(row.at, one.path)), None)


def with_key(stack: Stack, one: Leaf) -> Stack:
    """Return the stack with a key that nobody knows in one of its objects."""
    grown = Resource(one.resource.type, one.resource.name, replaced(one.resource.props, (*one.steps, _STRANGER), 1))
    return with_resource(stack, one.resource, grown)


def _rowed(stack: Stack, resource: Resource, subject: str, row: ObjectRow) -> Iterator[Change]:
    if row.gone:
        yield f"{subject}: gone", with_resource(stack, resource), row.gone
    if row.twice:
        yield f"{subject}: there twice", _twice(stack, resource), row.twice
    if row.moved:
        yield f"{subject}: in another namespace", with_resource(stack, resource, _moved(resource)), row.moved


def _twice(stack: Stack, resource: Resource) -> Stack:
    return with_resource(stack, resource, resource, Resource(resource.type, f"{resource.name}-twice", resource.props))


def _moved(resource: Resource) -> Resource:
    metadata: dict[str, Any] = {**resource.props["metadata"], "namespace": "elsewhere"}
    return Resource(resource.type, resource.name, {**resource.props, "metadata": metadata})


def _of_another_kind(resource: Resource) -> Resource:
    props = {**resource.props, "apiVersion": "example.com/v1", "kind": "Gadget"}
    return Resource("kubernetes:example.com/v1:Gadget", resource.name, props)
