"""What pods of ours have alike, for samples that are about something else: an image, limits, a drain, and no privileges."""

from typing import Any

Document = dict[str, Any]

IMAGE = f"registry.example/program@sha256:{'0' * 64}"
_ANSWERING = ("asr", "fastapi", "gateway", "llm", "nats", "pm2", "queue", "queue-gateway", "tools", "tts")
_HOOKS = {kind: {"httpGet": {"path": "/drain", "port": "probes"}} for kind in _ANSWERING} | {
    "bus": {"exec": {"command": ["nats-server", "-sl=ldm=/run/nats/nats.pid"]}},
    "turn": {"exec": {"command": ["sh", "-c", "kill -USR1 1; while kill -0 1; do sleep 1; done"]}},
}
_PODS = (("template", "spec"), ("jobTemplate", "spec", "template", "spec"), ())


def completed(resource: Document) -> None:
    """Give a resource what it leaves out of that; a null is not left out."""
    props = resource["props"]
    metadata = _within(props, "metadata")
    if resource["type"] == "kubernetes:core/v1:Namespace":
        labels = metadata.setdefault("labels", {})
        if isinstance(labels, dict):
            labels.setdefault("pod-security.kubernetes.io/enforce", "restricted")
    for path in _PODS:
        pod = _within(props, "spec", *path)
        containers = _listed(pod, "containers")
        if containers:
            _unprivileged(pod, runAsNonRoot=True, seccompProfile={"type": "RuntimeDefault"})
            _drains(containers[0], _HOOKS.get(str(_within(metadata, "annotations").get("headroom.dev/kind"))))
        for container in [*containers, *_listed(pod, "initContainers")]:
            container.setdefault("image", IMAGE)
            _unprivileged(container, allowPrivilegeEscalation=False, capabilities={"drop": ["ALL"]})
            _bounded(_within(container, "resources"))


def _drains(container: Document, hook: Document | None) -> None:
    if hook is not None:
        container.setdefault("lifecycle", {"preStop": hook})
        ports = container.setdefault("ports", [])
        if (
            "httpGet" in hook
            and isinstance(ports, list)
            and all(isinstance(port, dict) and port.get("name") != "probes" for port in ports)
        ):
            ports.append({"name": "probes", "containerPort": 8081})


def _bounded(resources: Document) -> None:
    if isinstance(resources.setdefault("limits", {}), dict):
        asked = _within(resources, "requests")
        resources["limits"] = {name: asked[name] for name in ("cpu", "memory") if name in asked} | resources["limits"]


def _listed(place: Document, key: str) -> list[Document]:
    found = place.get(key)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _within(place: Any, *path: str) -> Document:
    for key in path:
        place = place.get(key) if isinstance(place, dict) else None
    return place if isinstance(place, dict) else {}


def _unprivileged(one: Document, **context: object) -> None:
    if isinstance(said := one.setdefault("securityContext", {}), dict):
        one["securityContext"] = context | said
