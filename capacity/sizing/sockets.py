"""Open files, listen backlog, connection tracking and ephemeral ports of one node (S6)."""

from typing import Self

from pydantic import Field, model_validator

from capacity.figures import Source
from capacity.sizing.claims import GATHERED, Count, Span, said
from capacity.sizing.poisson import UNLIKELY, poisson_mean, poisson_quantile
from capacity.sizing.result import Limit, Sizing, counted, hard_for, load, raised, sized, together, whole, whole_up
from capacity.units import PositiveAmount, Seconds

UVICORN_BACKLOG = Count(value=2048, basis="declared", source="uvicorn 0.35, docs/settings.md: --backlog", date=GATHERED)
LINUX_SOMAXCONN = Count(value=4096, source="net.core.somaxconn since Linux 5.4", date=GATHERED)
LINUX_TRACKED_AFTER = Span.model_validate(
    {"value": "120s", "source": "nf_conntrack_tcp_timeout_time_wait, Linux default", "date": GATHERED}
)
LINUX_TIME_WAIT = Span.model_validate({"value": "60s", "source": "TCP_TIMEWAIT_LEN, a constant of Linux", "date": GATHERED})
DESCRIPTOR_RESERVE = 1.5
"""Open files kept per open file needed: sockets in TIME_WAIT, log files and reconnects count too (docs/capacity.md)."""
PORTS_AT_MOST = 65535 - 1024
"""Ports above the privileged ones: 16 bits of TCP leave no more."""


class OutboundPorts(Source):
    """What sessions open towards the one destination that most of them share."""

    per_session: int = Field(default=1, gt=0)
    """Connections to it."""
    ports: PositiveAmount = 60999 - 32768 + 1
    """Width of net.ipv4.ip_local_port_range; the default is that of Linux."""
    addresses: int = Field(default=1, gt=0)
    """Addresses that connections leave from; each has all ports."""
    time_wait: Span = LINUX_TIME_WAIT
    """How long a port stays taken after its connection."""


class SocketsSection(Source):
    """The sockets of one node, but for what the spec of its pods says."""

    descriptor_reserve: float = Field(default=DESCRIPTOR_RESERVE, ge=1)
    """Open files kept per open file needed: lingering sockets, log files and reconnects count too."""
    stall: Seconds
    """The longest time in which nothing is accepted: a collection, a full event loop, a restart."""
    backlog: Count = UVICORN_BACKLOG
    """What the program asks of listen(2)."""
    somaxconn: Count = LINUX_SOMAXCONN
    """What the kernel grants of it."""
    tracked: PositiveAmount
    """nf_conntrack_max of the node."""
    tracked_per_session: int = Field(default=2, ge=2)
    """Connections of a session that pass the node's tracking: one in, one to the model."""
    tracked_after: Span = LINUX_TRACKED_AFTER
    """How long an entry stays after its connection."""
    outbound: OutboundPorts | None = None
    """Left out: sessions share no destination outside."""


class Sockets(SocketsSection):
    """The sockets of one node: its figures are those of the processes that hold the sessions."""

    workers: int = Field(gt=0)
    """Processes that share the node's sessions evenly: those of one pod, for each of the node's pods."""
    pods: int = Field(default=1, gt=0)
    """Pods on the node: each has open files and a listener of its own, tracking and ports are the node's."""
    descriptors: PositiveAmount = 65536
    """Open files allowed to one process."""
    descriptors_per_session: int = Field(default=6, gt=0)
    base_descriptors: int = Field(default=64, ge=0)

    @model_validator(mode="after")
    def _room_for_the_process(self) -> Self:
        if self.descriptors < self.base_descriptors:
            raise ValueError(f"descriptors {self.descriptors} are fewer than base_descriptors {self.base_descriptors}")
        return self


def size_sockets(
    sockets: Sockets,
    *,
    sessions: float,
    starts_per_second: float,
    safe_utilisation: float,
    scope: str = "sockets",
    pod_scope: str | None = None,
) -> Sizing:
    """Return the sessions that one node's sockets hold, where starts grow with the sessions.

    Per process: descriptors >= 1.5 x (sessions x files + base). Backlog >= the 99.9% quantile of Poisson(starts x stall).
    Tracking: entries >= starts x (duration + timeout), which by Little's law is sessions + starts x timeout; ports likewise.

    Args:
        sockets: The node.
        sessions: Sessions that it must hold.
        starts_per_second: Connections that come to it in a second, `with_reconnects` where it must take over another's.
        safe_utilisation: Share of the hard ceiling that may be planned on.
        scope: Path of `sockets` in its spec.
        pod_scope: Path of its pods' figures; None where they stand beside the others.

    Raises:
        ValueError: a load is negative or not finite, or sessions start although none is to be held.
    """
    target = hard_for("sessions", sessions, safe_utilisation)
    load("starts_per_second", starts_per_second)
    if starts_per_second and not sessions:
        raise ValueError(f"{starts_per_second:g} sessions start a second, but none is to be held")
    ratio = starts_per_second / sessions if sessions else 0.0
    limits = [_descriptors(sockets, target, pod_scope or scope), _tracking(sockets, target, ratio, scope)]
    if sockets.stall * ratio:  # not where so few starts underflow
        limits.append(_backlog(sockets, target, ratio, scope))
    if sockets.outbound is not None:
        limits.append(_ports(sockets.outbound, target, ratio, scope))
    return sized("sockets", scope, "sessions a node", sessions, limits, safe_utilisation=safe_utilisation)


def descriptors_needed(sockets: Sockets, sessions: float) -> int:
    """Return the open files that one process needs when its node holds some sessions, reserve included."""
    per_process = whole_up(sessions / (sockets.pods * sockets.workers))
    return whole_up(sockets.descriptor_reserve * (per_process * sockets.descriptors_per_session + sockets.base_descriptors))


def backlog_needed(starts_per_second: float, stall_seconds: float) -> int:
    """Return the listen backlog that a stall hardly ever overflows: the 99.9% quantile of the starts within it.

    >>> backlog_needed(100.0, 0.5)
    73
    """
    return poisson_quantile(starts_per_second * stall_seconds, UNLIKELY)


def with_reconnects(starts_per_second: float, lost_sessions: float, within_seconds: float) -> float:
    """Return the starts a second while the calls of something lost are offered again: lambda + c / w.

    Raises:
        ValueError: a load is negative or not finite, or the time not above 0.

    >>> with_reconnects(2.0, 300, 10.0)
    32.0
    """
    load("starts_per_second", starts_per_second)
    load("lost_sessions", lost_sessions)
    if not within_seconds > 0:
        raise ValueError(f"within_seconds must be above 0, got {within_seconds!r}")
    return starts_per_second + lost_sessions / within_seconds


def _pods(sockets: Sockets) -> str:
    return f"{sockets.pods} pods x " if sockets.pods > 1 else ""


def _descriptors(sockets: Sockets, target: float, scope: str) -> Limit:
    files, base, each = sockets.descriptors, sockets.base_descriptors, sockets.descriptors_per_session
    return Limit(
        "descriptors",
        sockets.pods * sockets.workers * whole((files / sockets.descriptor_reserve - base) / each),
        f"{_pods(sockets)}{sockets.workers} processes x ({files} / {sockets.descriptor_reserve:g} - {base}) files / {each} "
        "a session",
        said(sockets),
        raised(f"{scope}.descriptors", files, descriptors_needed(sockets, target), counted),
    )


def _backlog(sockets: Sockets, target: float, ratio: float, scope: str) -> Limit:
    granted = min(sockets.backlog.value, sockets.somaxconn.value)
    needed = backlog_needed(target * ratio / sockets.pods, sockets.stall)
    return Limit(
        "backlog",
        sockets.pods * poisson_mean(granted, UNLIKELY) / (sockets.stall * ratio),
        f"{_pods(sockets)}min({sockets.backlog.value} asked, {sockets.somaxconn.value} granted) >= {UNLIKELY:.1%} quantile "
        f"of starts in {sockets.stall:g} s, {ratio:.4g} starts a second a session",
        said(sockets, sockets.backlog, sockets.somaxconn),
        together(
            raised(f"{scope}.{name}.value", count.value, needed, counted)
            for name, count in (("backlog", sockets.backlog), ("somaxconn", sockets.somaxconn))
        ),
    )


def _tracking(sockets: Sockets, target: float, ratio: float, scope: str) -> Limit:
    each = sockets.tracked_per_session * (1 + ratio * sockets.tracked_after.value)
    return Limit(
        "tracking",
        sockets.tracked / each,
        f"{sockets.tracked} entries / ({sockets.tracked_per_session} x (1 + {ratio:.4g} starts a second x "
        f"{sockets.tracked_after.value:g} s)) a session",
        said(sockets, sockets.tracked_after),
        raised(f"{scope}.tracked", sockets.tracked, whole_up(target * each), counted),
    )


def _ports(outbound: OutboundPorts, target: float, ratio: float, scope: str) -> Limit:
    each = outbound.per_session * (1 + ratio * outbound.time_wait.value)
    needed = whole_up(target * each / outbound.addresses)
    if needed <= PORTS_AT_MOST:
        remedy = raised(f"{scope}.outbound.ports", outbound.ports, needed, counted)
    else:
        remedy = raised(f"{scope}.outbound.addresses", outbound.addresses, whole_up(target * each / outbound.ports), counted)
    return Limit(
        "ports",
        outbound.ports * outbound.addresses / each,
        f"{outbound.ports} ports x {outbound.addresses} addresses / ({outbound.per_session} x (1 + {ratio:.4g} starts a second x "
        f"{outbound.time_wait.value:g} s)) a session",
        said(outbound, outbound.time_wait),
        remedy,
    )
