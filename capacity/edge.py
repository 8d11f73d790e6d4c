"""The programs at the edge: what Cloudflare runs them with, and how far their storage has come."""

from datetime import date
from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from capacity.figures import Name, Source
from capacity.sizing.claims import GATHERED
from capacity.units import PositiveAmount, Seconds

FIRST_DATE = date(2026, 10, 1)
"""From this compatibility date on, pending calls and timers keep an object alive (Cloudflare changelog, 2026-10-01)."""


class Migration(NamedTuple):
    """One step in the life of the Durable Object classes: what it adds, under the tag that the account remembers."""

    tag: str
    new_classes: tuple[str, ...]


MIGRATIONS = (Migration("v1", ("TenantGate", "Pool", "CallSession")),)
"""In order, and only ever appended to: the account has applied its beginning."""


class Shield(Source):
    """What one address, and one tenant at one location, may ask for before anything is counted: against floods, not a cap."""

    namespace: int = Field(default=1001, gt=0)
    """The number of the binding's counters; scripts of one account with the same number share them."""
    requests: PositiveAmount = 600
    period: Literal[10, 60] = 60
    """Seconds over which they are counted; the binding knows these two (Cloudflare docs, rate limit binding)."""
    blocked: Seconds = 60.0
    """How long an address that asked for more is refused."""


class Scripts(Source):
    """The two Workers: the router, and the sessions that own the Durable Objects."""

    compatibility_date: date = Field(default=FIRST_DATE, ge=FIRST_DATE)
    """Of the runtime's behaviour; a later one is a change to be reviewed."""
    migration_tag: Literal["v1"] | None = None
    """The last migration that the account has applied; left out before the first. A migration is sent with every upload of
    its script and refused the second time, so the figure is raised once it was applied."""
    cpu: Annotated[Seconds, Field(le=300)] = 30.0
    """Processor time of one request or message (Cloudflare docs, Workers limits: 30 s unless set, 300 s at most)."""
    subrequests: PositiveAmount = 10_000
    """Of one request (Cloudflare docs, Workers limits)."""
    host: Name = "calls"
    """Where clients call: this label below the domain."""
    jurisdiction: Literal["eu", "fedramp", "us"] | None = None
    """Where the sessions of verticals with health data stay. Left out: anywhere; workerd on one machine knows none."""
    retry_after: Seconds = 30.0
    """When a refused caller may ask again."""
    administrators: str = Field(pattern=r"^[a-z0-9.-]+\.[a-z]{2,}$")
    """Whoever has an address of this mail domain may open what only people of the house may."""
    administrators_stay: Seconds = 8 * 3600.0
    """How long they need not sign in again."""
    shield: Shield = Shield(basis="declared", source="Cloudflare docs: rate limit binding, periods", date=GATHERED)
