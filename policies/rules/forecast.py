"""Rules on the forecast lock: it is of now, and says no more than was measured."""

from collections.abc import Iterator

from policies.evidence import Context, usable
from policies.figures import count
from policies.lock import Backtest, Load, Lock
from policies.rule import Finding, Rule, each

LOCK = "forecast lock"
FORECAST = "make the forecast anew and deploy with it"
_AIMED_AT = 0.95
"""Share of past weeks in which a forecast is to hold."""
_CHANCE = 0.01
"""Below it, a forecast that held so seldom does not hold 95% of the time."""


def _forecast_fresh(_stack: object, context: Context) -> Iterator[Finding]:
    lock, as_of = usable(context.lock), usable(context.as_of)
    if as_of < lock.data_end:
        yield Finding(LOCK, f"its data end on {lock.data_end}, after the day of the judgement, {as_of}", "correct as_of")
    if as_of > lock.valid_until:
        yield Finding(LOCK, f"it was valid until {lock.valid_until}; the judgement is of {as_of}", FORECAST)
    age = (as_of - lock.data_end).days
    oldest = usable(context.floors).maximum_forecast_age_days
    if age > oldest:
        message = f"its data are {age} days old on {as_of}; the organisation allows {oldest}"
        yield Finding(LOCK, message, FORECAST, oldest, age, "days")


def _forecast_claims_what_it_measured(_stack: object, context: Context) -> Iterator[Finding]:
    lock = usable(context.lock)

    def check(vertical: str) -> Iterator[Finding]:
        yield from _claims(lock, vertical, lock.verticals[vertical])

    yield from each(sorted(lock.verticals), lambda _: LOCK, check)


def _claims(lock: Lock, vertical: str, load: Load) -> Iterator[Finding]:
    if load.peak < load.seen:
        message = f"it says that {vertical} peaks at {count(load.peak)} sessions, and that {count(load.seen)} were measured"
        yield Finding(LOCK, message, FORECAST, load.seen, load.peak, "sessions")
    test = load.backtest
    if lock.kind == "declared" and (test is not None or load.basis == "measured"):
        message = f"it is declared, and says of {vertical} what only calls can show"
        yield Finding(LOCK, message, "forecast from calls, or declare nothing but the peak")
    if test is not None:
        yield from _holds(vertical, test)


def _holds(vertical: str, test: Backtest) -> Iterator[Finding]:
    for what, held, origins in (
        ("peak", test.held, test.origins),
        ("95% quantile of the maximum", test.extreme_held, test.extreme_origins),
    ):
        if held > origins:
            yield Finding(LOCK, f"the {what} of {vertical} held {held} times of {origins}: its counts are not counts", FORECAST)
        elif _chance(held, origins) < _CHANCE:
            message = (
                f"the {what} of {vertical} held {held} times of {origins}, where 95% is aimed at: so few come by chance once in "
                f"{1 / max(_chance(held, origins), 1e-9):,.0f}"
            )
            yield Finding(
                LOCK, message, "forecast from a longer history, or declare a higher peak", origins * _AIMED_AT, held, "weeks"
            )


def _chance(held: int, origins: int) -> float:
    """Return how likely so few or fewer hold of so many, where each holds with 95% (binomial)."""
    chance, total = (1 - _AIMED_AT) ** origins, 0.0
    for number in range(min(held, origins) + 1):
        total += chance
        chance *= (origins - number) / (number + 1) * _AIMED_AT / (1 - _AIMED_AT)
    return min(1.0, total)


RULES = (
    Rule(
        name="forecast-fresh",
        condition="The day of the judgement lies within the lock's validity, and its data are no older than the organisation "
        "allows.",
        why="Growth is a factor over the data's last day: the older they are, the more of the load is a guess.",
        reads="data_end and valid_days of the lock, the day, the floor `maximum_forecast_age_days`.",
        remedy="`headroom forecast ENV`.",
        check=_forecast_fresh,
    ),
    Rule(
        name="forecast-claims-what-it-measured",
        condition="A peak is not below what the lock itself measured; the counts of how often past forecasts held do not refute "
        "them; a declared lock claims nothing that only calls can show.",
        why="Everything is sized from the peak, and a peak that is too low looks the same as one that is not.",
        reads="basis, peak, weekly, next_week, extreme and backtest of every vertical of the lock.",
        remedy="Forecast from more calls, or declare a higher peak and its source.",
        check=_forecast_claims_what_it_measured,
    ),
)
