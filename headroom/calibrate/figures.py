"""The figures of a spec that usage tells: what stands there, what was measured, and the file that says so."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Literal

from capacity.autoscaling import Lag
from capacity.providers.limits import GivenTokens, TokenLimited
from capacity.sizing.lag import KUBERNETES_SYNC
from capacity.spec import Spec
from capacity.verticals import LiveVertical
from headroom.calibrate.edits import flow, scalar, with_value
from headroom.calibrate.estimate import (
    Demand,
    Estimate,
    NotMeasured,
    cpu_line,
    descriptor_line,
    memory_line,
    peak_demand,
    start_up,
    tokens_a_session_minute,
)
from headroom.calibrate.line import CONFIDENCE, Interval
from headroom.calibrate.usage import Usage, VerticalUsage

Unit = Literal["bytes", "cores", "open files", "tokens", "s"]

SCRAPE_S = 60.0
"""Until a metric shows a load: Prometheus's default scrape_interval. Assumed, and said so where it counts."""
_DIGITS = 3
_SPEC = ("config", "headroom:spec")
_COSTS: dict[str, Unit] = {"memory": "bytes", "cpu": "cores", "descriptors": "open files"}
_WHOLE = ("bytes", "open files", "tokens", "s")
_SIZES = ((10**6, "MB"), (10**3, "kB"), (1, "B"))


@dataclass(frozen=True)
class Figure:
    """One figure of a spec: what stands there, and what was measured, rounded to the side that is safe."""

    path: tuple[str, ...]
    unit: Unit
    before: float
    after: float
    interval: Interval
    estimate: Estimate

    @property
    def below(self) -> bool:
        """Whether what stands in the spec is below the interval that was measured."""
        return self.before < self.interval.low


@dataclass(frozen=True)
class Unmeasured:
    """A figure that stays as it is, and why."""

    path: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class Calibration:
    """Everything that usage says of a spec."""

    origin: str
    first: date
    last: date
    figures: tuple[Figure, ...]
    deviation: float | None
    """Standard deviation of a session's tokens in a minute; None where its tokens are not measured."""
    unmeasured: tuple[Unmeasured, ...]
    demand: Mapping[str, Demand]

    @property
    def source(self) -> str:
        """What the spec names as the source of a measured figure."""
        return f"{self.origin}, {self.first} to {self.last}"


def calibrated(spec: Spec, usage: Usage) -> Calibration:
    """Return the figures of a spec that usage tells, each with its interval, and those that it does not, each with the reason."""
    found: list[Figure | Unmeasured] = []
    for name, vertical in spec.verticals.items():
        if isinstance(vertical, LiveVertical) and name in usage.verticals:
            found += _costs(name, vertical, usage.verticals[name])
    tokens, deviation = _tokens(spec, usage)
    found += [tokens, _lag(spec, usage)]
    times = [rows.time for rows in (each.rows for each in usage.verticals.values())]
    return Calibration(
        usage.origin,
        _day(min(float(time.min()) for time in times)),
        _day(max(float(time.max()) for time in times) - 1),
        tuple(each for each in found if isinstance(each, Figure)),
        deviation,
        tuple(each for each in found if isinstance(each, Unmeasured)),
        {name: peak_demand(each.rows) for name, each in usage.verticals.items()},
    )


def calibrated_text(text: str, spec: Spec, calibration: Calibration) -> str:
    """Return the text of a stack file with the figures of a calibration in place of those that stand there.

    A figure that is also given as uncertain gets what was measured as its bounds: the old ones need not hold the new figure.
    """
    for figure in calibration.figures:
        text = _with_figure(text, spec, calibration, figure)
    for name in dict.fromkeys(figure.path[1] for figure in calibration.figures if figure.path[0] == "verticals"):
        text = _with_record(text, name, calibration)
    return text


def _with_figure(text: str, spec: Spec, calibration: Calibration, figure: Figure) -> str:
    text = with_value(text, (*_SPEC, *figure.path), scalar(_written(figure.after, figure.unit)))
    section, stamp = (*_SPEC, *figure.path[:-1]), {"basis": "measured", **_origin(calibration)}
    if (key := ".".join(figure.path)) in spec.uncertain:
        text = _stamped(text, (*_SPEC, "uncertain", key), {**_around(figure), "confidence": CONFIDENCE, **stamp})
    if figure.path[0] == "model" and calibration.deviation is not None:
        text = _stamped(text, section, {"deviation": math.ceil(_rounded(calibration.deviation, up=True)), **stamp})
    if figure.path[0] == "scaling":
        text = _stamped(text, section, {**stamp, "source": f"{calibration.source}: {figure.estimate.note}"})
    return text


def _with_record(text: str, name: str, calibration: Calibration) -> str:
    session = (*_SPEC, "verticals", name, "session")
    measured = {figure.path[-1]: figure for figure in calibration.figures if figure.path[:2] == ("verticals", name)}
    if measured.keys() >= _COSTS.keys():
        text = _stamped(text, session, {"basis": "measured", **_origin(calibration)})
    pairs = [f"{_bounds(measured[cost])}, {_bounds(measured[f'base_{cost}'])}" for cost in _COSTS if cost in measured]
    record = ",\n".join([*pairs, flow(_origin(calibration))[1:-1]])
    return with_value(text, (*session, "measured"), f"{{{record}}}")


def _origin(calibration: Calibration) -> dict[str, str | float]:
    return {"source": calibration.source, "date": calibration.last.isoformat()}


def _costs(name: str, vertical: LiveVertical, usage: VerticalUsage) -> Iterator[Figure | Unmeasured]:
    lines = {"memory": memory_line(usage.rows), "cpu": cpu_line(usage.rows), "descriptors": descriptor_line(usage.rows)}
    for cost, line in lines.items():
        unit = _COSTS[cost]
        path, base = ("verticals", name, "session", cost), ("verticals", name, "pod", f"base_{cost}")
        if isinstance(line, NotMeasured):
            yield Unmeasured(path, line.reason)
            continue
        # The base of descriptors is one process's; what was measured is the container's.
        share = 1 / vertical.pod.workers if cost == "descriptors" else 1.0
        yield _figure(path, unit, getattr(vertical.session, cost), line.session)
        yield _figure(base, unit, getattr(vertical.pod, f"base_{cost}"), _scaled(line.base, share, 0.0))


def _tokens(spec: Spec, usage: Usage) -> tuple[Figure | Unmeasured, float | None]:
    path = ("model", "primary", "tokens_per_session_minute", "value")
    primary = spec.model.primary
    if not isinstance(primary, TokenLimited):
        return Unmeasured(path, f"the first provider is {primary.kind}: its limit is not of tokens"), None
    given = primary.tokens_per_session_minute
    if not isinstance(given, GivenTokens):
        return Unmeasured(path, "it is computed from the conversation"), None
    tokens = tokens_a_session_minute(usage.verticals.values())
    if isinstance(tokens, NotMeasured):
        return Unmeasured(path, tokens.reason), None
    return _figure(path, "tokens", given.value, tokens.mean), tokens.deviation


def _lag(spec: Spec, usage: Usage) -> Figure | Unmeasured:
    measured = {name: start_up(each.starts) for name, each in usage.verticals.items()}
    known = {name: each for name, each in measured.items() if isinstance(each, Estimate)}
    lag = spec.scaling.lag
    path = ("scaling", "lag", "value") if isinstance(lag, Lag) else ("scaling", "lag", "start", "value")
    if not known:
        reasons = (f"{name}: {each.reason}" for name, each in measured.items() if isinstance(each, NotMeasured))
        return Unmeasured(path, "; ".join(reasons))
    slowest = max(known, key=lambda name: known[name].value)
    said = f"95% of {known[slowest].sample.points} pods of {slowest} were ready {known[slowest].value:.0f}s after creation"
    if isinstance(lag, Lag):
        sync = KUBERNETES_SYNC.value
        said += f", {sync:.0f}s sync and {SCRAPE_S:.0f}s scrape added by default"
        return _figure(path, "s", lag.value, replace(_scaled(known[slowest], 1.0, sync + SCRAPE_S), note=said))
    before = sum(stage.value for stage in (lag.scheduling, lag.node, lag.image) if stage is not None)
    if known[slowest].interval.low <= before:
        return Unmeasured(path, f"{said}; the stages before the start are claimed to take {before:.0f}s")
    said += f", {before:.0f}s of it the claimed stages before the start"
    return _figure(path, "s", lag.start.value, replace(_scaled(known[slowest], 1.0, -before), note=said))


def _scaled(estimate: Estimate, factor: float, added: float) -> Estimate:
    interval = Interval(estimate.interval.low * factor + added, estimate.interval.high * factor + added)
    return replace(estimate, value=estimate.value * factor + added, interval=interval)


def _figure(path: tuple[str, ...], unit: Unit, before: float, estimate: Estimate) -> Figure:
    interval = Interval(_rounded(estimate.interval.low, up=False), _rounded(estimate.interval.high, up=True))
    after = _rounded(estimate.value, up=True)
    if path[-1] == "descriptors":
        after = max(1.0, float(math.ceil(interval.low)))  # files are whole: the least number that was not ruled out
    elif unit in _WHOLE:
        after = float(math.ceil(after))
    return Figure(path, unit, before, after, interval, estimate)


def _rounded(value: float, *, up: bool) -> float:
    """Return a figure of three digits that is not below, or not above, the one given."""
    if value <= 0:
        return 0.0
    places = _DIGITS - 1 - math.floor(math.log10(value))
    towards = math.ceil if up else math.floor
    return round(towards(round(value * 10.0**places, 6)) / 10.0**places, max(0, places))


def _written(value: float, unit: Unit) -> str | float:
    if unit == "s":
        return f"{value:.12g}s"
    if unit != "bytes":
        return value
    size, name = next((size, name) for size, name in _SIZES if value >= size or size == 1)
    return f"{value / size:.12g}{name}"


def _bounds(figure: Figure) -> str:
    bounds = {"low": _written(figure.interval.low, figure.unit), "high": _written(figure.interval.high, figure.unit)}
    return f"{figure.path[-1]}: {flow(bounds)}"


def _around(figure: Figure) -> dict[str, str | float]:
    """Return the measured bounds with the figure strictly inside, where rounding put it on one of them or past it."""
    low = min(figure.interval.low, _rounded(figure.after * 0.999, up=False))
    high = max(figure.interval.high, _rounded(figure.after * 1.001, up=True))
    if figure.unit in _WHOLE:
        low, high = math.floor(low), math.ceil(high)
    return {"low": _written(low, figure.unit), "high": _written(high, figure.unit)}


def _stamped(text: str, section: tuple[str, ...], stamp: Mapping[str, str | float]) -> str:
    for key, value in stamp.items():
        text = with_value(text, (*section, key), scalar(value))
    return text


def _day(time: float) -> date:
    return datetime.fromtimestamp(time, UTC).date()
