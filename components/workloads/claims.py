"""What a session costs, as claims on a Deployment that the gate recomputes the ceilings from; no pod is rolled by them."""

from typing import Any

from capacity.measured import Measured
from capacity.plan import LivePlan
from components.kubernetes import DOMAIN, claimed, exact
from components.workloads.pod import SESSION_CONTAINER
from headroom.blueprint import canonical_json


def session_annotations(vertical: LivePlan) -> dict[str, str]:
    """Return the annotations of a Deployment that holds live sessions."""
    spec, pod, cost = vertical.spec, vertical.spec.pod, vertical.spec.session
    claims = {
        "session-container": SESSION_CONTAINER,
        "session-memory-bytes": str(cost.memory),
        "session-cpu-cores": exact(cost.cpu),
        "session-descriptors": str(cost.descriptors),
        "base-memory-bytes": str(pod.base_memory),
        "base-cpu-cores": exact(pod.base_cpu),
        "base-descriptors": str(pod.base_descriptors),
        "workers": str(pod.workers),
        "forecast-peak": str(vertical.peak),
        "session-basis": cost.basis,
        "session-source": cost.source,
    }
    if vertical.spec.cap is not None:
        claims |= {"session-cap": str(vertical.spec.cap.sessions), "session-cap-reason": vertical.spec.cap.reason}
    if cost.measured is not None:
        claims["session-measured"] = canonical_json(_measured(cost.measured))
    lengths = claimed(
        longest_call_seconds=spec.longest_call,
        mean_call_seconds=None if spec.mean_call is None else spec.mean_call.value,
        accept_stall_seconds=None if spec.sockets is None else spec.sockets.stall,
    )
    return {f"{DOMAIN}/{key}": value for key, value in claims.items()} | lengths


def _measured(measured: Measured) -> dict[str, Any]:
    """Return a measurement with its intervals under the names of the claims that the gate holds against them."""
    units = {"memory": "-bytes", "cpu": "-cores", "descriptors": ""}
    intervals = {}
    for figure, interval in measured.intervals.items():
        part, cost = ("base", figure.removeprefix("base_")) if figure.startswith("base_") else ("session", figure)
        intervals[f"{part}-{cost}{units[cost]}"] = interval.model_dump()
    return {"date": measured.date.isoformat(), "source": measured.source, "intervals": intervals}
