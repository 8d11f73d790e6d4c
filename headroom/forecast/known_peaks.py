"""The hours of the week that are busy week after week."""

import numpy as np
from numpy.typing import NDArray

from capacity.lock import WEEKDAYS, KnownPeak
from headroom.forecast.concurrency import Minutes
from headroom.forecast.quantiles import quantile
from headroom.forecast.weekly import FullWeeks
from headroom.forecast.zones import MINUTE_MS, midnight_ms, to_local

_HOURS = 168
_THURSDAY_HOURS = 72
"""1970-01-01 was a Thursday: three days into its week."""


def known_peaks(minutes: Minutes, weeks: FullWeeks) -> tuple[KnownPeak, ...]:
    """Return the stretches of whole hours that come near the week's highest, week after week.

    An hour belongs to one if the median over the weeks of its maximum is at least four fifths of the highest
    hour's. Each stretch lies within one day of the zone's clocks. Its sessions are the highest that any of
    the weeks had in it, so that a floor made from it covers what was seen.
    """
    by_week = hourly_maxima(minutes, weeks)
    typical = [quantile(seen, 500) if len(seen) else 0 for seen in (hour[hour >= 0] for hour in by_week.T)]
    highest = max(typical)
    if highest == 0:
        return ()
    busy = [5 * value >= 4 * highest for value in typical]
    return tuple(
        KnownPeak(
            day=WEEKDAYS[first // 24],
            start=f"{first % 24:02}:00",
            end=f"{(last - 1) % 24 + 1:02}:00",
            zone=weeks.zone,
            sessions=int(by_week[:, first:last].max()),
        )
        for first, last in _runs(busy)
    )


def hourly_maxima(minutes: Minutes, weeks: FullWeeks) -> NDArray[np.int64]:
    """Return the highest concurrency of each hour of each week (rows are weeks, Monday 00:00 first).

    -1 stands for the hour that is skipped when clocks go forward; the hour that they repeat is one hour here.
    """
    highest = np.full((len(weeks.mondays), _HOURS), -1, dtype=np.int64)
    ends = [*weeks.mondays[1:], weeks.end]
    for row, (monday, end) in enumerate(zip(weeks.mondays, ends, strict=True)):
        week = minutes.between(midnight_ms(monday, weeks.zone), midnight_ms(end, weeks.zone))
        instants = week.first_ms + MINUTE_MS * np.arange(len(week.maxima), dtype=np.int64)
        hour = (to_local(instants, weeks.zone) // 3_600_000 + _THURSDAY_HOURS) % _HOURS
        np.maximum.at(highest[row], hour, week.maxima)
    return highest


def _runs(busy: list[bool]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for hour, is_busy in enumerate(busy):
        if not is_busy:
            continue
        if runs and runs[-1][1] == hour and hour % 24:
            runs[-1] = (runs[-1][0], hour + 1)
        else:
            runs.append((hour, hour + 1))
    return runs
