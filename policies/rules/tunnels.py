"""tunnels-outlive-losses: a tunnel's replicas survive one of them, and end no sooner than their calls may."""

from collections.abc import Iterator

from policies.evidence import Context
from policies.figures import count
from policies.fleet import DEPLOYMENT
from policies.rule import Finding, Rule, each
from policies.rules.nodes import stands_apart
from policies.stack import Resource, Stack, field, optional_annotation
from policies.workload_types import POD_SPECS

_LEAST, _MOST = 2, 25
"""Replicas: one alone is gone with its node; a tunnel has 100 connections, each has 4 (Cloudflare docs)."""
_LONGEST_GRACE_SECONDS = 180
"""The longest that a stopping replica waits for its calls (cloudflared, MaxGracePeriod)."""


def _tunnels_outlive_losses(stack: Stack, _context: Context) -> Iterator[Finding]:
    def is_tunnel(deployment: Resource) -> bool:
        kind = optional_annotation(deployment, "kind")
        return kind is not None and kind.text() == "tunnel"

    yield from each(filter(is_tunnel, stack.of_type(DEPLOYMENT)), lambda tunnel: tunnel.name, _outlives_losses)


def _outlives_losses(tunnel: Resource) -> Iterator[Finding]:
    replicas = field(tunnel, "spec.replicas").count()
    if replicas < _LEAST:
        message = f"with {count(replicas)} replicas every call is gone with one node"
        yield Finding(tunnel.name, message, f"set spec.replicas to {_LEAST}", _LEAST, replicas, "replicas")
    if replicas > _MOST:
        message = f"one tunnel takes {count(_MOST)} replicas, and it has {count(replicas)}"
        yield Finding(tunnel.name, message, f"set spec.replicas to {_MOST}", replicas, _MOST, "replicas")
    pod = field(tunnel, POD_SPECS[DEPLOYMENT])
    if not stands_apart(pod):
        yield Finding(
            tunnel.name,
            "its replicas may stand on one node, and be gone with it",
            "require anti-affinity by kubernetes.io/hostname",
        )
    grace = pod["terminationGracePeriodSeconds"].count()
    if grace <= _LONGEST_GRACE_SECONDS:
        message = f"a stopping replica waits up to {_LONGEST_GRACE_SECONDS} s for its calls, and is killed after {count(grace)} s"
        least = _LONGEST_GRACE_SECONDS + 1
        remedy = f"set terminationGracePeriodSeconds to {least}"
        yield Finding(tunnel.name, message, remedy, least, grace, "seconds")


RULES = (
    Rule(
        name="tunnels-outlive-losses",
        why="All calls pass the tunnel: what ends a replica early ends them, whatever the pods behind it hold.",
        check=_tunnels_outlive_losses,
    ),
)
