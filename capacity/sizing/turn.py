"""TURN relays: relay ports and bandwidth of the calls whose media cannot go straight."""

from typing import Self

from pydantic import Field, model_validator

from capacity.figures import Source
from capacity.sizing.claims import said
from capacity.sizing.result import Limit, Sizing, counted, hard_for, raised, sized, whole_up
from capacity.units import Amount, PositiveAmount

COTURN_FIRST_PORT, COTURN_LAST_PORT = 49152, 65535
"""coturn's own range, docs/multiplex-peer.md and turnserver.conf; read in October 2026. One port is one allocation."""


class Relay(Source):
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

    @model_validator(mode="after")
    def _ports_in_order(self) -> Self:
        if self.first_port > self.last_port:
            raise ValueError(f"first_port {self.first_port} is above last_port {self.last_port}")
        if self.calls_per_server == 0:
            raise ValueError(
                f"a server of {self.ports} ports, {self.bandwidth} bit/s and a quota of {self.total_quota} relays no call: "
                f"one needs {self.ports_per_relayed} ports and {self.bits_per_relayed} bit/s"
            )
        return self

    @property
    def ports(self) -> int:
        """Relay ports of one server."""
        return self.last_port - self.first_port + 1

    @property
    def calls_per_server(self) -> int:
        """Relayed calls of one server, at 100% of its tightest limit."""
        quota = self.total_quota or self.ports
        return min(min(quota, self.ports) // self.ports_per_relayed, self.bandwidth // self.bits_per_relayed)


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
