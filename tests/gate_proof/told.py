"""What a pod's program is told of its own limits, made anew, as a plan with other limits would tell it."""

from contextlib import suppress
from typing import Any

import yaml

from policies.stack import Resource, Stack
from tests.gate_proof.changes import number_of
from tests.gate_proof.leaves import with_resource


def with_told(stack: Stack) -> Stack:
    """Return the stack in which live pods are told what they have; what cannot be read stays as it is."""
    for resource in stack.resources:
        metadata = resource.props.get("metadata")
        annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
        if isinstance(annotations, dict) and "headroom.dev/session-container" in annotations:
            with suppress(LookupError, TypeError, ValueError, AttributeError, yaml.YAMLError):
                stack = with_resource(stack, resource, _told(resource, annotations))
    return stack


def _told(resource: Resource, annotations: dict[str, Any]) -> Resource:
    spec = resource.props["spec"]
    template, name = spec["template"], annotations["headroom.dev/session-container"]
    (files,) = yaml.safe_load(template["metadata"]["annotations"][f"ulimits.nri.containerd.io/container.{name}"])

    def told(container: dict[str, Any]) -> dict[str, Any]:
        if container["name"] != name:
            return container
        requests = container["resources"]["requests"]
        real = {
            "HEADROOM_WORKERS": annotations["headroom.dev/workers"],
            "HEADROOM_OPEN_FILES": str(files["soft"]),
            "HEADROOM_MEMORY_BYTES": str(number_of(requests["memory"])),
            "HEADROOM_CPU_CORES": str(float(number_of(requests["cpu"]) or 0)),
        }
        return {
            **container,
            "env": [{**one, "value": real[one["name"]]} if one["name"] in real else one for one in container["env"]],
        }

    pod = {**template["spec"], "containers": [told(container) for container in template["spec"]["containers"]]}
    return Resource(resource.type, resource.name, {**resource.props, "spec": {**spec, "template": {**template, "spec": pod}}})
