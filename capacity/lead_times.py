"""When what cannot grow at once will be too small, and when to order more of it."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from capacity.required import QUARTER_DAYS

HORIZON_DAYS = 730
"""Further ahead a geometric path says nothing that anyone should order by."""


@dataclass(frozen=True)
class LeadTime:
    """The first day on which a resource is too small, and the last on which ordering more helps."""

    short_on: date | None
    """None where it holds for two years."""
    order_by: date | None


def grows_past(data_end: date, ratio: float, growth_per_quarter: float) -> date | None:
    """Return the first day on which the load has grown by more than a ratio, or None where it does not within two years.

    growth(t) = g^(t / 91) passes r after 91 ln r / ln g days.

    >>> grows_past(date(2026, 11, 2), 4 / 3, 2.0)
    datetime.date(2026, 12, 10)
    """
    if ratio < 1:
        return data_end
    if growth_per_quarter <= 1:
        return None
    # The first whole day on which growth is above the ratio, not at it.
    days = math.floor(QUARTER_DAYS * math.log(ratio) / math.log(growth_per_quarter) + 1e-9) + 1
    return data_end + timedelta(days=days) if days <= HORIZON_DAYS else None


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
