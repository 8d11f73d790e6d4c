"""Twelve fleets of one vertical each whose load and session costs are uncertain, on nine shapes of machines."""

import json
from dataclasses import dataclass
from datetime import date
from typing import Any

from capacity import ForecastLock, Spec
from capacity.cost import MINUTES_PER_MONTH
from capacity.pool_plan import PRESCALE_POD

SHAPES = tuple(f"{family}.{size}" for family in ("c6a", "m6a", "r6a") for size in ("2xlarge", "4xlarge", "8xlarge"))
"""Of the rival's own catalogue, with its prices."""
DATA_END = date(2026, 11, 2)
IMAGE = "registry.example/any@sha256:" + 64 * "0"
VERTICAL, POOL = "sales", "general"
_RESERVED_CPU, _RESERVED_GIB = 0.5, 1
_CALL_SECONDS, _MEAN_TO_PEAK = 180, 1 / 3

Triple = tuple[float, float, float]
"""The 5%, 50% and 95% quantiles."""


@dataclass(frozen=True)
class Shape:
    """One kind of machine."""

    name: str
    cpu: float
    gib: float
    per_hour: float

    def pods(self, problem: "Problem", machines: int) -> int:
        """Return how many pods of a problem so many machines take, beside the pre-scale job's."""
        cpu, gib = self.cpu - _RESERVED_CPU, self.gib - _RESERVED_GIB
        each = int(min(cpu // problem.pod_cpu, gib // problem.pod_gib))
        job = PRESCALE_POD
        beside = cpu - each * problem.pod_cpu >= job.cpu_cores and gib - each * problem.pod_gib >= job.memory_bytes / 2**30
        return machines * each - (0 if beside else 1)


@dataclass(frozen=True)
class Problem:
    """What is known of one fleet."""

    peak: Triple
    """Sessions."""
    cpu: Triple
    """Cores of a session."""
    megabytes: Triple
    """Of a session."""
    pod_cpu: int
    pod_gib: int
    blocked_call_cost: float

    def spec(self, shapes: tuple[Shape, ...]) -> Spec:
        """Return the problem as a spec: the shapes are options, and no margin but the blocking probability stands in the way."""
        pods = {"cpu": self.pod_cpu, "memory": f"{self.pod_gib}Gi", "descriptors": 1_000_000}
        session = {"cpu": self.cpu[1], "memory": f"{self.megabytes[1]:g}MB", "descriptors": 1}
        first, *others = (_pool(shape) for shape in shapes)
        document: dict[str, Any] = {
            "example": True,
            "zone": "UTC",
            "margins": {"burst": 1, "growth_per_quarter": 1, "safe_utilisation": 1, "blocking": 0.5},
            "scaling": {"lag": {"value": "180s"}},
            "model": {"primary": {"kind": "minute-billed", "name": "any", "vendor": "any", "model": "any"}},
            "images": {"tools": IMAGE},
            "pools": {POOL: first | {"survive": 0}},
            "blocked_call_cost": {"amount": self.blocked_call_cost},
            "verticals": {
                VERTICAL: {
                    "kind": "fastapi",
                    "image": IMAGE,
                    "session": session,
                    "mean_call": {"value": f"{_CALL_SECONDS}s"},
                    "pod": pods,
                }
            },
            "uncertain": {
                f"forecast.{VERTICAL}.peak": _interval(self.peak),
                f"verticals.{VERTICAL}.session.cpu": _interval(self.cpu),
                f"verticals.{VERTICAL}.session.memory": {
                    "low": f"{self.megabytes[0]:g}MB",
                    "high": f"{self.megabytes[2]:g}MB",
                },
            },
            "options": {"shapes": {POOL: {_name(shape): pool for shape, pool in zip(shapes[1:], others, strict=True)}}},
        }
        return Spec.model_validate_json(json.dumps(document))

    def price_of_blocking(self, peak: float) -> float:
        """Return what it costs a month that all calls of a peak's week are blocked."""
        return peak * _MEAN_TO_PEAK * MINUTES_PER_MONTH * 60 / _CALL_SECONDS * self.blocked_call_cost

    def lock(self) -> ForecastLock:
        """Return the forecast of the problem."""
        lag = {"seconds": 180.0, "ratio": 1.0, "quiet_sessions": 0, "basis": "assumed", "source": "benchmark"}
        vertical = {
            "basis": "assumed",
            "source": "benchmark",
            "peak": self.peak[1],
            "statistic": "benchmark",
            "mean_sessions": self.peak[1] * _MEAN_TO_PEAK,
            "lag": lag,
        }
        document = {
            "version": 1,
            "environment": "benchmark",
            "kind": "declared",
            "data_end": DATA_END.isoformat(),
            "verticals": {VERTICAL: vertical},
        }
        return ForecastLock.model_validate_json(json.dumps(document)).sealed()


def shape_of(name: str, shapes: tuple[Shape, ...]) -> Shape:
    """Return the shape that an option of a spec stands for."""
    return next((shape for shape in shapes if _name(shape) == name), shapes[0])


def _pool(shape: Shape) -> dict[str, Any]:
    return {
        "cpu": shape.cpu,
        "memory": f"{round(shape.gib * 1024)}MiB",
        "reserved_cpu": _RESERVED_CPU,
        "reserved_memory": f"{_RESERVED_GIB}GiB",
        "price_per_node_hour": {"amount": shape.per_hour},
    }


def _name(shape: Shape) -> str:
    return shape.name.replace(".", "-")


def _interval(known: Triple) -> dict[str, float]:
    return {"low": known[0], "high": known[2]}


PROBLEMS = (
    Problem((150, 200, 300), (0.03, 0.05, 0.08), (80, 120, 200), 2, 4, 0.01),
    Problem((600, 800, 1100), (0.035, 0.05, 0.075), (90, 120, 180), 4, 8, 0.02),
    Problem((1500, 2000, 3500), (0.04, 0.05, 0.06), (100, 120, 140), 4, 8, 0.02),
    Problem((800, 1000, 1250), (0.01, 0.025, 0.06), (15, 20, 30), 2, 4, 0.05),
    Problem((400, 600, 1200), (0.015, 0.02, 0.03), (30, 40, 400), 2, 8, 0.05),
    Problem((250, 300, 360), (0.02, 0.03, 0.04), (50, 60, 75), 2, 4, 0.5),
    Problem((2000, 3000, 4000), (0.02, 0.03, 0.05), (200, 300, 500), 4, 16, 0.1),
    Problem((1000, 3000, 6000), (0.04, 0.05, 0.065), (100, 120, 150), 4, 8, 0.01),
    Problem((90, 100, 115), (0.05, 0.1, 0.2), (300, 500, 900), 2, 8, 0.2),
    Problem((700, 1000, 1500), (0.02, 0.04, 0.09), (150, 250, 600), 4, 16, 0.5),
    Problem((500, 1000, 3000), (0.03, 0.06, 0.09), (60, 80, 110), 4, 8, 0.02),
    Problem((1800, 2000, 2200), (0.045, 0.05, 0.055), (110, 120, 130), 4, 8, 1),
)
