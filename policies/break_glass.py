"""Breaking the glass: a deploy that must go out at 3 a.m. goes out, with a reason, for a day at most, and everybody sees it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from policies.reasons import LEAST, says_why

LONGEST = timedelta(hours=24)
REASON, UNTIL = "HEADROOM_BREAK_GLASS_REASON", "HEADROOM_BREAK_GLASS_UNTIL"
"""The program's environment; the policy pack has both in its configuration."""


@dataclass(frozen=True)
class BreakGlass:
    """Every violation is let through until an instant."""

    reason: str
    until: datetime


@dataclass(frozen=True)
class Intact:
    """Somebody tried to break the glass, and why it held."""

    reason: str


def break_glass(reason: str | None, until: str | None, moment: datetime) -> BreakGlass | Intact | None:
    """Return whether the glass is broken at a moment, or why not; None where nobody tried.

    `until` is an instant such as 2026-11-02T04:00:00+00:00, at most 24 hours away.
    """
    if not reason and not until:
        return None
    try:
        end = datetime.fromisoformat(until or "")
    except (TypeError, ValueError):
        return Intact("it needs an end such as 2026-11-02T04:00:00+00:00")
    if not isinstance(reason, str) or not says_why(reason):
        return Intact(f"it needs a reason of at least {LEAST} characters")
    fault = _fault(end, moment)
    return BreakGlass(reason.strip(), end) if fault is None else Intact(fault)


def _fault(end: datetime, moment: datetime) -> str | None:
    if end.tzinfo is None:
        return "its end needs a zone, such as +00:00"
    if end <= moment:
        return f"it ended at {end.isoformat()}"
    if end > moment + LONGEST:
        return f"it may last {LONGEST.total_seconds() / 3600:g} hours at most"
    return None
