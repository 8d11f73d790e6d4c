"""Request rates of Durable Objects (S24): the object of a call's frames, and the one that admits a tenant's calls."""

from pydantic import Field

from capacity.figures import Source
from capacity.sizing.claims import GATHERED, Rate, said
from capacity.sizing.result import Limit, Sizing, lasting, load, raised, sized, whole
from capacity.units import Seconds

CLOUDFLARE_OBJECT = Rate(
    value=500,
    basis="declared",
    source="Cloudflare Durable Objects, rules and limits: 1,000 requests a second at most, 200-500 with storage writes",
    date=GATHERED,
)


class SessionObject(Source):
    """The object that carries the frames of calls."""

    frame: Seconds
    """Audio in one message: 20 ms is 50 messages a second; Cloudflare advises 50 to 100 ms."""
    sessions: int = Field(default=1, gt=0)
    """Calls that one object carries. One is right: the object then fails alone."""
    requests_per_second: Rate = CLOUDFLARE_OBJECT


class AdmissionGate(Source):
    """The object that counts the calls of one tenant."""

    heartbeat: Seconds
    """How often a call renews its lease."""
    missed: int = Field(default=3, ge=2)
    """Heartbeats that may fail before the lease of a call is gone, and the call with it."""
    requests_per_call: int = Field(default=2, gt=0)
    """To take the lease and to give it back."""
    requests_per_second: Rate = CLOUDFLARE_OBJECT

    @property
    def lease_seconds(self) -> float:
        """How long a lease stands without being renewed."""
        return self.missed * self.heartbeat


def size_session_object(holder: SessionObject, *, safe_utilisation: float, scope: str = "session_object") -> Sizing:
    """Return the messages a second that one object takes, against those of the calls that it carries.

    Its load is configuration: messages a second = calls / frame length.

    Raises:
        ValueError: the safe utilisation is not above 0 and at most 1.
    """
    taken = holder.requests_per_second
    required = holder.sessions / holder.frame
    fits = whole(taken.value * safe_utilisation * holder.frame)
    if fits:
        remedy = f"lower {scope}.sessions from {holder.sessions} to {fits}"
    else:
        remedy = raised(f"{scope}.frame", holder.frame, 1 / (taken.value * safe_utilisation), lasting)
    limit = Limit("requests", taken.value, f"{taken.value:g} requests a second of one object", said(taken), remedy)
    return sized("session object", scope, "messages a second", required, [limit], safe_utilisation=safe_utilisation)


def size_admission_gate(
    gate: AdmissionGate, *, leases: float, starts_per_second: float, safe_utilisation: float, scope: str = "admission_gate"
) -> Sizing:
    """Return the requests a second that a tenant's gate takes, against those of its calls.

    Requests = leases / heartbeat + starts x 2. The load is that of the largest tenant, for each has a gate of its own.

    Raises:
        ValueError: a load is negative or not finite.
    """
    required = gate_requests(gate, leases, starts_per_second)
    taken = gate.requests_per_second
    room = taken.value * safe_utilisation - starts_per_second * gate.requests_per_call
    if room > 0:
        remedy = raised(f"{scope}.heartbeat", gate.heartbeat, leases / room, lasting)
    else:
        remedy = "split the tenant's calls over several gates, each with its part of the cap: its starts alone are too many"
    limit = Limit(
        "requests",
        taken.value,
        f"{taken.value:g} requests a second of one object; {leases:,.6g} leases / {gate.heartbeat:g} s + "
        f"{starts_per_second:g} starts a second x {gate.requests_per_call}",
        said(taken),
        remedy,
    )
    return sized("admission gate", scope, "requests a second", required, [limit], safe_utilisation=safe_utilisation)


def gate_requests(gate: AdmissionGate, leases: float, starts_per_second: float) -> float:
    """Return the requests a second that a tenant's calls make of its gate.

    Raises:
        ValueError: a load is negative or not finite.
    """
    renewals = load("leases", leases) / gate.heartbeat
    return renewals + load("starts_per_second", starts_per_second) * gate.requests_per_call
