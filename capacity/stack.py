"""The stack beside the pods, part by part: the load that the plan puts on it against what it holds."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Protocol, TypeVar

from capacity.admission import Admission
from capacity.lead_times import first_day, lead_time
from capacity.load_path import LoadPath
from capacity.loads import Load, UnknownStarts, load_on
from capacity.lock import ForecastLock
from capacity.observability import size_observability
from capacity.parts import Part
from capacity.plan import LivePlan, QueuePlan
from capacity.pool_plan import PoolPlan
from capacity.sizing.bus import Bus, BusSection, size_bus
from capacity.sizing.carrier import Carrier, size_channels, size_starts
from capacity.sizing.claims import said
from capacity.sizing.gateway import GatewaySection, size_gateway
from capacity.sizing.gpu import GpuService, size_gpu
from capacity.sizing.latency import size_first_audio, size_first_token
from capacity.sizing.objects import AdmissionGate, size_admission_gate, size_pool, size_session_object
from capacity.sizing.poisson import UNLIKELY, poisson_quantile
from capacity.sizing.queue import QueueLoad, size_queue
from capacity.sizing.queue_gateway import QueueGatewaySection, size_queue_gateway
from capacity.sizing.result import Sizing, whole
from capacity.sizing.sockets import Sockets, size_sockets
from capacity.sizing.tools import Executors, ExecutorsSection, size_tools
from capacity.sizing.tunnel import size_tunnel
from capacity.sizing.turn import size_turn
from capacity.sizing.workers import size_workers
from capacity.spec import Margins, Spec
from capacity.vertical_parts import completed, sockets_of

Input_contra = TypeVar("Input_contra", contravariant=True)


def stack_parts(
    spec: Spec,
    path: LoadPath,
    verticals: Iterable[LivePlan | QueuePlan],
    pools: Iterable[PoolPlan],
    admission: Admission | None,
) -> tuple[Part, ...]:
    """Return every part of the stack that the spec speaks of, sized for the lock's last valid day.

    Shared parts carry the required sessions of all live verticals, the bus those of kind `nats`; a vertical's own sockets,
    workers and queue carry its own. What cannot grow at once is dated too.
    """
    verticals, nodes = tuple(verticals), {pool.name: pool for pool in pools}
    live = tuple(vertical for vertical in verticals if isinstance(vertical, LivePlan))
    fleet = _Fleet(tuple(one.name for one in live), path)
    return (
        *_shared(spec, live, fleet),
        *_edge(spec, fleet, admission),
        *_latency(spec),
        *(part for one in live for part in _live(one, nodes[one.spec.pool], path)),
        *(part for one in verticals if isinstance(one, QueuePlan) for part in _queue(one, path)),
        *_watching(spec, nodes.values()),
    )


def bus_of(section: BusSection, verticals: Iterable[LivePlan]) -> Bus:
    """Return the bus with the pods that speak on it: the fewest sessions and the most containers of any vertical's pod."""
    speaking = tuple(verticals)
    return completed(
        Bus,
        section,
        sessions_per_pod=max(1, min(live.takes.guaranteed_safe for live in speaking)),
        connections_per_pod=max(1 + len(live.spec.pod.sidecars) for live in speaking),
    )


class _BySessions(Protocol[Input_contra]):
    def __call__(self, part: Input_contra, /, *, sessions: float, safe_utilisation: float, scope: str) -> Sizing: ...


_Sized = Callable[[Load], tuple[Sizing, str]]
"""A sizing under a load, and how what it requires came about."""


@dataclass(frozen=True)
class _Fleet:
    """Live verticals whose calls a part carries."""

    live: tuple[str, ...]
    path: LoadPath

    def part(self, name: str, section: str, sized: _Sized, lead_seconds: float | None = None) -> Part:
        """Return a part sized for what these verticals ask for."""
        return _part(name, section, lambda day: sized(load_on(day, self.live, self.path)), self.path.lock, lead_seconds)

    def carrying(
        self, name: str, section: str, size: _BySessions[Input_contra], given: Input_contra, lead_seconds: float | None = None
    ) -> Part:
        """Return a part whose load is their sessions."""
        safe = self.path.margins.safe_utilisation
        return self.part(
            name,
            section,
            lambda load: (size(given, sessions=load.sessions, safe_utilisation=safe, scope=section), load.sessions_formula),
            lead_seconds,
        )


def _part(
    name: str, section: str, sized: Callable[[date], tuple[Sizing, str]], lock: ForecastLock, lead_seconds: float | None = None
) -> Part:
    try:
        sizing, load = sized(lock.valid_until)
    except UnknownStarts as unknown:
        return Part(name, section, str(unknown), None, unknown=unknown.verticals)
    if lead_seconds is None:
        return Part(name, section, load, sizing)
    short_on = first_day(lock.data_end, lambda day: sized(day)[0].shortfall is not None)
    return Part(name, section, load, sizing, lead_time(short_on, lead_seconds))


def _shared(spec: Spec, live: Iterable[LivePlan], fleet: _Fleet) -> Iterator[Part]:
    if spec.tools is not None:
        yield fleet.part("tools", "tools", _tools(spec.tools, spec.margins))
    if spec.bus is not None:
        speaking = tuple(one for one in live if one.spec.kind == "nats")
        speakers = _Fleet(tuple(one.name for one in speaking), fleet.path)
        yield speakers.carrying("bus", "bus", size_bus, bus_of(spec.bus, speaking))
    if spec.turn is not None:
        yield fleet.carrying("turn", "turn", size_turn, spec.turn, spec.turn.lead_time)
    if spec.carrier is not None:
        lead_seconds = spec.carrier.lead_time
        yield fleet.carrying("carrier channels", "carrier", size_channels, spec.carrier, lead_seconds)
        yield fleet.part("carrier starts", "carrier", _starts(spec.carrier, spec.margins), lead_seconds)
    for name, service in spec.gpu.items():
        yield fleet.part(f"gpu {name}", f"gpu.{name}", _gpu(name, service, spec.margins), service.lead_time)
    if spec.gateway is not None:
        shares = sum(service.share for service in spec.gpu.values())
        yield fleet.part("gateway", "gateway", _gateway(spec.gateway, shares, spec.margins))


def _tools(section: ExecutorsSection, margins: Margins) -> _Sized:
    def sized(load: Load) -> tuple[Sizing, str]:
        executors = completed(Executors, section, session=load.mean_call)
        sizing = size_tools(executors, sessions=load.sessions, safe_utilisation=margins.safe_utilisation)
        return sizing, load.sessions_formula

    return sized


def _starts(carrier: Carrier, margins: Margins) -> _Sized:
    return lambda load: (
        size_starts(carrier, starts_per_second=load.busiest_second, safe_utilisation=margins.safe_utilisation),
        load.starts_formula,
    )


def _gpu(name: str, service: GpuService, margins: Margins) -> _Sized:
    return lambda load: (
        size_gpu(
            service,
            sessions=service.share * load.sessions,
            safe_utilisation=margins.safe_utilisation,
            scope=f"gpu.{name}",
        ),
        f"{service.share:.3g} of {load.sessions_formula}",
    )


def _gateway(section: GatewaySection, shares: float, margins: Margins) -> _Sized:
    return lambda load: (
        size_gateway(section, streams=shares * load.sessions, safe_utilisation=margins.safe_utilisation),
        f"{shares:.3g} of {load.sessions_formula}",
    )


def _edge(spec: Spec, fleet: _Fleet, admission: Admission | None) -> Iterator[Part]:
    edge, safe = spec.edge, spec.margins.safe_utilisation
    if edge.tunnel is not None:
        yield fleet.carrying("tunnel", "edge.tunnel", size_tunnel, edge.tunnel, edge.tunnel.lead_time)
    if edge.session_object is not None:
        path, holder = "edge.session_object", edge.session_object
        load = f"{holder.sessions} calls with a message each {holder.frame:g} s"
        yield Part("session object", path, load, size_session_object(holder, safe_utilisation=safe, scope=path))
    if edge.admission_gate is not None:
        largest = max(plan.cap for plan in spec.plans.values())
        yield fleet.part("admission gate", "edge.admission_gate", _gate(edge.admission_gate, largest, spec.margins))
        if admission is not None:
            yield _pool(edge.admission_gate, admission, spec.margins)


def _gate(gate: AdmissionGate, largest_cap: int, margins: Margins) -> _Sized:
    def sized(load: Load) -> tuple[Sizing, str]:
        starts = poisson_quantile(largest_cap / load.mean_call, UNLIKELY)
        sizing = size_admission_gate(
            gate,
            leases=largest_cap,
            starts_per_second=starts,
            safe_utilisation=margins.safe_utilisation,
            scope="edge.admission_gate",
        )
        how = f"{largest_cap:,} leases of the largest cap sold, with calls of {load.mean_call:,.1f} s"
        return sizing, f"{how}: {starts} starts in a second, {UNLIKELY:.1%} quantile of Poisson arrivals"

    return sized


def _pool(gate: AdmissionGate, admission: Admission, margins: Margins) -> Part:
    name, most = max(admission.verticals.items(), key=lambda vertical: vertical[1].places)
    sizing = size_pool(
        gate,
        leases=most.places,
        starts_per_second=most.starts_per_second,
        shards=most.shards,
        block=most.block,
        safe_utilisation=margins.safe_utilisation,
        scope="edge.admission_gate",
    )
    load = f"{most.places:,} leases of {name}, which has most, and {most.starts_per_second} starts in a second"
    return Part("admission pool", "edge.admission_gate", load, sizing)


def _latency(spec: Spec) -> Iterator[Part]:
    if spec.latency is not None:
        load = f"sum of the stages, each at its {spec.latency.quantile:.0%} quantile"
        yield Part("first token", "latency", load, size_first_token(spec.latency))
        yield Part("first audio", "latency", load, size_first_audio(spec.latency))


def _live(live: LivePlan, pool: PoolPlan, path: LoadPath) -> Iterator[Part]:
    section, margins = f"verticals.{live.name}", path.margins
    sockets, workers = sockets_of(live.spec, _pods_on_a_node(live, pool)), live.workers
    if sockets is not None:
        sized = _sockets(sockets, live, margins)
        yield _Fleet((live.name,), path).part(f"{live.name} sockets", f"{section}.sockets", sized)
    if workers is not None:
        sizing = size_workers(
            workers,
            sessions=live.sessions_per_pod,
            safe_utilisation=margins.safe_utilisation,
            scope=f"{section}.workers",
            memory_at=f"{section}.pod.memory",
        )
        yield Part(f"{live.name} workers", f"{section}.workers", "sessions that a pod admits", sizing)


def _sockets(sockets: Sockets, live: LivePlan, margins: Margins) -> _Sized:
    section, sessions = f"verticals.{live.name}", sockets.pods * live.sessions_per_pod

    def sized(load: Load) -> tuple[Sizing, str]:
        sizing = size_sockets(
            sockets,
            sessions=sessions,
            starts_per_second=sessions / load.mean_call,
            safe_utilisation=margins.safe_utilisation,
            scope=f"{section}.sockets",
            pod_scope=f"{section}.pod",
        )
        return sizing, f"{sockets.pods} pods on a node x {live.sessions_per_pod} sessions that one admits"

    return sized


def _pods_on_a_node(live: LivePlan, pool: PoolPlan) -> int:
    """Return how many pods of a vertical may come to stand on one node of its pool."""
    pod, node = next(pod for pod in pool.pods if pod.name == live.name), pool.node
    room = min(node.cpu_cores / pod.cpu_cores, node.memory_bytes / pod.memory_bytes, node.pods)
    return max(1, min(whole(room), live.scaling.maximum))


def _queue(plan: QueuePlan, path: LoadPath) -> Iterator[Part]:
    queue, section = plan.queue, plan.spec.queue
    if queue is None or section is None:
        return
    load, burst, vertical = section.load, path.margins.burst, f"verticals.{plan.name}"

    def sized(day: date) -> tuple[Sizing, str]:
        growth = path.growth_on(day)
        sizing = size_queue(
            queue,
            busy_jobs_per_second=burst * growth * load.busy_jobs_per_second,
            busy_seconds=load.busy,
            quiet_jobs_per_second=growth * load.quiet_jobs_per_second,
            safe_utilisation=path.margins.safe_utilisation,
            scope=f"{vertical}.queue",
            vertical_scope=vertical,
        )
        arrivals = f"{load.busy_jobs_per_second:g} jobs a second x {burst:g} burst x {growth:.3f} growth"
        return sizing, f"({arrivals} - {queue.workers} workers / {queue.job:g} s) x {load.busy:g} s, {said(load)}"

    yield _part(f"{plan.name} queue", f"{vertical}.queue", sized, path.lock, section.lead_time)
    if section.gateway is not None:
        yield _part(
            f"{plan.name} gateway",
            f"{vertical}.queue.gateway",
            _callbacks(section.gateway, plan.name, load, path),
            path.lock,
        )


def _callbacks(
    gateway: QueueGatewaySection, vertical: str, load: QueueLoad, path: LoadPath
) -> Callable[[date], tuple[Sizing, str]]:
    def sized(day: date) -> tuple[Sizing, str]:
        burst, growth = path.margins.burst, path.growth_on(day)
        sizing = size_queue_gateway(
            gateway,
            callbacks_per_second=burst * growth * load.busy_jobs_per_second,
            safe_utilisation=path.margins.safe_utilisation,
            scope=f"verticals.{vertical}.queue.gateway",
        )
        return sizing, f"{load.busy_jobs_per_second:g} jobs a second x {burst:g} burst x {growth:.3f} growth, {said(load)}"

    return sized


def _watching(spec: Spec, pools: Iterable[PoolPlan]) -> Iterator[Part]:
    if spec.observability is not None:
        pods = sum(pod.count for pool in pools for pod in pool.pods)
        sizing = size_observability(spec.observability, pods=pods, safe_utilisation=spec.margins.safe_utilisation)
        yield Part("metrics", "observability", f"{pods} pods with every autoscaler at its maximum", sizing)
