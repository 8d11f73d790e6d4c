"""The programs at the edge: what Cloudflare runs them with, and how far their storage has come."""

import re
from datetime import date
from typing import Annotated, Literal, NamedTuple

from pydantic import Field, field_validator

from capacity.figures import Frozen, Name, Source
from capacity.session_edge import Sessions
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


class Tokens(Frozen):
    """The tokens that tenants sign for each call of theirs, with keys of which KV holds the public halves."""

    life: Seconds = 300.0
    """The longest from issue to end; for so long the gate remembers calls that are over, so that no token is good for two."""
    skew: Seconds = 30.0
    """How far a tenant's clock may be off."""
    longest: PositiveAmount = 4096
    """Characters of one."""
    longest_id: Annotated[int, Field(gt=0, le=128)] = 128
    """Of a call, a tenant or a key; the queue's gateway takes as many."""
    remember: Annotated[Seconds, Field(ge=0, le=60)] = 1.0
    """How old what KV said of keys, plans and places may be: a flood of calls need not ask for each. KV is a minute behind."""


class Refusal(Frozen):
    """What becomes of a caller that finds no place."""

    texts: dict[str, str] = Field(
        default_factory=lambda: {
            "en": "All lines are busy just now. Please try again in a moment, or let us call you back.",
            "es": "Todas las líneas están ocupadas en este momento. Inténtelo de nuevo en unos instantes o deje que le llamemos.",
        },
        min_length=1,
    )
    """What it is told, by language (a tag such as `en` or `es-mx`); the first is for whoever understands none of them."""
    offer: Seconds = 20.0
    """How long its socket stays open for the answer to the offer of a callback."""
    longest_reply: PositiveAmount = 1024
    """Characters of that answer."""

    @field_validator("texts")
    @classmethod
    def _are_languages(cls, texts: dict[str, str]) -> dict[str, str]:
        for language, text in texts.items():
            if not re.fullmatch(r"[a-z]{2,3}(-[a-z0-9]{2,8})*", language) or not text.strip():
                raise ValueError(f"texts.{language}: give a text under a language tag in lower case, such as en or es-mx")
        return texts


class Delivery(Frozen):
    """How callbacks come from Cloudflare's queue to the gateways in the cluster."""

    batch: Annotated[int, Field(gt=0, le=100)] = 10
    """Messages that are handed over together (Cloudflare docs, Queues limits: 100 at most)."""
    wait: Annotated[Seconds, Field(le=60)] = 1.0
    """How long a batch may take to fill."""
    retries: Annotated[int, Field(ge=0, le=100)] = 60
    """After them a message is a dead letter, in a queue of its own (Cloudflare docs, Queues limits: 100 at most)."""
    first_retry: Annotated[Seconds, Field(le=43200)] = 10.0
    """Twice as long before each one after it."""
    longest_retry: Annotated[Seconds, Field(le=43200)] = 600.0
    """Sixty retries then span nine hours and a half: a night without a gateway."""


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
    tokens: Tokens = Tokens()
    refusal: Refusal = Refusal()
    delivery: Delivery = Delivery()
    session: Sessions = Sessions()
    reported: Seconds = 3600.0
    """How long a tenant's gate remembers what a call that is over used, so that a report that comes twice counts once."""
    administrators: str = Field(pattern=r"^[a-z0-9.-]+\.[a-z]{2,}$")
    """Whoever has an address of this mail domain may open what only people of the house may."""
    administrators_stay: Seconds = 8 * 3600.0
    """How long they need not sign in again."""
    shield: Shield = Shield(basis="declared", source="Cloudflare docs: rate limit binding, periods", date=GATHERED)
