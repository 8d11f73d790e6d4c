"""Single figures that somebody claims: a vendor's limit, a kernel's default. Each with its source and day."""

from datetime import date

from pydantic import Field

from capacity.figures import Source
from capacity.units import PositiveAmount, PositiveSize, Seconds

GATHERED = date(2026, 10, 1)
"""The vendors' pages behind the defaults were read until October 2026; they carry its first day."""


class Count(Source):
    """A claimed number of things."""

    value: PositiveAmount


class Rate(Source):
    """A claimed number of things a second."""

    value: float = Field(gt=0)


class Span(Source):
    """A claimed time."""

    value: Seconds


class Bytes(Source):
    """A claimed size."""

    value: PositiveSize


class LongLead(Source):
    """What cannot grow at once."""

    lead_time: Seconds = 28 * 86400.0
    """How long more of it takes to get."""


def said(*sources: Source) -> str:
    """Return who says so, one after another, without repeating itself.

    >>> said(Source(), Source(basis="declared", source="a contract", date=date(2026, 10, 1)), Source())
    'assumed, no source given; declared, a contract, 2026-10-01'
    """
    texts = (f"{each.basis}, {each.source}" + (f", {each.date}" if each.date is not None else "") for each in sources)
    return "; ".join(dict.fromkeys(texts))
