"""Waiting for a Deployment's pods, and saying what keeps them."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from headroom.local.errors import ToolFailed
from headroom.local.kubernetes.client import Api, Object, Refused

POLL_S = 0.5
NOTE_EVERY_S = 3.0
PODS_EXPLAINED = 5
EVENTS_EXPLAINED = 2


@dataclass(frozen=True)
class Patience:
    """How long to wait: `pause` waits so many seconds and says whether the engine has cancelled."""

    limit_s: float
    pause: Callable[[float], bool]
    note: Callable[[str], None]


def wait_for_rollout(deployment: Object, api: Api, patience: Patience) -> tuple[str, ...]:
    """Return why the Deployment is not rolled out: after the limit, a failure or a cancel. Nothing once it is.

    Rolled out means what `kubectl rollout status` means by it.
    """
    metadata = deployment["metadata"]
    path = api.resource("apps/v1", "Deployment").url(metadata["namespace"], metadata["name"])
    started = noted = time.monotonic()
    while True:
        deployment = api.get(path)
        left = _left(deployment)
        if left is None:
            return ()
        now = time.monotonic()
        if (failure := _failure(deployment)) is not None:
            return (f"the rollout failed: {failure}", *_explain(api, deployment))
        if now - started > patience.limit_s:
            return (f"not rolled out after {patience.limit_s:g} s: {left}", *_explain(api, deployment))
        if now - noted > NOTE_EVERY_S:
            patience.note(f"rolling out: {left}, {now - started:.0f} s of at most {patience.limit_s:g} s")
            noted = now
        if patience.pause(POLL_S):
            return (f"cancelled during the rollout: {left}",)


def _left(deployment: Object) -> str | None:
    """Return what is left to do; None for nothing, or for a paused Deployment, which waits for its owner."""
    spec, status = deployment["spec"], deployment.get("status", {})
    wanted, updated = spec.get("replicas", 1), status.get("updatedReplicas", 0)
    available = status.get("availableReplicas", 0)
    if spec.get("paused"):
        return None
    if status.get("observedGeneration", 0) < deployment["metadata"]["generation"]:
        return "the controller has not seen the new version"
    if updated < wanted:
        return f"{updated} of {wanted} replicas updated"
    if status.get("replicas", 0) > updated:
        return f"{status['replicas'] - updated} old replicas to end"
    return f"{available} of {updated} replicas available" if available < updated else None


def _failure(deployment: Object) -> str | None:
    """Return the controller's message if it has given up."""
    for condition in deployment.get("status", {}).get("conditions", ()):
        if condition["type"] == "Progressing" and condition.get("reason") == "ProgressDeadlineExceeded":
            return str(condition["message"])
    return None


def _explain(api: Api, deployment: Object) -> Iterator[str]:
    """Yield what the Deployment, its waiting pods and their events say, in a few lines."""
    for condition in deployment.get("status", {}).get("conditions", ()):
        if condition["type"] == "ReplicaFailure" and condition["status"] == "True":
            yield f"{condition['reason']}: {condition['message']}"
    namespace = deployment["metadata"]["namespace"]
    labels = deployment["spec"]["selector"].get("matchLabels", {})
    selector = ",".join(f"{key}={value}" for key, value in labels.items())
    try:
        pods = api.get(api.resource("v1", "Pod").url(namespace), labelSelector=selector)["items"]
        waiting = [pod for pod in pods if not _ready(pod)]
        for pod in waiting[:PODS_EXPLAINED]:
            yield f"pod {pod['metadata']['name']}: {'; '.join(_troubles(api, pod)) or 'not ready'}"
    except (Refused, ToolFailed) as failure:  # the reason stands without this
        yield f"its pods could not be read: {failure}"
    else:
        if len(waiting) > PODS_EXPLAINED:
            yield f"and {len(waiting) - PODS_EXPLAINED} more pods"


def _ready(pod: Object) -> bool:
    conditions = pod.get("status", {}).get("conditions", ())
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)


def _troubles(api: Api, pod: Object) -> Iterator[str]:
    metadata, status = pod["metadata"], pod.get("status", {})
    for condition in status.get("conditions", ()):
        if condition["status"] != "True" and condition.get("message"):
            reason = condition.get("reason", "no reason given")
            yield f"{condition['type']} is {condition['status']} ({reason}): {condition['message']}"
    for container in status.get("containerStatuses", ()):
        if waits := container.get("state", {}).get("waiting"):
            yield f"container {container['name']} waits: {waits.get('reason')} {waits.get('message', '')}".rstrip()
    selector = f"involvedObject.uid={metadata['uid']},type=Warning"
    events = api.get(api.resource("v1", "Event").url(metadata["namespace"]), fieldSelector=selector)["items"]
    for event in events[-EVENTS_EXPLAINED:]:
        yield f"event {event['reason']}: {event['message']}"
