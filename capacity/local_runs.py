"""What the stack's own programs did on one machine: shown beside the limits that count, and never sized by.

Another machine does another number, and Cloudflare's network is not workerd.
"""

from datetime import date

from capacity.figures import Source
from capacity.parts import Part


class Run(Source):
    """One measured figure."""

    name: str
    value: float
    unit: str


def _run(where: str, key: str, name: str, value: float, unit: str) -> Run:
    source = f"{where}, 2 cores, make bench KEY={key}"
    return Run(name=name, value=value, unit=unit, basis="measured", source=source, date=date(2026, 11, 23))


def _edge(name: str, value: float, unit: str) -> Run:
    return _run("local, workerd", "edge", name, value, unit)


_OF_SESSIONS = (
    _edge("frames that come back", 19_500, "a second of workerd's processor time"),
    _edge("latency of a frame", 2.4, "ms there and back at the median, the machine busy"),
    _edge("memory a call", 453, "KiB of workerd"),
)
_OF_ADMISSION = (_edge("admissions", 114, "a second of workerd's processor time"),)
_OF_QUEUE_GATEWAYS = (_run("local", "queue", "callbacks", 4800, "a second of its and Redis' processor time"),)


def runs_of(part: Part) -> tuple[Run, ...]:
    """Return what was measured of the program behind a part of the stack; nothing where none was."""
    if part.path.endswith(".queue.gateway"):
        return _OF_QUEUE_GATEWAYS
    return {"edge.session_object": _OF_SESSIONS, "edge.admission_gate": _OF_ADMISSION}.get(part.path, ())
