"""When what cannot grow at once will be too small, and when to order more of it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from capacity.shortfall import Shortfall

HORIZON_DAYS = 730
"""Further ahead a geometric path says nothing that anyone should order by."""


@dataclass(frozen=True)
class LeadTime:
    """The first day on which a resource is too small, and the last on which ordering more helps."""

    short_on: date | None
    """None where it holds for two years."""
    order_by: date | None

    def document(self) -> dict[str, str | None]:
        """Return both days as JSON."""
        days = {"short_on": self.short_on, "order_by": self.order_by}
        return {key: None if day is None else day.isoformat() for key, day in days.items()}


def first_day(start: date, short: Callable[[date], bool]) -> date | None:
    """Return the first day from `start` on which something is short, or None within two years.

    `short` must stay true once it is: the load only grows.
    """
    low, high = 0, HORIZON_DAYS
    if not short(start + timedelta(days=high)):
        return None
    while low < high:
        middle = (low + high) // 2
        if short(start + timedelta(days=middle)):
            high = middle
        else:
            low = middle + 1
    return start + timedelta(days=low)


def lead_time(short_on: date | None, seconds: float) -> LeadTime:
    """Return the lead time of a resource that is short on a day and takes some seconds to get more of."""
    return LeadTime(short_on, short_on - timedelta(seconds=seconds) if short_on is not None else None)


def late_order(resource: str, scope: str, lead: LeadTime, as_of: date, *, what: str, remedy: str) -> Iterator[Shortfall]:
    """Yield a shortfall where more of something must be ordered before today, to be there in time."""
    if lead.short_on is None or lead.order_by is None or lead.order_by >= as_of:
        return
    yield Shortfall(
        resource,
        scope,
        (lead.short_on - lead.order_by).days,
        (lead.short_on - as_of).days,
        "days",
        f"{what} is short on {lead.short_on}; more had to be ordered by {lead.order_by}",
        remedy,
    )
