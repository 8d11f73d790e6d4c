"""What must be held, and when: the terms of required(t)."""

from dataclasses import dataclass
from datetime import date

from capacity.lock import VerticalForecast

QUARTER_DAYS = 91
ONBOARDING = "forecast peak + onboarding"
"""The term that only verticals with new customers have."""


def growth_factor(days: float, growth_per_quarter: float) -> float:
    """Return the load after some days as a multiple of today's.

    The path is geometric: 1 today, `growth_per_quarter` thirteen weeks later. A day before the start counts as the start.

    >>> round(growth_factor(28, 2.0), 3)
    1.238
    """
    return float(growth_per_quarter ** (max(days, 0.0) / QUARTER_DAYS))


@dataclass(frozen=True)
class Required:
    """Sessions that must be held on a day, and the term that says so."""

    sessions: float
    binding: str
    terms: tuple[tuple[str, float], ...]


def required(
    forecast: VerticalForecast,
    data_end: date,
    day: date,
    burst: float,
    growth_per_quarter: float,
    *,
    onboarding: float | None = None,
) -> Required:
    """Return the sessions that must be held on a day.

    required(t) = max(burst x growth(t) x forecast peak, 95% quantile of the maximum over the horizon, onboarding). Growth and
    burst multiply the forecast peak only: the extreme quantile already speaks of the maximum, and so does `onboarding` (the
    sessions of capacity/onboarding.py on that day; None without new customers), where the customers stand for growth.

    Profiles of new customers only ever add: the grown forecast stays a term beside them, because the gate asks for it and knows
    no customers. A plan that took less would be refused.
    """
    grown = burst * growth_factor((day - data_end).days, growth_per_quarter) * forecast.peak
    terms = [("burst x growth x forecast peak", grown)]
    if forecast.extreme is not None:
        terms.append(("95% of the maximum over the horizon", float(forecast.extreme.q95)))
    if onboarding is not None:
        terms.append((ONBOARDING, onboarding))
    binding, sessions = max(terms, key=lambda term: term[1])
    return Required(sessions, binding, tuple(terms))
