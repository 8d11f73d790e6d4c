"""session-costs-cover-measurement: no session is claimed to cost less than it was measured to."""

from collections.abc import Iterator
from datetime import date

from policies.evidence import Context, usable
from policies.figures import exceeds
from policies.fleet import Live, live_deployments
from policies.measurement import COSTS, Measurement, measurement_of
from policies.rule import Finding, Rule, each
from policies.stack import Stack, annotation

_NEEDED = ("session-memory-bytes", "session-cpu-cores")
_MEASURE = "measure it (headroom calibrate) and deploy with the figures"


def _session_costs_cover_measurement(stack: Stack, context: Context) -> Iterator[Finding]:
    def check(live: Live) -> Iterator[Finding]:
        measured = measurement_of(live)
        oldest = usable(context.floors).maximum_measurement_age_days
        if oldest is not None:
            yield from _is_recent(live, measured, oldest, usable(context.as_of))
        if measured is not None:
            yield from _is_covered(live, measured)

    yield from each(live_deployments(stack), lambda live: live.deployment.name, check)


def _is_recent(live: Live, measured: Measurement | None, oldest: int, as_of: date) -> Iterator[Finding]:
    if measured is None or not measured.intervals.keys() >= set(_NEEDED):
        message = "memory and processor time of its sessions were not measured; the organisation asks for it"
        yield Finding(live.deployment.name, message, _MEASURE)
        return
    age = (as_of - measured.day).days
    if age < 0:
        message = f"its sessions were measured until {measured.day}, after the day of the judgement, {as_of}"
        yield Finding(live.deployment.name, message, "correct as_of, or the date of the measurement")
    if age > oldest:
        message = f"its sessions were measured until {measured.day}, {age} days before {as_of}; the organisation allows {oldest}"
        yield Finding(live.deployment.name, message, _MEASURE, oldest, age, "days")


def _is_covered(live: Live, measured: Measurement) -> Iterator[Finding]:
    for name, interval in measured.intervals.items():
        claimed = annotation(live.deployment, name).number()
        if exceeds(interval.low, claimed):
            unit = COSTS[name]
            lies = f"{_figure(interval.low)} to {_figure(interval.high)} by {measured.day} ({measured.source})"
            message = f"headroom.dev/{name} claims {_figure(claimed)} {unit}; measured {lies}"
            remedy = f"claim {_figure(interval.low)} or more, or measure anew"
            yield Finding(live.deployment.name, message, remedy, interval.low, claimed, unit)


def _figure(value: float) -> str:
    return f"{value:,.12g}"


RULES = (
    Rule(
        name="session-costs-cover-measurement",
        why="Sessions that cost more than is claimed fill a pod before its ceiling, and end in the middle of a call.",
        check=_session_costs_cover_measurement,
    ),
)
