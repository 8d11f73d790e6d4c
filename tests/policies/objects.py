"""A Kubernetes object as samples write it down."""

from typing import Any

Document = dict[str, Any]


def rendered(  # noqa: PLR0917  # a row of a table
    name: str, version: str, kind: str, object_name: str, space: str | None, body: Document
) -> Document:
    """Return an object under its name in the stack; one without a namespace is of the cluster."""
    group = version if "/" in version else f"core/{version}"
    metadata = {"name": object_name} | ({"namespace": space} if space else {})
    return {
        "type": f"kubernetes:{group}:{kind}",
        "name": name,
        "props": {"apiVersion": version, "kind": kind, "metadata": metadata, **body},
    }
