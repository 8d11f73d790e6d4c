"""Rules on what a session costs: somebody says where the figure comes from, and it is not below what was measured."""

from collections.abc import Iterator
from datetime import date

from policies.evidence import Context, usable
from policies.figures import exceeds
from policies.fleet import Live, live_deployments
from policies.measurement import COSTS, measurement_of
from policies.rule import Finding, Rule, each
from policies.stack import Stack, WrongField, annotation

_NEEDED = ("session-memory-bytes", "session-cpu-cores")
_BASES = ("measured", "declared", "assumed")
_MEASURE = "measure it (headroom calibrate) and deploy with the figures"


def _session_costs_have_evidence(stack: Stack, context: Context) -> Iterator[Finding]:
    def check(live: Live) -> Iterator[Finding]:
        basis = annotation(live.deployment, "session-basis")
        annotation(live.deployment, "session-source").text()
        if basis.text() not in _BASES:
            raise WrongField(live.deployment.name, basis.path, f"one of {', '.join(_BASES)}")
        yield from _has_evidence(live, basis.text(), usable(context.floors).maximum_measurement_age_days, context)

    yield from each(live_deployments(stack), lambda live: live.deployment.name, check)


def _has_evidence(live: Live, basis: str, oldest: int | None, context: Context) -> Iterator[Finding]:
    measured = measurement_of(live)
    name = live.deployment.name
    if measured is None or not measured.intervals.keys() >= set(_NEEDED):
        if oldest is not None:
            message = "memory and processor time of its sessions were not measured; the organisation asks for it"
            yield Finding(name, message, _MEASURE)
        elif basis == "measured":
            message = (
                "it calls the costs of its sessions measured, and no measurement of memory and processor time is beside them"
            )
            yield Finding(name, message, _MEASURE)
        return
    yield from _is_recent(name, measured.day, oldest, usable(context.as_of))


def _is_recent(name: str, day: date, oldest: int | None, as_of: date) -> Iterator[Finding]:
    age = (as_of - day).days
    if age < 0:
        message = f"its sessions were measured until {day}, after the day of the judgement, {as_of}"
        yield Finding(name, message, "correct as_of, or the date of the measurement")
    elif oldest is not None and age > oldest:
        message = f"its sessions were measured until {day}, {age} days before {as_of}; the organisation allows {oldest}"
        yield Finding(name, message, _MEASURE, oldest, age, "days")


def _session_costs_cover_measurement(stack: Stack, _context: Context) -> Iterator[Finding]:
    yield from each(live_deployments(stack), lambda live: live.deployment.name, _is_covered)


def _is_covered(live: Live) -> Iterator[Finding]:
    measured = measurement_of(live)
    for name, interval in {} if measured is None else measured.intervals.items():
        claimed = annotation(live.deployment, name).number()
        if measured is not None and exceeds(interval.low, claimed):
            unit = COSTS[name]
            lies = f"{_figure(interval.low)} to {_figure(interval.high)} by {measured.day} ({measured.source})"
            message = f"headroom.dev/{name} claims {_figure(claimed)} {unit}; measured {lies}"
            remedy = f"claim {_figure(interval.low)} or more, or measure anew"
            yield Finding(live.deployment.name, message, remedy, interval.low, claimed, unit)


def _figure(value: float) -> str:
    return f"{value:,.12g}"


RULES = (
    Rule(
        name="session-costs-have-evidence",
        condition="What a session costs says where it comes from; what is called measured has its measurement beside it; where "
        "the "
        "organisation asks for measurements, they are recent.",
        why="Every ceiling is a limit divided by this figure: a guess that nobody sees is a guess that nobody mends.",
        reads="`session-basis`, `session-source` and `session-measured` of live Deployments; the floor "
        "`maximum_measurement_age_days`; the day.",
        remedy="`headroom calibrate`, and deploy with its figures.",
        check=_session_costs_have_evidence,
    ),
    Rule(
        name="session-costs-cover-measurement",
        condition="No cost of a session, or of an empty pod, is claimed below the interval that was measured for it.",
        why="Sessions that cost more than is claimed fill a pod before its ceiling, and end in the middle of a call.",
        reads="the claimed costs and `session-measured` of live Deployments.",
        remedy="Claim what was measured, or measure anew.",
        check=_session_costs_cover_measurement,
    ),
)
