"""What must be held, and when: the terms of required(t)."""

from dataclasses import dataclass
from datetime import date

from capacity.lock import VerticalForecast

QUARTER_DAYS = 91


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


def required(forecast: VerticalForecast, data_end: date, day: date, burst: float, growth_per_quarter: float) -> Required:
    """Return the sessions that must be held on a day.

    required(t) = max(burst x growth(t) x forecast peak, 95% quantile of the maximum over the horizon). Growth and burst
    multiply the forecast peak only: the extreme quantile already speaks of the maximum.
    """
    grown = burst * growth_factor((day - data_end).days, growth_per_quarter) * forecast.peak
    terms = [("burst x growth x forecast peak", grown)]
    if forecast.extreme is not None:
        terms.append(("95% of the maximum over the horizon", float(forecast.extreme.q95)))
    binding, sessions = max(terms, key=lambda term: term[1])
    return Required(sessions, binding, tuple(terms))
