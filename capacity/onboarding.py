"""New customers: the load that each is expected to bring, and what all of them add to a vertical's peak.

A customer's offered load at an instant is the rate at which its calls begin then x their mean length (Little's law), times the
part of its ramp that is behind it. Monte Carlo over start date, volume and the day gives the peak of the sum: peaks are neither
added, as if all came at the same hour, nor taken as independent, for a busy day is busy for all.
"""

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from statistics import NormalDist
from typing import TYPE_CHECKING, Self
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from capacity.clocks import minutes_of_day
from capacity.figures import Frozen, Source
from capacity.lead_times import HORIZON_DAYS
from capacity.lock import WEEKDAYS, ClockTime, VerticalForecast, Weekday, Zone
from capacity.sizing.poisson import poisson_quantile
from capacity.units import PositiveAmount, Seconds

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Whole = NDArray[np.int64]

QUANTILE = 0.95
DAY_CV = 0.09
"""Of the random factor that all calls of a day share, where the lock has none: of the bank calls of R's fpp3, 164 weekdays."""
DRAWS = 10_000
_SEED = 22
_SLOT_MINUTES = 15
"""Every offset of the time zone database since 1972 is a multiple of it, so that local hours begin with a slot."""
_HOURS = 24
_SLOTS = _HOURS * 60 // _SLOT_MINUTES
_BLOCK_DAYS = 28
"""Days held in memory at once."""


class StartDate(Frozen):
    """When a customer's first call comes: a triangular distribution. Days are those of UTC."""

    earliest: date
    likely: date
    latest: date

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.earliest <= self.likely <= self.latest:
            raise ValueError(f"expected earliest <= likely <= latest, got {self.earliest}, {self.likely}, {self.latest}")
        return self


class CallsADay(Frozen):
    """Calls on a day on which the customer is open, once it has ramped up: a median, and an interval around it."""

    low: PositiveAmount
    mid: PositiveAmount
    """As likely too low as too high."""
    high: PositiveAmount
    confidence: float = Field(gt=0, lt=1)
    """The chance that the volume lies between low and high; outside, either side is as likely."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.low <= self.mid <= self.high:
            raise ValueError(f"expected low <= mid <= high, got {self.low}, {self.mid}, {self.high}")
        return self


class Hours(Frozen):
    """When a customer's calls come, by its own clock: between two times of a day, or by a weight for each hour."""

    zone: Zone
    days: tuple[Weekday, ...] = Field(default=WEEKDAYS, min_length=1)
    """On which it is open."""
    open: ClockTime | None = None
    close: ClockTime | None = None
    peak_to_mean: float | None = Field(default=None, ge=1)
    """Load of its busiest hour over the mean of its open hours. Left out: the burst factor of its vertical."""
    weights: tuple[float, ...] | None = None
    """One for each hour from midnight, of any sum."""

    @property
    def opening(self) -> tuple[int, int]:
        """When it opens and closes, in minutes of the day; both 0 where weights say it."""
        return minutes_of_day(self.open or "00:00"), minutes_of_day(self.close or "00:00")

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.open is None) != (self.close is None) or (self.open is None) == (self.weights is None):
            raise ValueError("give open and close, or 24 weights")
        if self.weights is not None:
            if len(self.weights) != _HOURS or min(self.weights) < 0 or sum(self.weights) <= 0:
                raise ValueError("expected 24 weights, none of them negative and one above 0")
            if self.peak_to_mean is not None:
                raise ValueError("weights say by themselves how far the peak is above the mean; leave peak_to_mean out")
        elif not 0 <= self.opening[0] < self.opening[1] <= _HOURS * 60:
            raise ValueError(f"closes at {self.close}, which is not after {self.open} or past 24:00; give weights for a night")
        return self


class Customer(Source):
    """The load profile that a new customer ships with."""

    name: str = Field(min_length=1, max_length=80)
    vertical: str
    plan: str = Field(min_length=1)
    """What it bought: one of `plans`, where the spec sells any. Its cap is the tenant's, not this profile's."""
    start: StartDate
    ramp: Seconds | None = None
    """From the first call to the full volume, in a straight line. Left out: at once."""
    calls_a_day: CallsADay
    call: Seconds
    """Mean length."""
    hours: Hours


@dataclass(frozen=True)
class Share:
    """What one customer brings to the peak."""

    customer: Customer
    erlangs: float
    """Its offered load at the peak of the sum, mean of the draws around the quantile: from 92.5% to 97.5%."""
    share: float
    """Of all new customers' load there."""


@dataclass(frozen=True)
class Onboarding:
    """What a vertical's forecast peak and its new customers ask for together."""

    data_end: date
    until: date
    """The last day of the horizon: what is not said of another day is said of the days up to it."""
    existing: int
    """The forecast peak."""
    offered_by_day: tuple[float, ...]
    """Erlangs: 95% quantile of the customers' maximum from the data end to each day. Nothing changes after the last."""
    offered_low: float
    """The same with 5%."""
    diversity: float
    """Sum of the customers' own peaks over the peak of their sum, both as means over draws; 1 and more."""
    shares: tuple[Share, ...]
    """The customer that binds most first."""
    mean_sessions: float
    """Of all of them over a week at the level of the horizon's last day: expected, not a quantile."""
    formula: str

    def offered_on(self, day: date) -> float:
        """Return the erlangs of new customers that are stayed below with 95% from the data end to a day."""
        return self.offered_by_day[min(max(0, (day - self.data_end).days), len(self.offered_by_day) - 1)]

    def sessions_on(self, day: date) -> float:
        """Return the sessions that forecast peak and customers ask for from the data end to a day; it never falls."""
        return float(self.existing + _with_noise(self.offered_on(day)))

    @property
    def sessions(self) -> float:
        """Sessions asked for by the horizon's end."""
        return self.sessions_on(self.until)

    @property
    def interval(self) -> tuple[float, float]:
        """The sessions of the draw at 5% and of that at 95%, which is the figure that counts."""
        return float(self.existing + _with_noise(self.offered_low)), self.sessions


def onboarding(
    customers: Sequence[Customer], forecast: VerticalForecast, data_end: date, until: date, *, burst: float, draws: int = DRAWS
) -> Onboarding:
    """Return what the new customers of one vertical add to its forecast peak, from the data end to each day.

    Each draw has a start (triangular) and a volume (`calls_at`) of each customer, from numbers that hang on its name alone, so
    that a change of one leaves the others as they are; a factor for each day (lognormal, mean 1, the lock's `day_cv`, else 0.09),
    the same for all customers and verticals; and the highest quarter of an hour of the sum. Daylight saving counts on its dates.
    The figure is the 95% quantile of Poisson calls at the 95% quantile of the draws' maxima: the noise of one instant, while a
    horizon has many.

    The forecast peak is taken to stand at the very hour at which the customers peak, for the lock does not say when it comes, and
    without burst, growth and day factor (which is in it). So the sum is never too little for its shape. A customer that began
    before the data end counts in full, though the forecast has some of it: take it out of the spec once its calls are in the
    history.

    Hours given as open and close make a flat, typical load; it is turned into a peak by `peak_to_mean`, else by the vertical's
    measured burst factor, else by `burst`. The latter two are peaks over the median of many days, so no day factor comes on top.

    Raises:
        ValueError: there are no customers, or the horizon ends before the data.

    """
    import numpy as np

    if not customers:
        raise ValueError("onboarding needs at least one customer; a vertical without has no such term")
    if until < data_end:
        raise ValueError(f"the horizon ends on {until}, before the data does on {data_end}")
    known = sorted(customers, key=lambda customer: customer.name)
    typical_to_peak = forecast.measured_burst or burst
    last = (until - data_end).days
    days = max(last, min(HORIZON_DAYS, max(_settled(customer, data_end) for customer in known))) + 1
    shapes = {hours: _shape(hours, typical_to_peak, data_end, days) for hours in dict.fromkeys(c.hours for c in known)}
    cv = forecast.demand.day_cv.value if forecast.demand is not None else DAY_CV
    factors, drawn = _day_factors(cv, days, draws), _Draws(known, data_end, draws)
    sum_of = _Sum(np.zeros(draws), np.zeros(draws, dtype=np.int64), np.zeros(draws, dtype=np.int64))
    reached, by_day = sum_of, list[float]()
    for first in range(0, days, _BLOCK_DAYS):
        block = np.arange(first, min(first + _BLOCK_DAYS, days))
        amounts = {hours: np.zeros((len(block), draws)) for hours in shapes}
        for customer, start, amount in drawn:
            amounts[customer.hours] += amount * _ramped(customer, start, block[:, None])
        for place, day in enumerate(block):
            held = np.stack([amounts[hours][place] * _factor(hours, factors[day]) for hours in shapes], axis=1)
            columns, slots = np.unique(np.stack([shape[day] for shape in shapes.values()]), axis=1, return_index=True)
            sum_of = _higher(sum_of, held @ columns, int(day), slots)
            by_day.append(_quantile(sum_of.peaks, QUANTILE))
            reached = sum_of if day == last else reached
    return Onboarding(
        data_end=data_end,
        until=until,
        existing=forecast.peak,
        offered_by_day=tuple(by_day),
        offered_low=_quantile(reached.peaks, 1 - QUANTILE),
        diversity=_diversity(drawn, shapes, factors[: last + 1], reached),
        shares=_shares(drawn, shapes, factors, reached),
        mean_sessions=_mean_sessions(drawn, last),
        formula=(
            f"{forecast.peak:,} forecast peak + 95% of Poisson calls at {by_day[last]:,.1f} erlangs: 95% of the maximum of "
            f"{len(known):,} new customers from {data_end} to {until}, {draws:,} draws, cv of a day {cv:.2g}"
        ),
    )


def calls_at(calls: CallsADay, deviate: "float | Floats") -> "Floats":
    """Return the calls a day at standard normal deviates: lognormal, with low, mid and high exactly at their quantiles.

    Three figures fit one lognormal only where mid^2 = low x high; elsewhere its deviation below the median is not that above it.

    >>> [float(calls_at(CallsADay(low=500, mid=1000, high=4000, confidence=0.9), z).round(6)) for z in (-1.6448536269514722, 0.0)]
    [500.0, 1000.0]
    """
    import numpy as np

    at = np.asarray(deviate, dtype=np.float64) / NormalDist().inv_cdf((1 + calls.confidence) / 2)
    return np.asarray(calls.mid * np.where(at < 0, calls.mid / calls.low, calls.high / calls.mid) ** at)


def start_at(start: StartDate, data_end: date, chance: "float | Floats") -> "Floats":
    """Return the days from the data end by which the start has come with these chances: the triangular quantile."""
    import numpy as np

    low, mode, high = ((day - data_end).days for day in (start.earliest, start.likely, start.latest))
    chances = np.asarray(chance, dtype=np.float64)
    rising = low + np.sqrt(chances * (high - low) * (mode - low))
    falling = high - np.sqrt((1 - chances) * (high - low) * (high - mode))
    return np.asarray(np.where(chances * (high - low) < mode - low, rising, falling))


@dataclass(frozen=True)
class _Sum:
    """For each draw the highest load so far, and the day and slot that had it."""

    peaks: "Floats"
    days: "Whole"
    slots: "Whole"


def _higher(so_far: _Sum, loads: "Floats", day: int, slots: "Whole") -> _Sum:
    import numpy as np

    at = loads.argmax(axis=1)
    peaks = loads.max(axis=1)
    above = peaks > so_far.peaks
    return _Sum(np.where(above, peaks, so_far.peaks), np.where(above, day, so_far.days), np.where(above, slots[at], so_far.slots))


def _settled(customer: Customer, data_end: date) -> int:
    """Return after how many days a week of the customer's full volume is over, in every draw."""
    return (customer.start.latest - data_end).days + math.ceil((customer.ramp or 0.0) / 86400) + 7


@dataclass(frozen=True)
class _Draws:
    """The draws of every customer, made anew each time: all at once, thousands of customers would take gigabytes."""

    customers: Sequence[Customer]
    data_end: date
    number: int

    def __iter__(self) -> "Iterator[tuple[Customer, Floats, Floats]]":
        """Yield each customer, its start in days from the data end, and its volume in seconds of calls a day.

        Each of so many equal strata is drawn once, in an order of the customer's own: alone, it has the quantiles of its
        distribution.
        """
        import numpy as np

        chances = (np.arange(self.number) + 0.5) / self.number
        normal = NormalDist()
        deviates = np.asarray([normal.inv_cdf(chance) for chance in chances.tolist()])
        for customer in self.customers:
            stream = np.random.default_rng([_SEED, *hashlib.sha256(customer.name.encode()).digest()])
            start = start_at(customer.start, self.data_end, stream.permutation(chances))
            yield customer, start, calls_at(customer.calls_a_day, stream.permutation(deviates)) * customer.call


def _day_factors(cv: float, days: int, draws: int) -> "Floats":
    """Return the factor of each day and draw; a longer horizon leaves the earlier days' as they are."""
    import numpy as np

    deviation = math.sqrt(math.log1p(cv**2))
    return np.exp(deviation * np.random.default_rng([_SEED]).standard_normal((days, draws)) - deviation**2 / 2)


def _factor(hours: Hours, factors: "Floats") -> "Floats | float":
    return factors if hours.weights is not None or hours.peak_to_mean is not None else 1.0


def _ramped(customer: Customer, start: "Floats", day: "Whole") -> "Floats":
    """Return the share of the full volume that has come by the end of each day."""
    import numpy as np

    since = day + 1 - start
    return np.asarray(since > 0, dtype=np.float64) if customer.ramp is None else np.clip(since * 86400 / customer.ramp, 0, 1)


def _shape(hours: Hours, typical_to_peak: float, data_end: date, days: int) -> "Floats":
    """Return, by day and quarter of an hour of UTC, the erlangs that a second of calls a day makes."""
    import numpy as np

    of_day = np.zeros(_SLOTS)
    if hours.weights is not None:
        of_day += np.repeat(hours.weights, 60 // _SLOT_MINUTES) / (sum(hours.weights) * 3600)
    else:
        opens, closes = hours.opening
        # A slot that is open in part counts as open.
        of_day[opens // _SLOT_MINUTES : math.ceil(closes / _SLOT_MINUTES)] = (hours.peak_to_mean or typical_to_peak) / (
            (closes - opens) * 60
        )
    of_week = np.stack([of_day if day in hours.days else np.zeros(_SLOTS) for day in WEEKDAYS])
    midnight, zone = datetime.combine(data_end, time(), UTC), ZoneInfo(hours.zone)
    offsets = [(midnight + timedelta(hours=hour)).astimezone(zone).utcoffset() for hour in range(_HOURS * days)]
    ahead = np.repeat(
        [round(offset.total_seconds() / 60) if offset is not None else 0 for offset in offsets], 60 // _SLOT_MINUTES
    )
    local = np.arange(days * _SLOTS) + ahead // _SLOT_MINUTES
    return np.asarray(of_week[(data_end.weekday() + local // _SLOTS) % 7, local % _SLOTS].reshape(days, _SLOTS))


def _diversity(drawn: _Draws, shapes: "dict[Hours, Floats]", factors: "Floats", reached: _Sum) -> float:
    import numpy as np

    days = np.arange(len(factors))[:, None]
    sum_of_peaks = 0.0
    for customer, start, amount in drawn:
        busiest = shapes[customer.hours][: len(days)].max(axis=1)[:, None]
        alone = _ramped(customer, start, days) * busiest * _factor(customer.hours, factors)
        sum_of_peaks += float((amount * alone.max(axis=0)).mean())
    peak_of_sum = float(reached.peaks.mean())
    # Rounding alone could bring it below 1.
    return max(1.0, sum_of_peaks / peak_of_sum) if peak_of_sum > 0 else 1.0


def _shares(drawn: _Draws, shapes: "dict[Hours, Floats]", factors: "Floats", reached: _Sum) -> tuple[Share, ...]:

    half, draws = (1 - QUANTILE) / 2, len(reached.peaks)
    near = reached.peaks.argsort(kind="stable")[math.floor((QUANTILE - half) * draws) : math.ceil((QUANTILE + half) * draws)]
    day, slot = reached.days[near], reached.slots[near]
    brought: list[tuple[Customer, float]] = []
    for customer, start, amount in drawn:
        load = amount[near] * _ramped(customer, start[near], day) * shapes[customer.hours][day, slot]
        brought.append((customer, round(float((load * _factor(customer.hours, factors[day, near])).mean()), 6)))
    whole = sum(erlangs for _, erlangs in brought)
    shares = (Share(customer, erlangs, erlangs / whole if whole else 0.0) for customer, erlangs in brought)
    return tuple(sorted(shares, key=lambda share: -share.erlangs))


def _mean_sessions(drawn: _Draws, day: int) -> float:
    import numpy as np

    calls = 0.0
    for customer, start, amount in drawn:
        share_of_week = len(customer.hours.days) / len(WEEKDAYS)
        calls += float((amount * _ramped(customer, start, np.asarray(day))).mean()) * share_of_week
    return round(calls / 86400, 6)


def _quantile(peaks: "Floats", probability: float) -> float:
    """Return a draw, not a point between two; the last digits differ between processors and are dropped."""
    import numpy as np

    return round(float(np.quantile(peaks, probability, method="inverted_cdf")), 6)


def _with_noise(erlangs: float) -> int:
    return poisson_quantile(erlangs, QUANTILE)
