"""The forecast lock: the load of an environment as a reviewed file."""

from datetime import date, timedelta
from typing import Annotated, Any, Literal, Self, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, model_validator

from capacity.figures import Basis, Frozen
from headroom.blueprint.canonical import digest

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = get_args(Weekday)
ClockTime = Annotated[str, Field(pattern=r"^([01]\d|2[0-4]):[0-5]\d$")]


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{name!r} is not a time zone of the IANA database, such as America/New_York") from None
    return name


Zone = Annotated[str, AfterValidator(_known_zone)]


class WeekOfPeaks(Frozen):
    """One week's quantiles of the concurrency at its busiest instant of each minute."""

    week: date
    """Its Monday, in the vertical's zone."""
    p99: int
    p999: int
    maximum: int


class Interval(Frozen):
    """Sessions between which a figure lies with nine chances in ten, as far as the past tells."""

    low: int = Field(ge=0)
    high: int = Field(ge=0)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"the interval's low end {self.low} is above its high end {self.high}")
        return self


class Extreme(Frozen):
    """The 95% quantile of the maximum over the horizon, from daily maxima; `Backtest` says how often it held."""

    q95: int = Field(ge=0)
    days_fitted: int = Field(ge=2)
    days_ahead: int = Field(ge=1)
    """Busy days within the lock's validity; the quantile is that of their maximum."""
    method: str
    interval: Interval | None = None
    """Of the quantile itself: days drawn again and fitted anew. Absent with fewer than nine weeks."""


class Holiday(Frozen):
    """A day within the lock's validity on which the load is assumed to be another than the history shows."""

    day: date
    name: str
    multiplier: float = Field(gt=0, le=10)
    """The load as a multiple of that of the same weekday. Assumed: thirteen weeks cannot show it."""


class Estimate(Frozen):
    """A measured figure and its 95% interval."""

    value: float
    low: float
    high: float

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.low <= self.value <= self.high:
            raise ValueError(f"the interval {self.low:g} to {self.high:g} does not hold its value {self.value:g}")
        return self


class StartRate(Frozen):
    """Calls that begin within one second: a load of its own, whatever their length."""

    p999: Estimate
    """99.9% quantile over all seconds of the weeks, ten minutes of each week being above it."""
    maximum: int = Field(ge=0)
    """The highest that was seen. Drawing days again cannot pass it, so the horizon's quantile stands for its interval."""
    extreme: Extreme | None = None
    """The 95% quantile of the highest second over the lock's validity."""


class Peakedness(Frozen):
    """Variance over mean of the starts in windows of one length; 1 is chance alone (Poisson)."""

    window_seconds: int = Field(gt=0)
    ratio: Estimate


class BusyHour(Frozen):
    """The hour of the week with the most starts."""

    day: Weekday
    start: ClockTime
    zone: Zone
    starts_per_minute: Estimate
    peakedness: tuple[Peakedness, ...]
    """Around each week's own level of that hour, so without the day effect; absent where one window has all starts."""


class Demand(Frozen):
    """How calls arrive and how long they hold: what theory needs beside a peak. Intervals are of days drawn again."""

    days: int = Field(gt=0)
    """Days with at least one call; one without was closed."""
    starts_per_second: StartRate
    holding_seconds: Estimate
    """Mean length of a call, that of open ones by Kaplan-Meier."""
    holding_limit_seconds: float = Field(ge=0)
    """The longest call that ended: open ones count in the mean up to here."""
    overdispersion: Estimate
    """Variance over mean of the starts a minute around the hour-of-week profile; the day effect is in it."""
    day_cv: Estimate
    """Coefficient of variation of the random factor that all of a day's calls share."""
    busy_hour: BusyHour | None = None
    method: str


class Candidate(Frozen):
    """One way to bound the next week's peak, and how it did on weeks that it had not seen."""

    name: str
    score: float = Field(ge=0)
    """Mean pinball loss at 95%, in sessions: 0.95 a session too low, 0.05 a session too high. Less is better."""
    held: int = Field(ge=0)
    """Origins whose next week stayed at or below the bound."""
    bound: int = Field(ge=0)
    """What it says now, of the week after the data."""
    weight: float = Field(default=0, ge=0, le=1)
    """What it counts for in the bound that is used; the baseline counts for nothing there, it is the peak's floor."""


class Backtest(Frozen):
    """What the forecast would have said in past weeks, and what came. It claims no more than these counts."""

    weeks: int = Field(ge=1)
    """Full weeks of history."""
    first_origin: date
    """The Monday of the first week that was forecast, from the weeks before it."""
    origins: int = Field(ge=1)
    """Weeks forecast, one after another."""
    candidates: tuple[Candidate, ...]
    chosen: str
    """The candidate with the greatest weight."""
    bound_score: float = Field(default=0, ge=0)
    """Mean pinball loss of the candidates' weighted mean, as it would have been weighted then."""
    bound_held: int = Field(default=0, ge=0)
    """Origins whose next week stayed at or below that mean: 95% is aimed at."""
    held: int = Field(ge=0)
    """Origins whose next week stayed at or below the peak as it would have been then: that mean, or the highest of 13 weeks."""
    extreme_origins: int = Field(default=0, ge=0)
    """Weeks from which the 95% quantile of the maximum over the horizon could be compared with what came; they overlap."""
    extreme_score: float = Field(default=0, ge=0)
    extreme_held: int = Field(default=0, ge=0)
    """Of these, the ones whose maximum stayed at or below the quantile: 95% is aimed at."""


class LagGrowth(Frozen):
    """How far the load rises within the scaling lag, before a new pod can answer."""

    seconds: float = Field(gt=0)
    """The lag: from load rise to ready pod."""
    ratio: float = Field(ge=1)
    """Growth within the lag from a minute with at least a quarter of the peak."""
    quiet_sessions: int = Field(ge=0)
    """Sessions reached within the lag from a minute with less than a quarter of the peak: what the lowest floor must hold."""
    basis: Basis
    source: str


class KnownPeak(Frozen):
    """A stretch of the week that is known to be busy."""

    day: Weekday
    start: ClockTime
    end: ClockTime
    zone: Zone
    sessions: int = Field(gt=0)

    @model_validator(mode="after")
    def _ends_after_start(self) -> Self:
        if self.start >= self.end:
            raise ValueError(f"ends at {self.end}, which is not after its start {self.start}; a peak over midnight is two")
        return self


class VerticalForecast(Frozen):
    """The load of one vertical."""

    basis: Basis
    source: str
    peak: int = Field(gt=0)
    """Concurrent sessions at the forecast peak, at the end of the data."""
    statistic: str
    """What the peak is: the law and the data behind it."""
    next_week: Interval | None = None
    """The 99.9% quantile of the week after the data, before holidays. The peak is its high end, or the highest of the last weeks
    where that is more. Absent with fewer than nine weeks."""
    weekly: tuple[WeekOfPeaks, ...] = ()
    extreme: Extreme | None = None
    measured_burst: float | None = Field(default=None, ge=1)
    """Peak over median of 28 days; reported, never multiplied with the spec's burst."""
    mean_sessions: float | None = Field(default=None, ge=0)
    """Sessions on average over all hours, closed ones included: what minutes are billed by. None where nobody knows."""
    lag: LagGrowth
    known_peaks: tuple[KnownPeak, ...] = ()
    holidays: tuple[Holiday, ...] = ()
    """Those within the lock's validity; the highest multiplier above 1 is in `peak`, `extreme` and that weekday's known peaks."""
    demand: Demand | None = None
    """Absent where fewer than four full weeks are known."""
    backtest: Backtest | None = None
    """Absent where the history is too short to look back from any week."""


class DataSource(Frozen):
    """One input of the forecast and what became of its rows."""

    name: str
    kind: Literal["calls", "starts", "counts", "generated"]
    digest: str
    rows: int = Field(ge=0)
    used: int = Field(ge=0)
    rejected: dict[str, int] = Field(default_factory=dict)
    """Rows that were not used, by reason."""
    open: int = Field(default=0, ge=0)
    """Rows of `used` whose call had not ended when the data did."""
    shifted_weeks: int = 0
    """Whole weeks by which an example's old data was moved to the present."""
    assumed: tuple[str, ...] = ()
    """What the data does not say and the forecast had to assume (durations of bare starts)."""


class ForecastLock(Frozen):
    """The load of every vertical of an environment, dated, with its own digest."""

    version: Literal[1]
    environment: str
    kind: Literal["measured", "declared"]
    data_start: date | None = None
    data_end: date
    """Growth counts from here; the lock is valid for `valid_days` from here."""
    valid_days: int = Field(default=28, ge=1, le=91)
    sources: tuple[DataSource, ...] = ()
    verticals: dict[str, VerticalForecast]
    digest: str = ""
    """SHA-256 of the canonical JSON of everything else."""

    @property
    def valid_until(self) -> date:
        """The last day on which the lock may be used."""
        return self.data_end + timedelta(days=self.valid_days)

    def without_digest(self) -> dict[str, Any]:
        """Return the lock's content as JSON, but for the digest."""
        return self.model_dump(mode="json", exclude={"digest"}, exclude_defaults=True)

    def sealed(self) -> "ForecastLock":
        """Return the same lock with the digest of its content."""
        return self.model_copy(update={"digest": digest(self.without_digest())})
