"""Request rates of Durable Objects (S24): the object of a call's frames, and those that admit calls."""

from pydantic import Field

from capacity.figures import Source
from capacity.sizing.claims import GATHERED, Rate, said
from capacity.sizing.poisson import UNLIKELY, poisson_quantile
from capacity.sizing.result import Limit, Sizing, counted, lasting, load, raised, sized, whole, whole_up
from capacity.units import Seconds

CLOUDFLARE_OBJECT = Rate(
    value=500,
    basis="declared",
    source="Cloudflare Durable Objects, rules and limits: 1,000 requests a second at most, 200-500 with storage writes",
    date=GATHERED,
)


PARTS = ("reserved", "shared")
"""Of a vertical's places: set aside for guarantees, or for whoever comes."""


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

    @property
    def loan_seconds(self) -> float:
        """How long a vertical's ledger lends places to a shard.

        No call's lease may outlive the loan that it is counted against. A shard looks at its loans every heartbeat and renews
        those that are half over, so that a lease's time is left of each at the next look.
        """
        return 2 * (self.lease_seconds + self.heartbeat)


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


def pool_shards(gate: AdmissionGate, leases: float, starts_per_second: float, safe_utilisation: float) -> int:
    """Return how many objects must count the calls of one vertical for each to answer safely; at least 1.

    Raises:
        ValueError: a load is negative or not finite.
    """
    fits = gate.requests_per_second.value * safe_utilisation
    return max(1, whole_up(gate_requests(gate, leases, starts_per_second) / fits))


def pool_block(starts_per_second: float, shards: int) -> int:
    """Return how many places a shard keeps beside those that calls hold.

    What hardly ever starts on it in a second, so that calls find a place there while it asks the ledger for more; at least 1.

    Raises:
        ValueError: the load is negative or not finite.
    """
    return max(1, poisson_quantile(load("starts_per_second", starts_per_second) / shards, UNLIKELY))


def ledger_requests(gate: AdmissionGate, starts_per_second: float, shards: int, block: int) -> float:
    """Return the requests a second that the shards of one vertical make of its ledger, at most.

    Each renews two loans when they are half over, and borrows again, or gives back, after half a block of starts or of ends.

    Raises:
        ValueError: the load is negative or not finite.
    """
    renewals = shards * len(PARTS) / (gate.loan_seconds / 2)
    return renewals + 2 * load("starts_per_second", starts_per_second) / max(1.0, block / 2)


def size_pool(
    gate: AdmissionGate,
    *,
    leases: float,
    starts_per_second: float,
    shards: int,
    block: int,
    safe_utilisation: float,
    scope: str = "admission_gate",
) -> Sizing:
    """Return the requests a second that a vertical's pool takes, against those of all its calls.

    The shards share them evenly, as far as ids of calls do; the ledger binds where they are very many.

    Raises:
        ValueError: a load is negative or not finite.
    """
    required, taken = gate_requests(gate, leases, starts_per_second), gate.requests_per_second
    needed = pool_shards(gate, leases, starts_per_second, safe_utilisation)
    asked = ledger_requests(gate, starts_per_second, shards, block)
    room = taken.value * safe_utilisation
    limits = [
        Limit(
            "shards",
            shards * taken.value,
            f"{shards} shards x {taken.value:g} requests a second of one object; {leases:,.6g} leases / {gate.heartbeat:g} s + "
            f"{starts_per_second:g} starts a second x {gate.requests_per_call}",
            said(taken),
            raised(f"{scope}.shards", shards, needed, counted),
        ),
        Limit(
            "ledger",
            required * taken.value / asked,
            f"{taken.value:g} requests a second of one object, {asked:,.4g} of {shards} shards at {required:,.4g} of their own",
            said(taken),
            "divide the vertical: its places are lent out too often" if asked > room else "",
        ),
    ]
    return sized("admission pool", scope, "requests a second", required, limits, safe_utilisation=safe_utilisation)


def gate_requests(gate: AdmissionGate, leases: float, starts_per_second: float) -> float:
    """Return the requests a second that a tenant's calls make of its gate.

    Raises:
        ValueError: a load is negative or not finite.
    """
    renewals = load("leases", leases) / gate.heartbeat
    return renewals + load("starts_per_second", starts_per_second) * gate.requests_per_call
