"""A budget of time against the stages that use it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from capacity.shortfall import Shortfall
from capacity.sizing.result import Limit, Sizing, load

_EXACT = 1e-9


@dataclass(frozen=True)
class Stage:
    """The time that one stage takes."""

    name: str
    seconds: float
    source: str


def budgeted(
    resource: str, scope: str, budget_seconds: float, parts: Sequence[Stage], *, law: str, remedy: Callable[[float], str]
) -> Sizing:
    """Return a budget against the sum of its stages; `binding` is the stage that takes most.

    No safe utilisation: the margin of a time is in the quantile of its stages.

    Args:
        resource: What is sized, as a shortfall names it.
        scope: The path of the inputs in their spec.
        budget_seconds: The time that there is.
        parts: At least one.
        law: What is summed and what the budget is, for the reason.
        remedy: The smallest change that saves so many seconds.

    Raises:
        ValueError: the budget is negative or not finite.
    """
    load("budget_seconds", budget_seconds)
    total = sum(part.seconds for part in parts)
    over = total - budget_seconds
    longest = max(parts, key=lambda part: part.seconds)
    limits = tuple(
        Limit(
            part.name,
            max(0.0, part.seconds - over),
            f"{budget_seconds:g} s - {total - part.seconds:g} s of the others; it takes {part.seconds:g} s",
            part.source,
        )
        for part in parts
    )
    shortfall = None
    if over > _EXACT:
        reason = f"{law}: {total:g} s of {budget_seconds:g} s; {longest.name} takes most, {longest.seconds:g} s"
        shortfall = Shortfall(resource, scope, total, budget_seconds, "seconds", reason, remedy(over))
    return Sizing(resource, "seconds", budget_seconds, budget_seconds, total, longest.name, limits, shortfall)
