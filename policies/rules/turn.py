"""turn-ports-cover-burst: the relays that are left carry the relayed part of every session."""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from policies.config_text import directives, size, the_one
from policies.demand import Demand, demand_of
from policies.evidence import Context
from policies.figures import count, whole
from policies.known import known, unknown_directives
from policies.parts import Part, shortfall
from policies.peers import opened, reached
from policies.placement import POOL
from policies.rule import Finding, Rule, each
from policies.stack import Resource, Stack, WrongField, annotation, field
from policies.workloads import configuration, of_kind, open_files, pod_of, remaining

_KNOWN = known("""
    allowed-peer-ip bps-capacity cert denied-peer-ip external-ip fingerprint listening-port log-file max-bps max-port min-port
    no-cli no-dtls no-multicast-peers no-software-attribute no-tcp-relay no-tls pidfile pkey prometheus prometheus-port realm
    simple-log stale-nonce tls-listening-port total-quota use-auth-secret user-quota userdb
""")
_OFTEN = frozenset({"allowed-peer-ip", "denied-peer-ip", "external-ip"})
_BITS = 8
_FILES = 2
"""Of one allocation: coturn says so when it starts."""
_SHOWN = 3
"""Ranges that are named in one message."""
_EXAMPLES = tuple(map(ip_network, ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")))
"""Addresses that documents use for those of the Internet (RFC 5737, RFC 3849)."""


def _turn_ports_cover_burst(stack: Stack, context: Context) -> Iterator[Finding]:
    demand, found = demand_of(stack, context), list(of_kind(stack, "turn"))
    yield from each(found, lambda servers: servers.name, lambda servers: shortfall(relays(stack, servers, demand), demand.lock))
    yield from each(found, lambda servers: servers.name, lambda servers: _one_call_passes(stack, servers))
    yield from each(found, lambda servers: servers.name, lambda servers: _is_found(stack, servers))
    if any(stack.of_type(POOL)):
        yield from each(found, lambda servers: servers.name, lambda servers: _says_what_is_known(stack, servers))
    yield from each(found, lambda servers: servers.name, lambda servers: _leads_out(stack, servers))


def _says_what_is_known(stack: Stack, servers: Resource) -> Iterator[Finding]:
    place = configuration(stack, servers, "turnserver.conf")
    found = directives(place, "=")
    yield from unknown_directives(place, found, _KNOWN, _OFTEN)


def _one_call_passes(stack: Stack, servers: Resource) -> Iterator[Finding]:
    """Yield what keeps a single call from being heard, and who else may fill a relay."""
    place = configuration(stack, servers, "turnserver.conf")
    found = directives(place, "=")
    each_call, bits = annotation(servers, "ports-per-relayed").count(at_least=1), annotation(servers, "bits-per-relayed").number()
    for name, needs, what in (
        ("max-bps", bits / _BITS / each_call, "bytes a second of one allocation"),
        ("user-quota", each_call, "allocations of one caller"),
    ):
        if name not in found:
            continue
        allowed = size(place, name, the_one(place, found, name))
        if 0 < allowed < needs:
            message = f"{name} allows {count(allowed)} {what}; a relayed call takes {count(needs)}"
            yield Finding(place.resource.name, message, f"set {name} to {count(needs)}, or 0 for no limit", needs, allowed)
    if "use-auth-secret" not in found:
        yield Finding(place.resource.name, "it relays for whoever asks, and strangers fill its ports", "set use-auth-secret")


def _is_found(stack: Stack, servers: Resource) -> Iterator[Finding]:
    """Yield where callers are told an address at which no relay is found; machines that need none told are told none."""
    place = configuration(stack, servers, "turnserver.conf")
    pairs = [text.partition("/") for text in directives(place, "=").get("external-ip", [])]
    try:
        told = [(ip_address(public), own and ip_address(own)) for public, _, own in pairs]
    except ValueError:
        expected = "a configuration whose external-ip is <public address>/<own address>"
        raise WrongField(place.resource.name, place.path, expected) from None
    for public, _ in told:
        if not _is_public(public):
            message = f"external-ip tells callers {public}, which nobody beyond its own site reaches"
            yield Finding(place.resource.name, message, "give the address that the Internet reaches the machine by")
    hosts = _hosts(stack, servers)
    machines = min((len(set(addresses)) for addresses in zip(*told, strict=True)), default=hosts)
    if machines < hosts:
        message = f"{machines} machines have a public address by external-ip; a relay may stand on any of {hosts}"
        yield Finding(place.resource.name, message, "set external-ip for every machine of its pool", hosts, machines, "machines")


def _leads_out(stack: Stack, servers: Resource) -> Iterator[Finding]:
    """Yield what callers would reach by it that is not the Internet's: whoever has a call may send to its peers."""
    place = configuration(stack, servers, "turnserver.conf")
    found = directives(place, "=")
    if left := reached(place, found):
        more = f" and {len(left) - _SHOWN} ranges more" if len(left) > _SHOWN else ""
        message = f"callers reach {', '.join(left[:_SHOWN])}{more} through it, where the cluster and its machines are"
        yield Finding(place.resource.name, message, "deny them by denied-peer-ip; media servers there by allowed-peer-ip")
    if own := opened(place, found):
        message = f"it relays to the machine that it stands on: {', '.join(own)}"
        yield Finding(place.resource.name, message, "allow media servers alone, by their own addresses")


def _hosts(stack: Stack, servers: Resource) -> int:
    """Return the machines on which a relay may stand: those of its pool, and never fewer than there are relays."""
    selector = pod_of(servers).get("nodeSelector")
    pool = selector and selector.get("headroom.dev/pool")
    nodes = (field(one, "nodes").count() for one in stack.of_type(POOL) if pool and field(one, "pool").text() == pool.text())
    return max(field(servers, "spec.replicas").count(), sum(nodes))


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    return address.is_global or any(address in network for network in _EXAMPLES)


def relays(stack: Stack, servers: Resource, demand: Demand) -> Part:
    """Return the relays against the sessions of the fleet."""
    share = annotation(servers, "relayed-share").number()
    calls, bound = _calls_of_one(stack, servers)
    left = remaining(servers)
    held = left * calls / share * demand.kept.safe_utilisation if share else 0.0
    enough = field(servers, "spec.replicas").count() + 1
    return Part(
        resource=servers.name,
        what="the calls that must be relayed are those of",
        unit="sessions",
        asked=demand.sessions,
        provided=lambda _day: held,
        holds=f"{left} relays left x {calls} calls by {bound} / {share:.3g} relayed x {demand.kept.safe_utilisation:g} safe",
        remedy=f"take at least {enough} servers, or more ports and bandwidth on each",
        lead_seconds=annotation(servers, "lead-seconds").number(),
    )


def _calls_of_one(stack: Stack, servers: Resource) -> tuple[int, str]:
    place = configuration(stack, servers, "turnserver.conf")
    found = directives(place, "=")
    first, last, quota, bytes_a_second = (
        size(place, name, the_one(place, found, name)) for name in ("min-port", "max-port", "total-quota", "bps-capacity")
    )
    if not 0 < first <= last < 2**16:
        raise WrongField(servers.name, place.path, "a configuration with min-port up to max-port")
    each_call = annotation(servers, "ports-per-relayed").count(at_least=1)
    bits = annotation(servers, "bits-per-relayed").number()
    files = whole(open_files(servers, "turn") / _FILES)
    bounds = {"its ports": (last - first + 1) // each_call, "its open files": files // each_call}
    if quota:
        bounds["total-quota"] = quota // each_call
    if bytes_a_second:
        bounds["bps-capacity"] = whole(bytes_a_second * _BITS / bits) if bits else 0
    least = min(bounds, key=lambda name: bounds[name])
    return bounds[least], least


RULES = (
    Rule(
        name="turn-ports-cover-burst",
        condition="With as many relays gone as must be survived, ports, bandwidth, open files and quota carry what is relayed "
        "of all required sessions; one call has its bandwidth and its ports; nobody else is relayed, and nobody to private or "
        "special addresses but those of allowed-peer-ip; where callers are told public addresses, every machine that a relay "
        "may stand on has one that the Internet reaches.",
        why="Beyond its ports a relay answers 508: the call rings, connects, and is silent.",
        reads="Deployments of kind `turn`: replicas, open files, `turnserver.conf`, and the claims `survive`, `relayed-share`, "
        "`ports-per-relayed`, `bits-per-relayed`; the nodes of their pool; the lock.",
        remedy="More relays, a wider range of ports, or more bandwidth.",
        check=_turn_ports_cover_burst,
    ),
)
