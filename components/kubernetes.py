"""Kubernetes objects as rendered resources."""

from collections.abc import Mapping
from typing import Any

from headroom.blueprint import Options, Rendered

DOMAIN = "headroom.dev"
"""The prefix of our labels and annotations."""
HEALTH_DATA = f"{DOMAIN}/phi"
"""The label of a namespace whose workloads handle health data; its value is the vertical that the data is of."""


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


def claimed(**figures: float | str | None) -> dict[str, str]:
    """Return annotations that claim figures for the gate to recompute with, none where there is None: they roll no pod.

    >>> claimed(lead_seconds=60.0, share=0.02, region=None)
    {'headroom.dev/lead-seconds': '60', 'headroom.dev/share': '0.02'}
    """
    given = {f"{DOMAIN}/{name.replace('_', '-')}": value for name, value in figures.items() if value is not None}
    return {name: value if isinstance(value, str) else exact(value) for name, value in given.items()}


def exact(value: float) -> str:
    """Return a figure to the ninth decimal, as specs read them: the gate must find the same ceilings."""
    return f"{value:.9f}".rstrip("0").rstrip(".")


def namespace(name: str, *, resource: str, parent: str, labels: Mapping[str, str] | None = None) -> Rendered:
    """Return a namespace whose pods must meet the restricted Pod Security Standard."""
    enforced = {
        "pod-security.kubernetes.io/enforce": "restricted",
        "pod-security.kubernetes.io/enforce-version": "latest",
    }
    metadata = {"name": name, "labels": {"app.kubernetes.io/part-of": "headroom", **enforced, **(labels or {})}}
    return kubernetes_object(resource, "v1", "Namespace", metadata, {}, parent=parent)


def labels(name: str) -> dict[str, str]:
    """Return the labels of a workload and its pods."""
    return {"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "headroom"}


def selected(name: str) -> dict[str, str]:
    """Return the labels by which a workload's pods are found."""
    return {"app.kubernetes.io/name": name}


def service(resource: str, name: str, namespace: str, port: int, *, parent: str, space: str) -> Rendered:
    """Return the service of a workload's pods that serve on their port `http`; `space` makes the namespace."""
    return kubernetes_object(
        resource,
        "v1",
        "Service",
        {"name": name, "namespace": namespace, "labels": {"app.kubernetes.io/part-of": "headroom"}},
        {
            "spec": {
                "type": "ClusterIP",
                "selector": selected(name),
                "ports": [{"name": "http", "port": port, "targetPort": "http", "protocol": "TCP"}],
            }
        },
        parent=parent,
        after=(space,),
    )


def disruption_budget(resource: str, name: str, namespace: str, unavailable: int, *, parent: str, space: str) -> Rendered:
    """Return how many pods of a workload may be taken away at once when a node is emptied."""
    spec = {"maxUnavailable": unavailable, "selector": {"matchLabels": selected(name)}}
    metadata = {"name": name, "namespace": namespace}
    return kubernetes_object(
        resource, "policy/v1", "PodDisruptionBudget", metadata, {"spec": spec}, parent=parent, after=(space,)
    )


def service_account(resource: str, name: str, namespace: str, *, parent: str, space: str) -> Rendered:
    """Return an account that no pod gets a token of, unless the pod asks for one."""
    metadata = {"name": name, "namespace": namespace}
    body = {"automountServiceAccountToken": False}
    return kubernetes_object(resource, "v1", "ServiceAccount", metadata, body, parent=parent, after=(space,))
