"""Models that refuse what they do not know, and figures that carry their source."""

import datetime as dt
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Basis = Literal["measured", "declared", "assumed"]
Name = Annotated[str, Field(pattern=r"^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$")]
"""A lower-case name that Kubernetes takes as a namespace."""


class Frozen(BaseModel):
    """A value: unknown keys are refused, and nothing changes after it was made.

    Strict: read text with ``model_validate_json`` (lists are tuples and ISO days are dates there, not in Python mode).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Source(Frozen):
    """Where a figure comes from. `assumed` is shown as assumed to the end."""

    basis: Basis = "assumed"
    """`measured` on a running system, `declared` by somebody who answers for it, or `assumed`."""
    source: str = Field(default="no source given", min_length=1)
    """Who or what says so: a dashboard, a contract, a document."""
    date: dt.date | None = None
    """The day on which the source showed the figure."""


class Price(Source):
    """What one unit of something costs, in the spec's currency, on the day that its source showed it."""

    amount: float = Field(gt=0)
