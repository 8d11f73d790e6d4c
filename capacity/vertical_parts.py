"""A vertical's own parts of the stack: what their sections say, completed by what the rest of its spec says."""

from typing import Any, TypeVar

from pydantic import BaseModel

from capacity.sizing.queue import Queue
from capacity.sizing.sockets import Sockets
from capacity.sizing.workers import Workers
from capacity.verticals import LiveVertical, QueueVertical

Model = TypeVar("Model", bound=BaseModel)


def sockets_of(vertical: LiveVertical, pods: int) -> Sockets | None:
    """Return the sockets of a node that holds so many pods of a vertical, or None where its spec says nothing of them."""
    if vertical.sockets is None:
        return None
    pod = vertical.pod
    return completed(
        Sockets,
        vertical.sockets,
        workers=pod.workers,
        pods=pods,
        descriptors=pod.descriptors,
        descriptors_per_session=vertical.session.descriptors,
        base_descriptors=pod.base_descriptors,
    )


def workers_of(vertical: LiveVertical) -> Workers | None:
    """Return PM2's processes in a pod of a vertical, or None where its spec says nothing of them."""
    if vertical.workers is None:
        return None
    return completed(
        Workers,
        vertical.workers,
        processes=vertical.pod.workers,
        memory_per_session=vertical.session.memory,
        base_memory=-(-vertical.pod.base_memory // vertical.pod.workers),
        pod_memory=vertical.pod.memory,
        drain=vertical.longest_call,
        grace=float(vertical.grace_seconds),
    )


def queue_of(vertical: QueueVertical) -> Queue | None:
    """Return the queue of a vertical, or None where its spec says nothing of it."""
    if vertical.queue is None:
        return None
    return completed(Queue, vertical.queue, depth_cap=vertical.depth_cap, replicas=vertical.replicas)


def completed(model: type[Model], section: BaseModel, **known: Any) -> Model:
    """Return a sizing's input of what its section says and of what the rest of the spec says; both were validated there."""
    fields: dict[str, Any] = {name: value for name, value in section if name in model.model_fields}
    return model.model_construct(**fields, **known)
