"""What a session costs, as claims on a Deployment that the gate recomputes the ceilings from; no pod is rolled by them."""

from typing import Any

from capacity.measured import Measured
from capacity.plan import LivePlan
from components.kubernetes import DOMAIN
from components.workloads.pod import SESSION_CONTAINER
from headroom.blueprint import canonical_json


def session_annotations(vertical: LivePlan) -> dict[str, str]:
    """Return the annotations of a Deployment that holds live sessions."""
    pod, cost = vertical.spec.pod, vertical.spec.session
    claims = {
        "session-container": SESSION_CONTAINER,
        "session-memory-bytes": str(cost.memory),
        "session-cpu-cores": _exact(cost.cpu),
        "session-descriptors": str(cost.descriptors),
        "base-memory-bytes": str(pod.base_memory),
        "base-cpu-cores": _exact(pod.base_cpu),
        "base-descriptors": str(pod.base_descriptors),
        "workers": str(pod.workers),
        "forecast-peak": str(vertical.peak),
    }
    if vertical.spec.cap is not None:
        claims |= {"session-cap": str(vertical.spec.cap.sessions), "session-cap-reason": vertical.spec.cap.reason}
    if cost.measured is not None:
        claims["session-measured"] = canonical_json(_measured(cost.measured))
    return {f"{DOMAIN}/{key}": value for key, value in claims.items()}


def _measured(measured: Measured) -> dict[str, Any]:
    """Return a measurement with its intervals under the names of the claims that the gate holds against them."""
    units = {"memory": "-bytes", "cpu": "-cores", "descriptors": ""}
    intervals = {}
    for figure, interval in measured.intervals.items():
        part, cost = ("base", figure.removeprefix("base_")) if figure.startswith("base_") else ("session", figure)
        intervals[f"{part}-{cost}{units[cost]}"] = interval.model_dump()
    return {"date": measured.date.isoformat(), "source": measured.source, "intervals": intervals}


def _exact(cores: float) -> str:
    """Return cores to the ninth decimal, as the spec reads them: the gate must find the same ceiling."""
    return f"{cores:.9f}".rstrip("0").rstrip(".")
