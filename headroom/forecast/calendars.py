"""Public holidays: left out of the weeks that are behind, assumed for those ahead."""

import math
from datetime import date, timedelta

from capacity.lock import WEEKDAYS, Holiday, Interval, VerticalForecast
from headroom.forecast.errors import BadHistory
from headroom.forecast.history import Coverage, HolidayRule


def holidays_within(rule: HolidayRule, days: Coverage, where: str) -> dict[date, str]:
    """Return the public holidays of some days by their names; raises BadHistory for a country, or part of it, not known."""
    import holidays

    years = range(days.first.year, days.end.year + 1)
    try:
        known = holidays.country_holidays(rule.country, subdiv=rule.subdivision, years=years)
    except NotImplementedError as error:
        remedy = "Give a country's two letters (ISO 3166-1), such as US, and a part of it only as the package holidays names it."
        raise BadHistory(where, f"holidays: {error}", remedy) from None
    return {day: name for day, name in sorted(known.items()) if days.first <= day < days.end}


def holidays_ahead(rule: HolidayRule | None, data_end: date, valid_days: int, where: str) -> tuple[Holiday, ...]:
    """Return the holidays on which a lock is valid, with the multiplier that is assumed for them."""
    if rule is None:
        return ()
    ahead = Coverage(data_end, data_end + timedelta(days=valid_days + 1))
    found = holidays_within(rule, ahead, where)
    return tuple(Holiday(day=day, name=name, multiplier=rule.multiplier) for day, name in found.items())


def with_holidays(forecast: VerticalForecast, ahead: tuple[Holiday, ...]) -> VerticalForecast:
    """Return a forecast that holds the load of the holidays ahead.

    A multiplier above 1 raises peak and extreme, for they must be held on that day too, and the known peaks of its weekday:
    floors go by the week. The figures are then assumed, and say so. One of 1 or less lowers nothing: other days still come.
    """
    forecast = forecast.model_copy(update={"holidays": ahead})
    busiest = max(ahead, key=lambda holiday: holiday.multiplier, default=None)
    if busiest is None or busiest.multiplier <= 1:
        return forecast
    times = busiest.multiplier
    said = f", times {times:g} for {busiest.name} on {busiest.day} (assumed)"
    weekdays = {WEEKDAYS[holiday.day.weekday()] for holiday in ahead}
    extreme = forecast.extreme
    if extreme is not None:
        between = extreme.interval
        extreme = extreme.model_copy(
            update={
                "q95": _times(extreme.q95, times),
                "interval": Interval(low=_times(between.low, times), high=_times(between.high, times)) if between else None,
                "method": extreme.method + said,
            }
        )
    return forecast.model_copy(
        update={
            "basis": "assumed",
            "peak": _times(forecast.peak, times),
            "statistic": forecast.statistic + said,
            "extreme": extreme,
            "known_peaks": tuple(
                peak.model_copy(update={"sessions": _times(peak.sessions, times)}) if peak.day in weekdays else peak
                for peak in forecast.known_peaks
            ),
        }
    )


def _times(sessions: int, multiplier: float) -> int:
    return math.ceil(sessions * multiplier - 1e-6)
