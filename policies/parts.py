"""One resource that cannot grow at once: what it holds, what is asked of it on a day, and how long more of it takes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from policies.figures import counts, exceeds
from policies.lock import Lock
from policies.rule import Finding

_HORIZON_DAYS = 730
"""Further ahead a geometric path says nothing that anyone should order by."""
_DAY_SECONDS = 86_400


@dataclass(frozen=True)
class Part:
    """A resource against its load, both as the gate recomputes them; what is asked never falls from one day to the next."""

    resource: str
    """Its name in the stack."""
    what: str
    """What is asked of it, as a message says it."""
    unit: str
    asked: Callable[[date], float]
    provided: Callable[[date], float]
    """What may be planned with: the safe share, less what may be gone."""
    holds: str
    """How that came about."""
    remedy: str
    lead_seconds: float | None
    """None or 0: more of it is there at once."""
    for_today: bool = False
    """Whether its own rule asks what it holds on the day of the judgement, and not on the lock's last valid day."""
    at_most: Callable[[], float] | None = None
    """What is asked with every workload at its maximum, where its own rule judges that; None: it judges the load."""

    def short(self, day: date) -> bool:
        """Return whether it holds less than is asked on a day."""
        return exceeds(self.asked(day), self.provided(day))

    def short_by_its_rule(self, day: date) -> bool:
        """Return whether its own rule refuses it on a day."""
        return self.short(day) if self.at_most is None else exceeds(self.at_most(), self.provided(day))


def shortfall(part: Part, lock: Lock) -> Iterator[Finding]:
    """Yield a finding where a part is short by the lock's last valid day."""
    day = lock.valid_until
    if part.short(day):
        asked, provided = part.asked(day), part.provided(day)
        must, have = counts(asked, provided)
        message = f"{part.what} {must} {part.unit} by {day}; it holds {have} ({part.holds})"
        yield Finding(part.resource, message, part.remedy, asked, provided, part.unit)


def late_order(part: Part, lock: Lock, as_of: date) -> Iterator[Finding]:
    """Yield a finding where more of a part, that is enough today, had to be ordered before today."""
    if not part.lead_seconds:
        return
    lead = int(part.lead_seconds // _DAY_SECONDS)
    late = min((as_of - lock.data_end).days + lead - 1, _HORIZON_DAYS)  # the last day for which an order of today comes too late
    if late < 0 or not part.short(lock.data_end + timedelta(days=late)):
        return
    if part.short_by_its_rule(as_of if part.for_today else lock.valid_until):
        return
    day = _first_short(part, lock.data_end, late)
    message = (
        f"the load passes what it holds on {day} ({part.holds}); more of it takes {lead} days, so it had to be ordered by "
        f"{day - timedelta(days=min(lead, day.toordinal() - 1))}"
    )
    yield Finding(part.resource, message, part.remedy, lead, (day - as_of).days, "days")


def _first_short(part: Part, start: date, late: int) -> date:
    """Return the first day on which a part is short that is so some days after the start."""
    low, high = 0, late
    while low < high:
        middle = (low + high) // 2
        if part.short(start + timedelta(days=middle)):
            high = middle
        else:
            low = middle + 1
    return start + timedelta(days=low)
