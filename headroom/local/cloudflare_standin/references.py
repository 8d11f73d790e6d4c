"""Which objects of the account another object names, so that none is named before it is there or deleted while it is needed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from headroom.local.standin.property_path import Path

BINDINGS = {
    "kv_namespace": ("namespaceId", "workersKvNamespace", "id"),
    "queue": ("queueName", "queue", "queueName"),
    "r2_bucket": ("bucketName", "r2Bucket", "name"),
    "service": ("service", "workersScript", "scriptName"),
    "durable_object_namespace": ("scriptName", "workersScript", "scriptName"),
}
ARGUMENTS = {
    "queueConsumer": (
        ("queueId", "queue", "id"),
        ("scriptName", "workersScript", "scriptName"),
        ("deadLetterQueue", "queue", "queueName"),
    ),
    "workersCronTrigger": (("scriptName", "workersScript", "scriptName"),),
    "workersCustomDomain": (("service", "workersScript", "scriptName"),),
    "workersKv": (("namespaceId", "workersKvNamespace", "id"),),
    "workersRoute": (("script", "workersScript", "scriptName"),),
    "zeroTrustTunnelCloudflaredConfig": (("tunnelId", "zeroTrustTunnelCloudflared", "id"),),
}
HOLDING = frozenset({"workersScript", "queueConsumer"})
"""Types whose objects keep what they name from being deleted."""


@dataclass(frozen=True)
class Reference:
    """One object named by another: by its id, or by one of its inputs."""

    path: Path
    type_name: str
    by: str
    value: str


def references(type_name: str, inputs: Mapping[str, Any]) -> Iterator[Reference]:
    """Yield what an object names in its own account, by its redacted inputs."""
    for argument, target, by in ARGUMENTS.get(type_name, ()):
        if value := inputs.get(argument):
            yield Reference((argument,), target, by, value)
    if type_name != "workersScript":
        return
    for index, binding in enumerate(inputs.get("bindings") or ()):
        if binding.get("type") in BINDINGS:
            argument, target, by = BINDINGS[binding["type"]]
            value = binding.get(argument)
            if value and (target, value) != (type_name, inputs["scriptName"]):  # a script may name itself
                yield Reference(("bindings", index, argument), target, by, value)
