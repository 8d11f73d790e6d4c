"""Kubernetes objects as rendered resources."""

from collections.abc import Mapping
from typing import Any

from headroom.blueprint import Options, Rendered

DOMAIN = "headroom.dev"
"""The prefix of our labels and annotations."""


def kubernetes_object(
    name: str,
    api_version: str,
    kind: str,
    metadata: Mapping[str, Any],
    body: Mapping[str, Any],
    *,
    parent: str,
    after: tuple[str, ...] = (),
    options: Options | None = None,
) -> Rendered:
    """Return one Kubernetes object: the whole manifest, as the provider gets it."""
    group = api_version if "/" in api_version else f"core/{api_version}"
    return Rendered(
        type=f"kubernetes:{group}:{kind}",
        name=name,
        props={"apiVersion": api_version, "kind": kind, "metadata": dict(metadata), **body},
        parent=parent,
        after=after,
        options=options or Options(),
    )


def namespace(name: str, *, resource: str, parent: str, labels: Mapping[str, str] | None = None) -> Rendered:
    """Return a namespace whose pods must meet the restricted Pod Security Standard."""
    enforced = {
        "pod-security.kubernetes.io/enforce": "restricted",
        "pod-security.kubernetes.io/enforce-version": "latest",
    }
    metadata = {"name": name, "labels": {"app.kubernetes.io/part-of": "headroom", **enforced, **(labels or {})}}
    return kubernetes_object(resource, "v1", "Namespace", metadata, {}, parent=parent)
