"""From a spec's text to its plan: six verticals with more and more new tenants, and more and more verticals."""

import json
import math
from functools import partial
from typing import Any

from benchmarks.measure import ROOT, alone, best_of
from benchmarks.result import Result
from capacity import CapacityPlan, ForecastLock, Spec, plan
from capacity.onboarding import DRAWS
from headroom.located import read_document

TENANTS = (100, 1_000, 10_000)
COPIES = (1, 10, 100)
EXPONENT = 1.1
_ZONES = ("America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles")


def run() -> Result:
    """Return the growth exponent of the time from the second to the last number of tenants: the slope of its logarithm.

    Raises AssertionError where a plan of copied verticals does not ask for as many sessions of the model as the copies have.
    """
    taken = [alone(with_tenants, str(tenants)) for tenants in TENANTS]
    exponent = _exponent(taken[1].seconds, taken[2].seconds)
    seconds: dict[int, float] = {}
    sessions: dict[int, float] = {}
    for copies in COPIES:
        spec, lock = texts(copies)
        timed = best_of(3, partial(planned, spec, lock))
        count = len(timed.answer.verticals)
        seconds[count], sessions[count] = timed.seconds, timed.answer.model.sessions
    few, some, many = seconds
    assert math.isclose(sessions[many], sessions[few] * COPIES[-1])
    return Result(
        key="plan",
        ours=exponent,
        rival=None,
        rival_name=None,
        unit="growth exponent",
        ratio=None,
        target=f"at most {EXPONENT:g} in tenants",
        met=exponent <= EXPONENT,
        peak_mib=taken[-1].peak_mib,
        findings=(
            f"prod from text to plan, {DRAWS:,} draws of its new tenants: "
            + ", ".join(
                f"{n:,} tenants {one.seconds:.1f} s and {one.peak_mib:.0f} MiB" for n, one in zip(TENANTS, taken, strict=True)
            ),
            (
                f"exponent from {TENANTS[0]:,} to {TENANTS[1]:,}: {_exponent(taken[0].seconds, taken[1].seconds):.2f}; "
                f"from {TENANTS[1]:,} to {TENANTS[2]:,}: {exponent:.2f}"
            ),
            (
                f"without tenants: {few} verticals {1000 * seconds[few]:.0f} ms, {some} {1000 * seconds[some]:.0f} ms, "
                f"{many} {1000 * seconds[many]:.0f} ms (best of 3): exponents {_exponent(seconds[few], seconds[some]):.2f} and "
                f"{_exponent(seconds[some], seconds[many]):.2f}"
            ),
        ),
    )


def with_tenants(tenants: str) -> None:
    """Plan prod with so many new tenants, evenly over its verticals, in a process whose time and memory are watched."""
    planned(*texts(1, int(tenants)))


def _exponent(before: float, after: float) -> float:
    """Return the slope of the logarithm where the number grew tenfold."""
    return math.log10(after / before)


def planned(spec_text: str, lock_text: str) -> CapacityPlan:
    """Return the plan of a spec and a lock, both as JSON."""
    spec = Spec.model_validate_json(spec_text)
    assert spec.as_of is not None
    return plan(spec, ForecastLock.model_validate_json(lock_text), spec.as_of)


def texts(copies: int, tenants: int = 0) -> tuple[str, str]:
    """Return the spec and lock of prod with each vertical so many times and so many new tenants, as JSON."""
    stack, _ = read_document(ROOT / "stacks" / "Pulumi.prod.yaml", "stacks/Pulumi.prod.yaml")
    spec: dict[str, Any] = stack["config"]["headroom:spec"]
    lock = json.loads((ROOT / "stacks" / "prod.forecast.json").read_text(encoding="utf-8"))
    # Figures that name a vertical speak of one copy alone.
    for section in ("uncertain", "options", "cells"):
        spec.pop(section, None)
    spec["customers"] = [_tenant(number, list(lock["verticals"])) for number in range(tenants)]
    if copies > 1:
        for document in (spec, lock):
            document["verticals"] = {
                f"{name}-{copy}": _copied(vertical, copy)
                for name, vertical in document["verticals"].items()
                for copy in range(copies)
            }
        shared = {name: kind for name, kind in spec["storage"].items() if "phi" not in kind}
        spec["storage"] = shared | {
            f"{name}-{copy}": kind | {"phi": f"{kind['phi']}-{copy}", "key": f"{kind['key']}-{copy}"}
            for name, kind in spec["storage"].items()
            if name not in shared
            for copy in range(copies)
        }
    return json.dumps(spec), json.dumps(lock)


def _copied(vertical: dict[str, Any], copy: int) -> dict[str, Any]:
    """Return a copy of a vertical; its gateway serves the verticals of the same copy."""
    gateway = vertical.get("queue", {}).get("gateway")
    if gateway is None:
        return vertical
    serves = [f"{name}-{copy}" for name in gateway["serves"]]
    return vertical | {"queue": vertical["queue"] | {"gateway": gateway | {"serves": serves}}}


def _tenant(number: int, verticals: list[str]) -> dict[str, Any]:
    """Return a customer of 20 to 59 calls a day that starts within six weeks and ramps up in two."""
    mid = 20 + number % 40
    return {
        "name": f"tenant-{number}",
        "vertical": verticals[number % len(verticals)],
        "plan": "starter",
        "start": {"earliest": "2026-11-05", "likely": "2026-11-20", "latest": "2026-12-20"},
        "ramp": "14d",
        "calls_a_day": {"low": mid // 2, "mid": mid, "high": 2 * mid, "confidence": 0.9},
        "call": "180s",
        "hours": {
            "zone": _ZONES[number % len(_ZONES)],
            "days": ["mon", "tue", "wed", "thu", "fri"],
            "open": "08:00",
            "close": "18:00",
        },
    }
