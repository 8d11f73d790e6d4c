"""Who may talk to the pods of a namespace, and to whom they may talk."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components.kubernetes import DOMAIN, kubernetes_object
from headroom.blueprint import Rendered

EDGE_NAMESPACE = "edge"
"""Where the tunnel's pods stand: all calls come from there."""
OBSERVABILITY_NAMESPACE = "observability"
"""Where metrics are read from."""
KEDA_NAMESPACE = "keda"
"""Where KEDA stands if it is the autoscaler, as its chart has it."""


@dataclass(frozen=True)
class Peer:
    """Pods of some namespaces, on some TCP ports; of the whole world where no namespace is selected."""

    ports: tuple[int, ...]
    namespaces: Mapping[str, Any] | None = None
    """A label selector."""

    @property
    def rule_peers(self) -> list[dict[str, Any]]:
        """The peers of a rule of a NetworkPolicy."""
        return [] if self.namespaces is None else [{"namespaceSelector": dict(self.namespaces)}]


def in_namespace(name: str, *ports: int) -> Peer:
    """Return all pods of one namespace, on some ports."""
    return Peer(ports, {"matchLabels": {"kubernetes.io/metadata.name": name}})


def verticals(*ports: int) -> Peer:
    """Return the pods of all verticals, on some ports."""
    return Peer(ports, {"matchExpressions": [{"key": f"{DOMAIN}/vertical", "operator": "Exists"}]})


WORLD = Peer((443,))
"""Whoever answers with TLS."""


def network_policies(
    namespace: str, *, parent: str, space: str, ingress: Sequence[Peer] = (), egress: Sequence[Peer] = ()
) -> list[Rendered]:
    """Return default-deny for a namespace, and the exceptions: the named peers, and name resolution.

    `space` is the resource that makes the namespace. Probes need no exception: they come from the pod's own node.
    """
    names = {
        "to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}],
        "ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}],
    }
    kinds = {"policyTypes": ["Ingress", "Egress"]}
    allowed: dict[str, Any] = {
        "podSelector": {},
        "policyTypes": ["Ingress", "Egress"] if ingress else ["Egress"],
        "egress": [names, *(_rule("to", peer) for peer in egress)],
    }
    if ingress:
        allowed["ingress"] = [_rule("from", peer) for peer in ingress]
    return [
        network_policy("default-deny", namespace, {"podSelector": {}, **kinds}, parent=parent, space=space),
        network_policy("allowed-traffic", namespace, allowed, parent=parent, space=space),
    ]


def network_policy(name: str, namespace: str, spec: Mapping[str, Any], *, parent: str, space: str) -> Rendered:
    """Return one policy of a namespace."""
    metadata = {"name": name, "namespace": namespace}
    resource = f"{parent}-{name}"
    return kubernetes_object(
        resource, "networking.k8s.io/v1", "NetworkPolicy", metadata, {"spec": dict(spec)}, parent=parent, after=(space,)
    )


def _rule(direction: str, peer: Peer) -> dict[str, Any]:
    rule: dict[str, Any] = {direction: peer.rule_peers} if peer.rule_peers else {}
    return rule | {"ports": [{"protocol": "TCP", "port": port} for port in peer.ports]}
