"""TURN relays: relay ports and bandwidth of the calls whose media cannot go straight."""

from ipaddress import IPv4Address, ip_network
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from capacity.figures import Name
from capacity.sizing.claims import LongLead, said
from capacity.sizing.pods import PodSize, Port, pod_size
from capacity.sizing.result import Limit, Sizing, counted, hard_for, raised, sized, whole_up
from capacity.units import Amount, PositiveAmount, Seconds

DESCRIPTORS = 2
"""Of one allocation."""
COTURN_FIRST_PORT, COTURN_LAST_PORT = 49152, 65535
"""coturn's own range, docs/multiplex-peer.md and turnserver.conf; read in October 2026. One port is one allocation."""

_WITHIN = (
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24"),
    *("192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/4", "240.0.0.0/4"),
    *("::1/128", "::ffff:0:0/96", "64:ff9b::/96", "fc00::/7", "fe80::/10", "ff00::/8"),
)
"""What no address of the Internet is in, by IANA's registries of special-purpose addresses (RFC 6890): a cluster's pods and
services, its neighbours, the machine itself and its metadata service are all among them. :: coturn denies itself."""


def _network(text: str) -> str:
    network = ip_network(text)
    if str(network[0]) == "::":
        raise ValueError(
            f"coturn reads a range that begins with :: as one without a beginning: {network} would be all of IPv4 too"
        )
    return str(network)


def _address(text: str) -> str:
    return str(IPv4Address(text))


Network = Annotated[str, AfterValidator(_network)]
"""A range of addresses such as 10.0.0.0/8."""
Address = Annotated[str, AfterValidator(_address)]
"""An IPv4 address."""


class Relay(LongLead):
    """TURN servers; the relayed share and the bandwidth of a call are claimed, the rest is configuration."""

    servers: int = Field(gt=0)
    survive: int = Field(default=1, ge=0)
    """Servers that may be gone while the load is still held."""
    first_port: int = Field(default=COTURN_FIRST_PORT, ge=1024, le=65535)
    last_port: int = Field(default=COTURN_LAST_PORT, ge=1024, le=65535)
    relayed_share: float = Field(gt=0, le=1)
    """Of the calls, those whose media must be relayed."""
    ports_per_relayed: int = Field(default=2, gt=0)
    """Allocations of one relayed call."""
    bits_per_relayed: PositiveAmount = 200_000
    """A second, sent out by the server: 0.1 Mbit in each of the two directions."""
    bandwidth: PositiveAmount
    """Bits a second that a server sends."""
    total_quota: Amount = 0
    """coturn's total-quota, allocations of one server; 0 is no limit but the ports."""
    user_quota: Amount = 0
    """Allocations of one user on one server; 0 is no limit."""
    descriptors: PositiveAmount = 65536
    """Open files allowed to a server; it takes two for an allocation (coturn says so when it starts)."""
    listening_port: Port = 3478
    metrics_port: Port = 9641
    realm: str = Field(default="headroom", pattern=r"^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$")
    """Of its users. Their names say until when they hold, their passwords are made with the secret that an operator gives."""
    nonce: Seconds = 600.0
    """After it a client must ask anew."""
    denied_peers: tuple[Network, ...] = _WITHIN
    """Nothing is relayed to these. What is left out of the list can be reached from the Internet through the relay."""
    allowed_peers: tuple[Network, ...] = ()
    """Exceptions: media servers on addresses that are denied otherwise."""
    public_addresses: dict[Address, Address] = Field(default_factory=dict)
    """Where machines do not carry their public addresses themselves: of each of the pool, its own address and the public one.
    One that does carry it is told that as its own."""
    region: Name | None = None
    """Where the servers stand; GPUs that speak with callers should stand there too. Left out: nothing is said of it."""
    tls: bool = False
    """Whether it is spoken to by TLS and DTLS too, with the certificate that an operator puts beside it."""
    tls_port: Port = 5349
    drain: Seconds = 3600.0
    """How long a server that is to go is left to the calls that it relays; new ones go to the others."""
    pod: PodSize = pod_size("2", "2Gi")

    @property
    def grace_seconds(self) -> int:
        """Seconds from the signal to end until a server is killed."""
        return whole_up(self.drain) + 30

    @property
    def bytes_per_allocation(self) -> int:
        """What max-bps is: bytes a second of one allocation, each way."""
        return max(1, self.bits_per_relayed // self.ports_per_relayed // 8)

    @model_validator(mode="after")
    def _ports_in_order(self) -> Self:
        if self.first_port > self.last_port:
            raise ValueError(f"first_port {self.first_port} is above last_port {self.last_port}")
        own = {"listening_port": self.listening_port, "metrics_port": self.metrics_port, "tls_port": self.tls_port}
        for name, port in own.items():
            if self.first_port <= port <= self.last_port:
                raise ValueError(f"{name} {port} is one of the relay's ports, {self.first_port}-{self.last_port}")
        if 0 < self.user_quota < self.ports_per_relayed:
            raise ValueError(f"user_quota {self.user_quota} is less than the {self.ports_per_relayed} ports of one call")
        if self.calls_per_server == 0:
            raise ValueError(
                f"a server of {self.ports} ports, {self.descriptors} descriptors, {self.bandwidth} bit/s and a quota of "
                f"{self.total_quota} relays no call: one needs {self.ports_per_relayed} ports and {self.bits_per_relayed} bit/s"
            )
        return self

    @property
    def allocations(self) -> int:
        """Allocations of one server: a port and two descriptors each."""
        return min(self.ports, self.descriptors // DESCRIPTORS)

    @property
    def ports(self) -> int:
        """Relay ports of one server."""
        return self.last_port - self.first_port + 1

    @property
    def calls_per_server(self) -> int:
        """Relayed calls of one server, at 100% of its tightest limit."""
        quota = self.total_quota or self.allocations
        return min(min(quota, self.allocations) // self.ports_per_relayed, self.bandwidth // self.bits_per_relayed)


def size_turn(relay: Relay, *, sessions: float, safe_utilisation: float, scope: str = "turn") -> Sizing:
    """Return the sessions whose relayed part the servers carry with as many gone as they must survive.

    Ports >= 2 x relayed calls, and bandwidth >= relayed calls x bits; the burst is in `sessions` already. Beyond the ports a
    server answers 508, beyond the quota 486.

    Raises:
        ValueError: the load is negative or not finite.
    """
    target = hard_for("sessions", sessions, safe_utilisation)
    left = max(0, relay.servers - relay.survive)
    needed = whole_up(target * relay.relayed_share / relay.calls_per_server) + relay.survive if sessions else relay.servers
    remedy = raised(f"{scope}.servers", relay.servers, needed, counted)
    per_call = relay.ports_per_relayed
    bounds = [
        ("ports", relay.ports // per_call, f"{relay.ports} ports / {per_call}"),
        ("bandwidth", relay.bandwidth // relay.bits_per_relayed, f"{relay.bandwidth} bit/s / {relay.bits_per_relayed} bit/s"),
    ]
    if relay.descriptors // DESCRIPTORS < relay.ports:
        files = f"{relay.descriptors} descriptors / {DESCRIPTORS} an allocation / {per_call}"
        bounds.append(("descriptors", relay.descriptors // DESCRIPTORS // per_call, files))
    if relay.total_quota:
        bounds.append(("quota", relay.total_quota // per_call, f"{relay.total_quota} allocations / {per_call}"))
    limits = [
        Limit(
            name,
            left * calls / relay.relayed_share,
            f"{formula} a call x {left} servers left / {relay.relayed_share:.0%} relayed",
            said(relay),
            remedy,
        )
        for name, calls, formula in bounds
    ]
    return sized("turn", scope, "sessions", sessions, limits, safe_utilisation=safe_utilisation)
