"""tunnel-replicas-fixed: a tunnel's replicas are counted, stand apart, and each carries what the tunnel must."""

import re
from collections.abc import Iterator

from policies.demand import Demand, demand_of
from policies.evidence import Context
from policies.figures import count, whole
from policies.parts import Part, shortfall
from policies.placement import stands_apart
from policies.rule import Finding, Rule, each
from policies.stack import Place, Resource, Stack, WrongField, annotation, field
from policies.workloads import of_kind, open_files, pod_of

_LEAST, _MOST = 2, 25
"""Replicas: one alone is gone with its node; a tunnel has 100 connections, each has 4 (Cloudflare docs)."""
_LEAST_FILES = 70_000
"""Open files that the vendor asks for on a tunnel's host (Cloudflare docs, ulimits)."""


def _tunnel_replicas_fixed(stack: Stack, context: Context) -> Iterator[Finding]:
    tunnels = list(of_kind(stack, "tunnel"))
    yield from each(tunnels, lambda tunnel: tunnel.name, _are_counted)

    def check(_all: str) -> Iterator[Finding]:
        demand = demand_of(stack, context)
        for part in routes(stack, demand):
            yield from shortfall(part, demand.lock)

    yield from each(["tunnels"] if tunnels else [], str, check)


def routes(stack: Stack, demand: Demand) -> Iterator[Part]:
    """Yield the tunnels together: sessions spread over them, and one replica of each must be able to carry its part."""
    tunnels = list(of_kind(stack, "tunnel"))
    if tunnels:
        one = min(whole(min(_ports(tunnel), _files(tunnel)) * demand.kept.safe_utilisation) for tunnel in tunnels)
        held = len(tunnels) * one
        yield Part(
            resource=min(tunnel.name for tunnel in tunnels),
            what="the last replica of a tunnel must be able to carry its part of",
            unit="sessions",
            asked=demand.sessions,
            provided=lambda _day: held,
            holds=f"{len(tunnels)} tunnels x {count(one)} sessions of one replica",
            remedy="add a tunnel: more replicas carry no more sessions",
            lead_seconds=min(annotation(tunnel, "lead-seconds").number() for tunnel in tunnels),
        )


def _are_counted(tunnel: Resource) -> Iterator[Finding]:
    replicas = field(tunnel, "spec.replicas").count()
    if replicas < _LEAST:
        message = f"with {count(replicas)} replicas every call is gone with one node"
        yield Finding(tunnel.name, message, f"set spec.replicas to {_LEAST}", _LEAST, replicas, "replicas")
    if replicas > _MOST:
        message = f"one tunnel takes {count(_MOST)} replicas, and it has {count(replicas)}"
        yield Finding(tunnel.name, message, f"set spec.replicas to {_MOST}", replicas, _MOST, "replicas")
    if not stands_apart(pod_of(tunnel)):
        yield Finding(
            tunnel.name,
            "its replicas may stand on one node, and be gone with it",
            "require anti-affinity by kubernetes.io/hostname",
        )
    files = open_files(tunnel, _container(tunnel))
    if files < _LEAST_FILES:
        message = f"a replica may open {count(files)} files; the vendor asks for {count(_LEAST_FILES)}"
        yield Finding(tunnel.name, message, f"allow {count(_LEAST_FILES)} open files", _LEAST_FILES, files, "descriptors")


def _ports(tunnel: Resource) -> int:
    """Return the sessions that the local ports of one replica carry."""
    security = pod_of(tunnel)["securityContext"]
    ranges = [one["value"] for one in security["sysctls"].items() if one["name"].text() == "net.ipv4.ip_local_port_range"]
    if len(ranges) != 1:
        raise WrongField(tunnel.name, f"{security.path}.sysctls", "a list with net.ipv4.ip_local_port_range, once")
    return _width(ranges[0]) // annotation(tunnel, "ports-per-session").count(at_least=1)


def _width(place: Place) -> int:
    match = re.fullmatch(r"(\d{1,5})\s+(\d{1,5})", place.text())
    if match is None or int(match[1]) > int(match[2]):
        raise WrongField(place.resource.name, place.path, "a range of ports")
    return int(match[2]) - int(match[1]) + 1


def _files(tunnel: Resource) -> int:
    return whole(open_files(tunnel, _container(tunnel))) // annotation(tunnel, "descriptors-per-session").count(at_least=1)


def _container(tunnel: Resource) -> str:
    return pod_of(tunnel)["containers"].items()[0]["name"].text()


RULES = (
    Rule(
        name="tunnel-replicas-fixed",
        condition="A tunnel has 2 to 25 replicas that no autoscaler changes and that stand on nodes of their own; one replica of "
        "each tunnel can carry the tunnel's part of all required sessions.",
        why="All calls pass the tunnel, traffic goes to the closest replica and not to the idlest, and whoever scales it down "
        "cuts calls.",
        reads="Deployments of kind `tunnel`: replicas, anti-affinity, open files, the range of local ports, and the claims "
        "`ports-per-session` and `descriptors-per-session`; the lock. An autoscaler of one is refused by `workloads-are-known`.",
        remedy="Fix the replicas; add tunnels, not replicas, for more sessions.",
        check=_tunnel_replicas_fixed,
    ),
)
