"""What the kubelet asks of containers, how soon and how long: what a program does not answer keeps its pods from coming."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from policies.figures import count
from policies.rule import Finding
from policies.stack import Place

_WAYS = ("httpGet", "tcpSocket", "exec", "grpc")
_PATIENCE_SECONDS = 30
"""Kubernetes' own: three answers that do not come, ten seconds apart."""
_PERIOD_SECONDS = 10
_FAILURES = 3
_STARTS, _IS_READY, _LIVES = "startupProbe", "readinessProbe", "livenessProbe"
_PROBES = (_STARTS, _IS_READY, _LIVES)
_RENDER = "deploy what the program renders"


def _asks(lives: str, ready: str, port: str) -> Mapping[str, Sequence[Any]]:
    return {name: [{"httpGet": {"path": ready if name == _IS_READY else lives, "port": port}}] for name in _PROBES}


_CONTRACT = _asks("/livez", "/readyz", "probes")
_SECURE = ("--tls", "--cacert", "/etc/redis-tls/ca.crt")
_PING = ("--user", "probe", "--pass", "none", "--no-auth-warning", "-e", "ping")
_PINGS = [{"exec": {"command": ["redis-cli", "-p", "6379", *secure, *_PING]}} for secure in ((), _SECURE)]
_ANSWERED: Mapping[str, Mapping[str, Sequence[Any]]] = {
    **dict.fromkeys(
        ("asr", "fastapi", "gateway", "llm", "nats", "pm2", "queue", "queue-gateway", "tools", "tts"),
        _CONTRACT,
    ),
    "bus": _asks("/healthz?js-enabled-only=true", "/healthz?js-server-only=true", "monitor"),
    "redis": {_IS_READY: _PINGS, _LIVES: [{"tcpSocket": {"port": "redis"}}]},
    "tunnel": _asks("/ready", "/ready", "probes"),
}
"""What the first container of a kind answers, by the probe that asks for it."""
_WATCHERS: Mapping[str, Any] = {
    "prometheus": {"httpGet": {"path": "/-/ready", "port": "metrics"}},
    "alertmanager": {"httpGet": {"path": "/-/ready", "port": "metrics"}},
    "state-metrics": {"httpGet": {"path": "/readyz", "port": "own-metrics"}},
    "adapter": {"httpGet": {"path": "/readyz", "port": "https", "scheme": "HTTPS"}},
    "collector": {"tcpSocket": {"port": "otlp"}},
    "grafana": {"httpGet": {"path": "/api/health", "port": "http"}},
}
"""When those that watch are ready, by their containers."""


def unanswered(kind: str, pod: Place) -> Iterator[Finding]:
    """Yield what asks a program otherwise than it answers, or does not ask at all whether it is ready."""
    first = pod["containers"][0]
    known = _ANSWERED.get(kind, {})
    if known and first.get(_IS_READY) is None:
        yield Finding(pod.resource.name, f"{first.path} gets calls before it can answer: it has no {_IS_READY}", _RENDER)
    for container in _containers(pod):
        answers = known if container.path == first.path else {}
        if kind == "watch" and (ready := _WATCHERS.get(container["name"].text())) is not None:
            answers = {_IS_READY: [ready]}
        for probe in _probes(container):
            name = probe.path.rpartition(".")[2]
            if name in answers and _said(probe) not in answers[name]:
                yield Finding(pod.resource.name, f"{probe.path} asks what its program does not answer", _RENDER)
            elif (name not in answers or container.listed("ports")) and not _asks_a_port_of(container, probe):
                yield Finding(pod.resource.name, f"{probe.path} asks a port that its container does not have", _RENDER)


def impatient(pod: Place) -> Iterator[Finding]:
    """Yield what ends a container that is only slow."""
    for container in _containers(pod):
        for probe in _probes(container):
            patience = _failures(probe) * _period(probe)
            if not probe.path.endswith(_IS_READY) and patience < _PATIENCE_SECONDS:
                message = f"{probe.path} ends it after {patience} s without an answer, and its calls with it"
                yield Finding(
                    pod.resource.name, message, f"wait for {_PATIENCE_SECONDS} s", _PATIENCE_SECONDS, patience, "seconds"
                )


def late(pod: Place, lag: float) -> Iterator[Finding]:
    """Yield what lets pods answer later than the scaling lag, or lets those be called that answer no more."""
    for container in _containers(pod):
        for probe in _probes(container):
            if probe.path.endswith(_LIVES):
                continue
            delay, successes = probe.get("initialDelaySeconds"), probe.get("successThreshold")
            first = _period(probe) * (1 if successes is None else successes.count(at_least=1))
            soonest = first + (0 if delay is None else delay.number())
            if soonest > lag:
                message = f"{probe.path} may let its pods answer {count(soonest)} s after they could; the lag is {count(lag)} s"
                yield Finding(pod.resource.name, message, "ask sooner", lag, soonest, "seconds")
            gone, most = _failures(probe) * _period(probe), max(lag, _PATIENCE_SECONDS)
            if probe.path.endswith(_IS_READY) and gone > most:
                message = f"{probe.path} lets a pod that does not answer have calls for {count(gone)} s"
                yield Finding(pod.resource.name, message, f"give up after {count(most)} s", most, gone, "seconds")


def _containers(pod: Place) -> list[Place]:
    return [*pod["containers"].items(), *pod.listed("initContainers")]


def _probes(container: Place) -> Iterator[Place]:
    for name in _PROBES:
        if (probe := container.get(name)) is not None:
            yield probe


def _said(probe: Place) -> Mapping[str, Any]:
    return {way: asked.value for way in _WAYS if (asked := probe.get(way)) is not None}


def _asks_a_port_of(container: Place, probe: Place) -> bool:
    asked = [probe[way]["port"].value for way in ("httpGet", "tcpSocket", "grpc") if probe.get(way) is not None]
    ports = [port.get(key) for port in container.listed("ports") for key in ("name", "containerPort")]
    return all(one in [port.value for port in ports if port is not None] for one in asked)


def _period(probe: Place) -> int:
    said = probe.get("periodSeconds")
    return _PERIOD_SECONDS if said is None else said.count(at_least=1)


def _failures(probe: Place) -> int:
    said = probe.get("failureThreshold")
    return _FAILURES if said is None else said.count(at_least=1)
