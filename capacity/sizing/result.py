"""What sizing a resource yields, and how it is put together from limits."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from capacity.shortfall import Shortfall

_EXACT = 1e-9
"""What binary fractions leave: 4 / 0.05 is 80."""
_UNITS = (("B", 1), ("Ki", 2**10), ("Mi", 2**20), ("Gi", 2**30), ("Ti", 2**40), ("kB", 10**3), ("MB", 10**6), ("GB", 10**9))


@dataclass(frozen=True)
class Limit:
    """The load that one limit of a resource holds."""

    name: str
    value: float
    """At 100% of the limit, in the sizing's unit."""
    formula: str
    source: str
    remedy: str = ""
    """The smallest change with which it safely holds what is required; empty where it does."""


@dataclass(frozen=True)
class Sizing:
    """What a resource holds, what it must hold, and what falls short."""

    resource: str
    unit: str
    hard: float
    """The load at 100% of the tightest limit, after the losses that the inputs say must be survived."""
    safe: float
    """Hard x safe utilisation; each of several like parts rounds down by itself."""
    required: float
    binding: str
    limits: tuple[Limit, ...]
    shortfall: Shortfall | None

    @property
    def provided(self) -> float:
        """What stands against `required`, in the word of plans and shortfalls: the safe ceiling."""
        return self.safe

    @property
    def headroom(self) -> float | None:
        """Safe / required - 1; None where nothing is required."""
        return self.safe / self.required - 1 if self.required else None


def sized(
    resource: str,
    scope: str,
    unit: str,
    required: float,
    limits: Sequence[Limit],
    *,
    safe_utilisation: float,
    parts: int | None = None,
    breaches: Iterable[Shortfall] = (),
) -> Sizing:
    """Return the sizing of a resource whose tightest limit binds.

    Args:
        resource: What is sized, as a shortfall names it.
        scope: The path of the inputs in their spec; remedies name figures by it.
        unit: The load's unit.
        required: The load that must be held.
        limits: What each limit holds of it; at least one.
        safe_utilisation: The share of the hard ceiling that may be planned on.
        parts: How many like parts make up the resource, each holding whole units; None where the load is not in whole units.
        breaches: Conditions that the inputs break whatever the load is. They are a shortfall even where the load is held.

    Raises:
        ValueError: the load is negative or not finite, or the safe utilisation not above 0 and at most 1.
    """
    hard_for(unit, required, safe_utilisation)
    binding = min(limits, key=lambda limit: limit.value)
    hard = binding.value
    safe = hard * safe_utilisation
    if parts is not None:
        safe = parts * whole(safe / parts) if parts else 0.0
    broken = list(breaches)
    if safe < required * (1 - _EXACT):
        held = f"{binding.name} holds {hard:,.6g}, {safe:,.6g} of them safely: {binding.formula}"
        reason = f"{required:,.6g} {unit} are required; {held}"
        remedy = together(limit.remedy for limit in limits)
        broken.insert(0, Shortfall(resource, scope, required, safe, unit, reason, remedy))
    shortfall = replace(broken[0], remedy=together(breach.remedy for breach in broken)) if broken else None
    return Sizing(resource, unit, hard, safe, required, binding.name, tuple(limits), shortfall)


def hard_for(name: str, required: float, safe_utilisation: float) -> float:
    """Return the hard ceiling of which the safe share is a load.

    Raises:
        ValueError: the load is negative or not finite, or the safe utilisation not above 0 and at most 1.
    """
    if not 0 < safe_utilisation <= 1:
        raise ValueError(f"safe utilisation must be above 0 and at most 1, got {safe_utilisation:g}")
    return load(name, required) / safe_utilisation


def load(name: str, value: float) -> float:
    """Return a load as it is; raises ValueError where it is negative or not finite."""
    if not (math.isfinite(value) and value >= 0):
        raise ValueError(f"{name} must be a finite number, 0 or more, got {value!r}")
    return value


def whole(value: float) -> int:
    """Return how many whole things there are, never fewer than none.

    >>> whole(0.3 / 0.1), whole(-2.0)
    (3, 0)
    """
    return max(0, math.floor(value + _EXACT))


def whole_up(value: float) -> int:
    """Return the least whole number of things that is not less.

    >>> whole_up(0.1 * 30), whole_up(3.001)
    (3, 4)
    """
    return math.ceil(value - _EXACT * max(1.0, abs(value)))


def raised(path: str, now: float, needed: float, show: Callable[[float], str] = "{:g}".format) -> str:
    """Return the remedy that raises a figure, or nothing where it is high enough.

    >>> raised("pools.general.nodes", 4, 6), raised("pools.general.nodes", 6, 6)
    ('raise pools.general.nodes from 4 to 6', '')
    """
    return f"raise {path} from {show(now)} to {show(needed)}" if needed > now else ""


def counted(number: float) -> str:
    """Return a whole number as a spec takes it, without separators or exponents.

    >>> counted(1_500_000.0)
    '1500000'
    """
    return f"{number:.0f}"


def as_size(size: float) -> str:
    """Return bytes as a spec takes them, exact, in the unit that needs the fewest characters.

    >>> as_size(613 * 2**20), as_size(400_000_000)
    ('613Mi', '400MB')
    """
    size = int(size)
    exact = [f"{size // factor}{unit}" for unit, factor in _UNITS if size % factor == 0]
    return min(exact, key=len)


def raised_size(path: str, now: int, needed: int) -> str:
    """Return the remedy that raises a size to whole mebibytes, for nobody writes finer ones, or nothing where it is high enough.

    >>> raised_size("queue.max_memory", 400_000_000, 400_000_001)
    'raise queue.max_memory from 400MB to 382Mi'
    """
    return f"raise {path} from {as_size(now)} to {-(-needed // 2**20)}Mi" if needed > now else ""


def lasting(seconds: float) -> str:
    """Return a span as a spec takes it, to the millisecond, rounded up.

    >>> lasting(90.0), lasting(0.0251)
    ('90s', '26ms')
    """
    milliseconds = whole_up(seconds * 1000)
    return f"{milliseconds // 1000}s" if milliseconds % 1000 == 0 else f"{milliseconds}ms"


def together(remedies: Iterable[str]) -> str:
    """Return several remedies as one text, each once, without the empty ones.

    >>> together(["raise a from 1 to 2", "", "raise b from 3 to 4"])
    'raise a from 1 to 2 and raise b from 3 to 4'
    """
    return " and ".join(dict.fromkeys(remedy for remedy in remedies if remedy))
