"""Who may talk to a vertical, and to whom it may talk."""

from typing import Any

from components.kubernetes import kubernetes_object
from headroom.blueprint import Rendered

EDGE_NAMESPACE = "edge"
"""Where the tunnel's pods stand: all calls come from there."""


def network_policies(name: str, port: int, *, serves: bool) -> list[Rendered]:
    """Return default-deny, and the exceptions: calls from the edge, name resolution, and TLS to the world and the API server."""
    allowed: dict[str, Any] = {
        "podSelector": {},
        "policyTypes": ["Ingress", "Egress"] if serves else ["Egress"],
        "egress": [
            {
                "to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}],
                "ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}],
            },
            {"ports": [{"protocol": "TCP", "port": 443}, {"protocol": "TCP", "port": 6443}]},
        ],
    }
    if serves:
        edge = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": EDGE_NAMESPACE}}}
        allowed["ingress"] = [{"from": [edge], "ports": [{"protocol": "TCP", "port": port}]}]
    return [
        _policy(name, "default-deny", {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}),
        _policy(name, "allowed-traffic", allowed),
    ]


def _policy(name: str, policy: str, spec: dict[str, Any]) -> Rendered:
    return kubernetes_object(
        f"{name}-{policy}",
        "networking.k8s.io/v1",
        "NetworkPolicy",
        {"name": policy, "namespace": name},
        {"spec": spec},
        parent=name,
        after=(f"{name}-namespace",),
    )
