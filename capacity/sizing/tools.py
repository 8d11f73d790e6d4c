"""Tool executors (S15): a line that sessions wait in, held to a latency target."""

from pydantic import Field

from capacity.sizing.claims import said
from capacity.sizing.pods import FixedPods, PodSize, pod_size
from capacity.sizing.result import Limit, Sizing, counted, hard_for, raised, sized, whole_up
from capacity.traffic.erlang import servers_for_wait, waiting_share
from capacity.units import Seconds

_HALVINGS = 60


class ExecutorsSection(FixedPods):
    """A pool of tool executors and the tool calls of a session."""

    slots: int = Field(gt=0)
    """Tool calls that a pod runs at once."""
    calls_per_session: float = Field(gt=0)
    service: Seconds
    """Mean time that a tool call holds its slot."""
    wait: Seconds
    """A tool call should not wait longer for a slot."""
    service_level: float = Field(default=0.95, gt=0, lt=1)
    """The share of tool calls for which that must hold."""
    pod: PodSize = pod_size("500m", "512Mi")


class Executors(ExecutorsSection):
    """The executors, and how long the sessions are whose calls they answer."""

    session: Seconds
    """Mean length of a session."""


def size_tools(executors: Executors, *, sessions: float, safe_utilisation: float, scope: str = "tools") -> Sizing:
    """Return the sessions whose tool calls the executors answer in time.

    By Little's law sessions make sessions x calls / length calls a second, which offer that times the service time in erlangs to
    an M/M/c line; P(wait > t) = C e^(-(c - a) t / S), C being Erlang's. Longer tails of service than exponential wait longer.

    Raises:
        ValueError: the load is negative or not finite.
    """
    target = hard_for("sessions", sessions, safe_utilisation)
    slots = max(0, executors.pods - executors.survive) * executors.slots
    erlangs = executors.calls_per_session / executors.session * executors.service
    offered = _most_offered(executors, slots)
    needed = servers_for_wait(
        target * erlangs,
        wait_seconds=executors.wait,
        holding_seconds=executors.service,
        service_level=executors.service_level,
    )
    pods = whole_up(needed / executors.slots) + executors.survive if sessions else executors.pods
    servers = f"({executors.pods} - {executors.survive}) pods x {executors.slots}"
    each = f"{executors.calls_per_session:g} calls x {executors.service:g} s / {executors.session:g} s a session"
    limits = [
        Limit(
            "latency",
            offered / erlangs,
            f"{offered:,.4g} erlangs on {servers} executors leave {executors.service_level:.1%} waiting at most "
            f"{executors.wait:g} s; {each}",
            said(executors),
            raised(f"{scope}.pods", executors.pods, pods, counted),
        ),
        Limit(
            "executors",
            slots / erlangs,
            f"{servers} executors / ({each})",
            said(executors),
        ),
    ]
    return sized("tools", scope, "sessions", sessions, limits, safe_utilisation=safe_utilisation)


def _most_offered(executors: Executors, slots: int) -> float:
    """Return the erlangs at which just so many calls wait too long; waiting only grows with the load."""
    low, high = 0.0, float(slots)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        late = waiting_share(middle, slots, wait_seconds=executors.wait, holding_seconds=executors.service)
        low, high = (middle, high) if late <= 1 - executors.service_level else (low, middle)
    return low
