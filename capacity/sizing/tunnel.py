"""Replicas of a Cloudflare Tunnel (S9): each must carry all sessions, for traffic goes to the closest and not to the idlest."""

from collections.abc import Iterator

from pydantic import Field

from capacity.figures import Source
from capacity.shortfall import Shortfall
from capacity.sizing.claims import GATHERED, LongLead, said
from capacity.sizing.pods import PodSize, Probes, pod_size
from capacity.sizing.result import Limit, Sizing, counted, hard_for, raised, sized, whole, whole_up
from capacity.units import PositiveAmount, Seconds


class TunnelLimits(Source):
    """What the vendor lets one tunnel have, and asks of its hosts."""

    most_replicas: int = Field(gt=0)
    ports: PositiveAmount
    """Local ports of one replica, with the range that the vendor advises."""
    least_descriptors: PositiveAmount
    most_grace: Seconds
    """The longest that a replica waits for its connections when it is told to stop."""
    connections: int = Field(default=4, gt=0)
    """That each replica opens to the vendor."""


CLOUDFLARE_TUNNEL = TunnelLimits.model_validate(
    {
        "most_replicas": 25,
        "ports": 50_000,
        "least_descriptors": 70_000,
        "most_grace": "180s",
        "basis": "declared",
        "source": "Cloudflare docs: tunnel configuration, capacity baseline, ulimits, ports; cloudflared: MaxGracePeriod",
        "date": GATHERED,
    }
)

LOOSE = Probes.model_validate({"port": 2000, "dead": "10m"})
LEAST_REPLICAS = 2
"""One replica alone is gone with its node."""


class Tunnel(LongLead):
    """The tunnels of an environment."""

    tunnels: int = Field(default=1, gt=0)
    """Tunnels behind a load balancer, each with replicas of its own; sessions spread evenly over them."""
    replicas: int = Field(gt=0)
    """Of each tunnel. More of them survive more losses; they carry no more sessions."""
    descriptors: PositiveAmount
    """Open files allowed to one replica."""
    ports_per_session: int = Field(default=1, gt=0)
    """Connections from a replica to the service."""
    descriptors_per_session: int = Field(default=2, gt=0)
    grace: Seconds
    """terminationGracePeriodSeconds of the replicas."""
    pod: PodSize = pod_size("4", "4GB")
    """Of one replica: what the vendor's capacity baseline gives to a host."""
    probes: Probes = LOOSE
    """/ready answers while it has a connection to the edge. A restart for want of one would cut calls that still run."""
    limits: TunnelLimits = CLOUDFLARE_TUNNEL


def size_tunnel(tunnel: Tunnel, *, sessions: float, safe_utilisation: float, scope: str = "tunnel") -> Sizing:
    """Return the sessions that the tunnels carry: those of one replica of each.

    Replicas are not divided into: when all but one are gone or far away, that one carries everything.

    Raises:
        ValueError: the load is negative or not finite.
    """
    hard_for("sessions", sessions, safe_utilisation)
    by_ports = tunnel.limits.ports // tunnel.ports_per_session
    by_descriptors = tunnel.descriptors // tunnel.descriptors_per_session
    one = whole(min(by_ports, by_descriptors) * safe_utilisation)
    needed = whole_up(sessions / one) if one else 0
    remedy = raised(f"{scope}.tunnels", tunnel.tunnels, needed, counted)
    limits = [
        Limit(
            "ports",
            tunnel.tunnels * by_ports,
            f"{tunnel.limits.ports} ports / {tunnel.ports_per_session} a session x {tunnel.tunnels} tunnels",
            said(tunnel.limits),
            remedy,
        ),
        Limit(
            "descriptors",
            tunnel.tunnels * by_descriptors,
            f"{tunnel.descriptors} files / {tunnel.descriptors_per_session} a session x {tunnel.tunnels} tunnels",
            said(tunnel),
            remedy,
        ),
    ]
    return sized(
        "tunnel",
        scope,
        "sessions",
        sessions,
        limits,
        safe_utilisation=safe_utilisation,
        parts=tunnel.tunnels,
        breaches=_breaches(tunnel, scope),
    )


def _breaches(tunnel: Tunnel, scope: str) -> Iterator[Shortfall]:
    allowed = tunnel.limits
    if tunnel.replicas < LEAST_REPLICAS:
        yield Shortfall(
            "tunnel",
            scope,
            LEAST_REPLICAS,
            tunnel.replicas,
            "replicas",
            "one replica alone is gone with its node, and all calls with it",
            raised(f"{scope}.replicas", tunnel.replicas, LEAST_REPLICAS),
        )
    if tunnel.replicas > allowed.most_replicas:
        yield Shortfall(
            "tunnel",
            scope,
            tunnel.replicas,
            allowed.most_replicas,
            "replicas",
            f"one tunnel has at most {allowed.most_replicas} replicas",
            f"lower {scope}.replicas from {tunnel.replicas} to {allowed.most_replicas}",
        )
    if tunnel.descriptors < allowed.least_descriptors:
        yield Shortfall(
            "tunnel",
            scope,
            allowed.least_descriptors,
            tunnel.descriptors,
            "open files",
            f"the vendor asks for {allowed.least_descriptors} open files on a tunnel's host",
            raised(f"{scope}.descriptors", tunnel.descriptors, allowed.least_descriptors, counted),
        )
    if tunnel.grace <= allowed.most_grace:
        yield Shortfall(
            "tunnel",
            scope,
            allowed.most_grace,
            tunnel.grace,
            "seconds",
            f"a stopping replica waits up to {allowed.most_grace:g} s for its calls; the pod must outlive that",
            f"raise {scope}.grace from {tunnel.grace:g}s to {allowed.most_grace + 1:g}s",
        )
