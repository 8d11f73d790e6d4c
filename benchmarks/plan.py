"""From a spec's text to its plan: six verticals, and how time grows with their number."""

import json
import math
from typing import Any

from benchmarks.measure import ROOT, best_of, peak_mib
from benchmarks.result import Result
from capacity import CapacityPlan, ForecastLock, Spec, plan
from headroom.located import read_document

COPIES = (1, 10, 100)
EXPONENT = 1.1


def run() -> Result:
    """Return the growth exponent of the time from 60 to 600 verticals: the slope of its logarithm.

    Raises AssertionError where a plan of copies does not ask for as many sessions of the model as the copies have.
    """
    seconds: dict[int, float] = {}
    sessions: dict[int, float] = {}
    for copies in COPIES:
        spec, lock = _texts(copies)
        timed = best_of(5, lambda spec=spec, lock=lock: _plan(spec, lock))  # type: ignore[misc]
        count = len(timed.answer.verticals)
        seconds[count], sessions[count] = timed.seconds, timed.answer.model.sessions
    few, some, many = seconds
    assert math.isclose(sessions[many], sessions[few] * COPIES[-1])
    exponent = math.log(seconds[many] / seconds[some]) / math.log(many / some)
    peaks = {count: peak_mib(alone, str(copies)) for count, copies in zip(seconds, COPIES, strict=True)}
    listed = ", ".join(f"{count} verticals {1000 * seconds[count]:.0f} ms and {peaks[count]:.0f} MiB" for count in seconds)
    return Result(
        key="plan",
        ours=exponent,
        rival=None,
        rival_name=None,
        unit="growth exponent",
        ratio=None,
        target=f"at most {EXPONENT:g} in tenants; verticals here",
        met=exponent <= EXPONENT,
        peak_mib=peaks[many],
        findings=(
            f"spec and lock of prod from text to plan, best of 5: {listed}",
            (
                f"exponent from {few} to {some}: {math.log(seconds[some] / seconds[few]) / math.log(some / few):.2f}; "
                f"from {some} to {many}: {exponent:.2f}"
            ),
            "the target is stated in tenants and onboarding draws, which are not measured here",
        ),
    )


def alone(copies: str) -> None:
    """Plan that many copies of prod's verticals, for the memory to be watched."""
    _plan(*_texts(int(copies)))


def _plan(spec_text: str, lock_text: str) -> CapacityPlan:
    spec = Spec.model_validate_json(spec_text)
    assert spec.as_of is not None
    return plan(spec, ForecastLock.model_validate_json(lock_text), spec.as_of)


def _texts(copies: int) -> tuple[str, str]:
    """Return the spec and lock of prod with each vertical so many times, as JSON."""
    stack, _ = read_document(ROOT / "stacks" / "Pulumi.prod.yaml", "stacks/Pulumi.prod.yaml")
    spec: dict[str, Any] = stack["config"]["headroom:spec"]
    lock = json.loads((ROOT / "stacks" / "prod.forecast.json").read_text(encoding="utf-8"))
    for document in (spec, lock):
        document["verticals"] = {
            f"{name}-{copy}": vertical for name, vertical in document["verticals"].items() for copy in range(copies)
        }
    return json.dumps(spec), json.dumps(lock)
