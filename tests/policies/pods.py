"""What pods of ours have alike, for samples that are about something else: an image, limits, a start and a drain, and such."""

import copy
from typing import Any

Document = dict[str, Any]

IMAGE = f"registry.example/program@sha256:{'0' * 64}"
_ANSWERING = ("asr", "fastapi", "gateway", "llm", "nats", "pm2", "queue", "queue-gateway", "tools", "tts")
_HOOKS = {kind: {"httpGet": {"path": "/drain", "port": "probes"}} for kind in _ANSWERING} | {
    "bus": {"exec": {"command": ["nats-server", "-sl=ldm=/run/nats/nats.pid"]}},
    "turn": {"exec": {"command": ["sh", "-c", "kill -USR1 1; while kill -0 1; do sleep 1; done"]}},
}
_PING = ("--user", "probe", "--pass", "none", "--no-auth-warning", "-e", "ping")
_READY = {kind: {"httpGet": {"path": "/readyz", "port": "probes"}} for kind in _ANSWERING} | {
    "bus": {"httpGet": {"path": "/healthz?js-server-only=true", "port": "monitor"}},
    "redis": {"exec": {"command": ["redis-cli", "-p", "6379", *_PING]}},
    "tunnel": {"httpGet": {"path": "/ready", "port": "probes"}},
}
_RELAYS = (
    "umask 077; cat /etc/turn/turnserver.conf /etc/turn-secret/auth.conf > /run/turn/turnserver.conf && "
    'exec turnserver -c /run/turn/turnserver.conf --listening-ip="$HOST_ADDRESS" --relay-ip="$HOST_ADDRESS"'
)
_STREAM = (
    "if nats stream info CALLS >/dev/null 2>&1; then exec nats stream edit CALLS --config /etc/nats/stream.json --force; "
    "else exec nats stream add CALLS --config /etc/nats/stream.json; fi"
)
_COMMANDS = {
    "bus": ["nats-server", "-c", "/etc/nats/nats.conf"],
    "placeholder": ["sleep", "infinity"],
    "redis": ["redis-server", "/etc/redis/redis.conf"],
    "streams": ["sh", "-c", _STREAM],
    "turn": ["sh", "-c", _RELAYS],
}
_ARGUMENTS = {"tunnel": ["tunnel", "--config", "/etc/cloudflared/config.yml", "run"]}
_SPECIAL = (
    *("0.0.0.0-0.255.255.255", "10.0.0.0-10.255.255.255", "100.64.0.0-100.127.255.255", "127.0.0.0-127.255.255.255"),
    *("169.254.0.0-169.254.255.255", "172.16.0.0-172.31.255.255", "192.0.0.0-192.0.0.255", "192.168.0.0-192.168.255.255"),
    *("198.18.0.0-198.19.255.255", "224.0.0.0-255.255.255.255", "::1", "::ffff:0:0-::ffff:ffff:ffff"),
    *("64:ff9b::-64:ff9b::ffff:ffff", "fc00::-fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    *("fe80::-febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ff00::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
)
"""What a relay denies: all that is not the Internet's."""
_PODS = (("template", "spec"), ("jobTemplate", "spec", "template", "spec"), ())


def completed(resource: Document) -> None:
    """Give a resource what it leaves out of that; a null is not left out."""
    props = resource["props"]
    metadata = _within(props, "metadata")
    if resource["type"] == "kubernetes:core/v1:Namespace":
        labels = metadata.setdefault("labels", {})
        if isinstance(labels, dict):
            labels.setdefault("pod-security.kubernetes.io/enforce", "restricted")
    _denies(_within(props, "data"))
    for path in _PODS:
        pod = _within(props, "spec", *path)
        containers = _listed(pod, "containers")
        if containers:
            _unprivileged(pod, runAsNonRoot=True, seccompProfile={"type": "RuntimeDefault"})
            kind = str(_within(metadata, "annotations").get("headroom.dev/kind"))
            _drains(containers[0], _HOOKS.get(kind))
            _starts(containers[0], kind, metadata)
        for container in [*containers, *_listed(pod, "initContainers")]:
            container.setdefault("image", IMAGE)
            _unprivileged(container, allowPrivilegeEscalation=False, capabilities={"drop": ["ALL"]})
            _bounded(_within(container, "resources"))


def _denies(data: Document) -> None:
    config = data.get("turnserver.conf")
    if isinstance(config, str) and "peer-ip" not in config:
        data["turnserver.conf"] = config + "".join(f"denied-peer-ip={one}\n" for one in _SPECIAL)


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


def _starts(container: Document, kind: str, metadata: Document) -> None:
    commands: dict[str, list[str]] = _COMMANDS
    if kind == "prescale":
        target = str(metadata.get("name")).removesuffix("-prescale")
        commands = {kind: ["python", "-I", "/program/prescale.py", str(metadata.get("namespace")), target]}
    for key, known in (("readinessProbe", _READY), ("command", commands), ("args", _ARGUMENTS)):
        if kind in known:
            container.setdefault(key, copy.deepcopy(known[kind]))


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
