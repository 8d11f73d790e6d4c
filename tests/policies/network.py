"""NetworkPolicies of the samples' stack: each namespace that has none of its own is closed, but for what its parts use."""

from collections.abc import Iterator, Mapping
from typing import Any

Document = dict[str, Any]

_TLS, _API_SERVER, _KUBELET = ("TCP", 443), ("TCP", 6443), ("TCP", 10250)
_WORLD = {
    "tunnel": [("UDP", 7844), ("TCP", 7844)],
    "watch": [_TLS, _API_SERVER, _KUBELET],
    **{kind: [_TLS] for kind in ("fastapi", "nats", "pm2", "queue", "tools")},
}
"""Whom pods of a kind ask beyond the cluster."""
_PODS = ("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob")


def policies(resources: Mapping[str, Document]) -> list[Document]:
    """Return the policies of namespaces with pods for which a sample says nothing; those are open to each other."""
    said = {_place(one) for one in resources.values() if one["type"].endswith(":NetworkPolicy")}
    pods: dict[str, list[Document]] = {}
    for one in resources.values():
        if one["type"].rpartition(":")[2] in _PODS and _place(one) not in said:
            pods.setdefault(_place(one), []).append(one)
    declared = {one["props"]["metadata"]["name"] for one in resources.values() if one["type"].endswith(":Namespace")}
    ports = {place: list(dict.fromkeys(_ports(here))) for place, here in pods.items()}
    speaking = {place: listened for place, listened in ports.items() if listened and place in declared}
    found = []
    for place in filter(None, pods):
        asked = list(dict.fromkeys(way for one in pods[place] for way in _WORLD.get(_kind(one), [])))
        egress = [_rule("to", "kube-system", [("UDP", 53), ("TCP", 53)]), *([_rule("to", None, asked)] if asked else [])]
        egress += [_rule("to", other, listened) for other, listened in speaking.items() if place in declared]
        ingress = [_rule("from", other, speaking[place]) for other in pods if place in speaking and other in declared]
        if any(one["name"] == "adapter" for one in pods[place]):
            ingress.append(_rule("from", None, [_API_SERVER]))  # which asks it for metrics
        kinds = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
        found.append(_policy(place, "default-deny", kinds))
        found.append(_policy(place, "traffic", {**kinds, "ingress": ingress, "egress": egress}))
        # Of pods that take calls none may ask the API server.
        out = {"policyTypes": ["Egress"], "egress": [_rule("to", None, [_API_SERVER])]}
        for job in (one for one in pods[place] if _kind(one) == "prescale"):
            labels = job["props"]["spec"]["jobTemplate"]["spec"]["template"].get("metadata", {}).get("labels", {})
            found.append(_policy(place, f"{job['name']}-out", {"podSelector": {"matchLabels": labels}, **out}))
    return found


def _place(one: Document) -> str:
    metadata = one["props"].get("metadata")
    found = metadata.get("namespace") if isinstance(metadata, dict) else None
    return found if isinstance(found, str) else ""


def _kind(one: Document) -> str:
    annotations = one["props"]["metadata"].get("annotations")
    return str(annotations.get("headroom.dev/kind")) if isinstance(annotations, dict) else ""


def _ports(here: list[Document]) -> Iterator[tuple[str, int]]:
    """Yield the ports of pods that a sample leaves readable."""
    for one in here:
        try:
            for container in one["props"]["spec"]["template"]["spec"]["containers"]:
                yield from ((port.get("protocol", "TCP"), int(port["containerPort"])) for port in container.get("ports", []))
        except (KeyError, TypeError, AttributeError, ValueError):
            continue


def _rule(end: str, place: str | None, ways: list[tuple[str, int]]) -> Document:
    peers = [] if place is None else [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": place}}}]
    return {end: peers, "ports": [{"protocol": protocol, "port": port} for protocol, port in ways]}


def _policy(place: str, name: str, spec: Document) -> Document:
    props = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": place},
        "spec": spec,
    }
    return {"type": "kubernetes:networking.k8s.io/v1:NetworkPolicy", "name": f"{place}-{name}", "props": props}
