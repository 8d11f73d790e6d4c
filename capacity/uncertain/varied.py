"""The figures of an environment that may be intervals."""

import difflib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from capacity.providers.limits import GivenTokens
from capacity.uncertain.interval import Interval, Quantiles
from capacity.units import parse_amount, parse_bytes, parse_cores, parse_seconds

if TYPE_CHECKING:  # the spec holds intervals and asks this module about them
    from capacity.load_path import LoadPath
    from capacity.spec import Spec

TOKENS = "model.primary.tokens_per_session_minute.value"


class NotAnInterval(ValueError):
    """An interval of a figure that does not exist, or one that its figure is not inside of."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"uncertain.{path}: {message}")
        self.path = f"uncertain.{path}"
        self.message = message


@dataclass(frozen=True)
class Varied:
    """One figure that may be an interval."""

    middle: float | None
    """As the spec says it; None where the load path does (capacity/load_path.py), which knows the forecast lock too."""
    read: Callable[[str | float], float]
    least: float = 0.0
    """What the figure is always above."""


def varied(spec: "Spec") -> dict[str, Varied]:
    """Return the figures that may be intervals, by path: those that an evaluation over draws (vertical.py, options.py) varies."""
    return dict(_varied(spec))


def check(intervals: Mapping[str, Interval], spec: "Spec") -> None:
    """Raise NotAnInterval unless each interval is one of a figure that can be varied, and holds it where the spec says it."""
    known = varied(spec)
    for path, interval in intervals.items():
        if path not in known:
            near = difflib.get_close_matches(path, known, n=1, cutoff=0.7)
            hint = f"did you mean {near[0]}?" if near else f"these can be: {', '.join(known)}"
            raise NotAnInterval(path, f"there is no such figure that can be an interval; {hint}")
        figure = known[path]
        if figure.middle is not None:
            _quantiles(path, interval, figure, figure.middle)


def quantiles(spec: "Spec", load: "LoadPath") -> dict[str, Quantiles]:
    """Return what is known of each uncertain figure of an environment, by path.

    Raises NotAnInterval where a figure of the load is not inside its interval, or nobody says it.
    """
    known, of_load = varied(spec), dict(_of_load(load))
    found: dict[str, Quantiles] = {}
    for path, interval in spec.uncertain.items():
        figure = known[path]
        middle = of_load.get(path) if figure.middle is None else figure.middle
        if middle is None:
            raise NotAnInterval(path, "neither the spec nor the forecast lock says the figure itself, which is the middle")
        found[path] = _quantiles(path, interval, figure, middle)
    return found


def _varied(spec: "Spec") -> Iterator[tuple[str, Varied]]:
    yield "margins.growth_per_quarter", Varied(spec.margins.growth_per_quarter, _number, least=1.0)
    if spec.blocked_call_cost is not None:
        yield "blocked_call_cost", Varied(spec.blocked_call_cost.amount, _number)
    for name, pool in spec.pools.items():
        if pool.price_per_node_hour is not None:
            yield f"pools.{name}.price_per_node_hour", Varied(pool.price_per_node_hour.amount, _number)
    for of_pool, shapes in spec.options.shapes.items():
        for name, shape in shapes.items():
            if shape.price_per_node_hour is not None:
                path = f"options.shapes.{of_pool}.{name}.price_per_node_hour"
                yield path, Varied(shape.price_per_node_hour.amount, _number)
    for name, vertical in spec.verticals.items():
        if vertical.kind != "queue":
            cost = vertical.session
            yield f"verticals.{name}.session.memory", Varied(cost.memory, _bytes)
            yield f"verticals.{name}.session.cpu", Varied(cost.cpu, parse_cores)
            yield f"verticals.{name}.session.descriptors", Varied(cost.descriptors, _number)
            yield f"verticals.{name}.mean_call", Varied(None, parse_seconds)
            yield f"forecast.{name}.peak", Varied(None, _number)
            yield f"forecast.{name}.lag.ratio", Varied(None, _number, least=1.0)
    tokens = getattr(spec.model.primary, "tokens_per_session_minute", None)
    if isinstance(tokens, GivenTokens):
        yield TOKENS, Varied(tokens.value, _count)


def _of_load(load: "LoadPath") -> Iterator[tuple[str, float]]:
    for name, forecast in load.lock.verticals.items():
        yield f"forecast.{name}.peak", forecast.peak
        yield f"forecast.{name}.lag.ratio", forecast.lag.ratio
    for name, seconds in load.mean_calls.items():
        yield f"verticals.{name}.mean_call", seconds


def _number(text: str | float) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"expected a number, got {text!r}") from None


def _count(text: str | float) -> float:
    return parse_amount(text if isinstance(text, str) else f"{text:g}")


def _bytes(text: str | float) -> float:
    return parse_bytes(str(text))  # a number alone is refused, as in the figure itself


def _quantiles(path: str, interval: Interval, figure: Varied, middle: float) -> Quantiles:
    try:
        low, high = figure.read(interval.low), figure.read(interval.high)
    except ValueError as unreadable:
        raise NotAnInterval(path, str(unreadable)) from None
    if not figure.least < low < middle < high:
        raise NotAnInterval(
            path, f"low < the figure itself < high is needed, all above {figure.least:g}; got {low:g}, {middle:g} and {high:g}"
        )
    return Quantiles(low, middle, high, interval.confidence, figure.least)
