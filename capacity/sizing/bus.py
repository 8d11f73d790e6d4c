"""The message bus (S11): messages, connections and storage of a NATS cluster that has lost a server."""

from collections.abc import Iterator

from pydantic import Field

from capacity.figures import Name, Source
from capacity.shortfall import Shortfall
from capacity.sizing.claims import GATHERED, Bytes, Count, Span, said
from capacity.sizing.exporter import EXPORTER, Exporter
from capacity.sizing.pods import PodSize, pod_size
from capacity.sizing.result import (
    Limit,
    Sizing,
    counted,
    hard_for,
    raised,
    raised_size,
    sized,
    together,
    whole,
    whole_up,
)
from capacity.units import PositiveAmount, PositiveSize, Seconds

NATS_CONNECTIONS = Count(value=65536, basis="declared", source="NATS configuration: max_connections 64K", date=GATHERED)
NATS_PAYLOAD = Bytes.model_validate(
    {"value": "1MiB", "basis": "declared", "source": "NATS configuration: max_payload 1MB", "date": GATHERED}
)
NATS_MESSAGES = Count(
    value=33_333,
    basis="declared",
    source="NATS installation guide: a third of the 100,000 of three servers (1 core, 256 MiB), file streams with 3 replicas",
    date=GATHERED,
)


NATS_LAME_DUCK = Span.model_validate(
    {"value": "120s", "basis": "declared", "source": "NATS configuration: lame_duck_duration 2m", "date": GATHERED}
)
NATS_LAME_DUCK_GRACE = Span.model_validate(
    {"value": "10s", "basis": "declared", "source": "NATS configuration: lame_duck_grace_period 10s", "date": GATHERED}
)
COMPACTED_AT = 2
"""A stream's block on disk is compacted once less than half of it is alive (nats-server, filestore.go)."""
GO_HEAP_SHARE = 0.8
"""GOMEMLIMIT as a share of a container's memory (NATS Helm chart, README)."""


class Account(Source):
    """What the account of one vertical may use of the whole cluster, whichever server it is on.

    Every vertical on the bus has an account of its own with these limits; each is held against the calls of all of them.
    """

    connections: PositiveAmount
    """max_conn."""
    storage: PositiveSize
    """Of its streams, replicas counted apart."""


class BusSection(Source):
    """A NATS cluster and what a call puts on it; messages and sizes are claimed, the rest is configuration."""

    servers: int = Field(default=3, gt=0)
    survive: int = Field(default=1, ge=0)
    """Servers that may be gone while the load is still held."""
    replicas: int = Field(default=3, gt=0)
    """Copies of a stream's message."""
    messages: Count = NATS_MESSAGES
    """Messages a second that a server adds, measured with its streams' replicas."""
    connections: Count = NATS_CONNECTIONS
    """Of one server."""
    max_payload: Bytes = NATS_PAYLOAD
    account: Account
    messages_per_session: float = Field(gt=0)
    """A second, in both directions: a frame of 20 ms is 50."""
    message: PositiveSize
    """The largest message."""
    cap_per_session: PositiveAmount
    """max_msgs_per_subject of the stream that has one subject a call: messages that wait for their reader."""
    reader_stall: Seconds
    """The longest time in which a call's reader takes nothing; what comes meanwhile must stay below the cap."""
    deduplication: Seconds = 30.0
    """duplicate_window: within it a message that is sent again under its id is kept once. A dead leader is replaced in 5-6 s."""
    lame_duck: Span = NATS_LAME_DUCK
    """How long a server that is to go takes to send its clients to the others."""
    lame_duck_grace: Span = NATS_LAME_DUCK_GRACE
    """How long it waits before it begins."""
    pod: PodSize = pod_size("2", "8Gi")
    """Of one server; the NATS Helm chart's least for production."""
    exporter: Exporter = EXPORTER
    storage_class: Name = "local-path"
    """Of a server's disk. The servers keep the copies: a local disk will do, NFS will not. k3s brings this one."""

    @property
    def grace_seconds(self) -> int:
        """Seconds from the signal to end until a server is killed: its lame duck time, and half a minute to write."""
        return whole_up(self.lame_duck.value + self.lame_duck_grace.value) + 30

    @property
    def heap(self) -> int:
        """GOMEMLIMIT of a server, in bytes."""
        return whole(self.pod.memory * GO_HEAP_SHARE)

    @property
    def stream_bytes(self) -> int:
        """What the streams of one account hold, copies not counted."""
        return self.account.storage // self.replicas

    def store(self, accounts: int) -> int:
        """Return max_file_store of a server that may hold a copy of every stream of so many accounts, in bytes."""
        return self.stream_bytes * accounts

    def disk(self, accounts: int) -> int:
        """Return the disk of a server, in bytes: blocks keep what is deleted until they are compacted."""
        return self.store(accounts) * COMPACTED_AT


class Bus(BusSection):
    """The cluster and the pods that speak on it."""

    sessions_per_pod: int = Field(gt=0)
    connections_per_pod: int = Field(gt=0)
    """One for each container that talks to the bus."""


def size_bus(bus: Bus, *, sessions: float, safe_utilisation: float, scope: str = "bus") -> Sizing:
    """Return the sessions that the bus carries with as many servers gone as it must survive.

    Messages and connections are those of the servers left; an account's limits count over all of them. A call that fills its
    subject loses messages (discard new), so cap >= messages a second x the reader's stall; a stream needs most of its replicas.

    Raises:
        ValueError: the load is negative or not finite.
    """
    target = hard_for("sessions", sessions, safe_utilisation)
    left = max(0, bus.servers - bus.survive)
    pod = f"{bus.connections_per_pod} a pod x {bus.sessions_per_pod} sessions a pod"
    connections = whole_up(target / bus.sessions_per_pod) * bus.connections_per_pod
    servers = max(_servers_for_quorum(bus), whole_up(target * bus.messages_per_session / bus.messages.value) + bus.survive)
    spread = max(bus.servers, servers) - bus.survive
    limits = [
        Limit(
            "messages",
            bus.messages.value * left / bus.messages_per_session,
            f"{bus.messages.value} messages a second x {left} servers left / {bus.messages_per_session:g} a session",
            said(bus, bus.messages),
            raised(f"{scope}.servers", bus.servers, servers, counted),
        ),
        Limit(
            "connections",
            _sessions_connected(bus, bus.connections.value * left),
            f"{bus.connections.value} x {left} servers left / {pod}",
            said(bus, bus.connections),
            raised(f"{scope}.connections.value", bus.connections.value, whole_up(connections / spread), counted),
        ),
        Limit(
            "account connections",
            _sessions_connected(bus, bus.account.connections),
            f"{bus.account.connections} / {pod}",
            said(bus.account),
            raised(f"{scope}.account.connections", bus.account.connections, connections, counted),
        ),
        _storage(bus, target, scope),
    ]
    return sized(
        "bus",
        scope,
        "sessions",
        sessions,
        limits,
        safe_utilisation=safe_utilisation,
        breaches=_breaches(bus, left, servers, scope),
    )


def _sessions_connected(bus: Bus, connections: float) -> int:
    return whole(connections / bus.connections_per_pod) * bus.sessions_per_pod


def _storage(bus: Bus, target: float, scope: str) -> Limit:
    each = bus.cap_per_session * bus.message * bus.replicas
    return Limit(
        "account storage",
        bus.account.storage / each,
        f"{bus.account.storage / 1e6:,.1f} MB / ({bus.cap_per_session} messages x {bus.message} B x {bus.replicas} replicas) "
        "a session",
        said(bus.account),
        raised_size(f"{scope}.account.storage", bus.account.storage, whole_up(target * each)),
    )


def _servers_for_quorum(bus: Bus) -> int:
    """Return the least servers that keep most replicas of a stream with as many gone as must be survived."""
    return max(bus.replicas, 2 * bus.survive + 1)


def _breaches(bus: Bus, left: int, servers: int, scope: str) -> Iterator[Shortfall]:
    quorum = bus.replicas // 2 + 1
    # With more servers than replicas any of them may be the ones that are gone.
    alive = max(0, min(left, bus.replicas - bus.survive))
    if bus.servers < bus.replicas or alive < quorum:
        remedies = (
            raised(f"{scope}.servers", bus.servers, servers, counted),
            raised(f"{scope}.replicas", bus.replicas, _servers_for_quorum(bus), counted),
        )
        reason = (
            f"{bus.servers} servers keep {bus.replicas} replicas of a stream; with {bus.survive} gone {alive} are left, "
            f"and it needs {quorum} of {bus.replicas}"
        )
        yield Shortfall("bus", scope, quorum, alive, "replicas", reason, together(remedies))
    waiting = whole_up(bus.messages_per_session * bus.reader_stall)
    if bus.cap_per_session < waiting:
        yield Shortfall(
            "bus",
            scope,
            waiting,
            bus.cap_per_session,
            "messages a call",
            f"a reader that stalls for {bus.reader_stall:g} s leaves {waiting} messages waiting, its subject keeps "
            f"{bus.cap_per_session} and refuses the rest",
            raised(f"{scope}.cap_per_session", bus.cap_per_session, waiting, counted),
        )
    if bus.message > bus.max_payload.value:
        yield Shortfall(
            "bus",
            scope,
            bus.message,
            bus.max_payload.value,
            "bytes",
            f"a message of {bus.message} B is above max_payload {bus.max_payload.value} B: the server closes the connection",
            raised_size(f"{scope}.max_payload.value", bus.max_payload.value, bus.message),
        )
