"""The shape of a week, as far as a forecast lock knows it."""

import math
from dataclasses import dataclass
from datetime import date

from capacity.clocks import minutes_ahead, minutes_of_day
from capacity.lock import WEEKDAYS, KnownPeak, VerticalForecast
from capacity.scaling import Window

SLOT_MINUTES = 15
SLOTS_A_WEEK = 7 * 24 * 60 // SLOT_MINUTES
QUIET_SHARE = 0.25
"""Of the peak: below it the lock's lag growth calls a minute quiet."""


@dataclass(frozen=True)
class Profile:
    """A week from Monday, midnight, in pieces of equal length, as shares of the forecast peak."""

    shares: tuple[float, ...]
    basis: str
    """What the shape rests on."""


def known_week(forecast: VerticalForecast, zone: str, day: date) -> Profile:
    """Return the week of a vertical by the wall clock of a zone.

    In each known peak its sessions; elsewhere the same load all through, such that the week's mean is the lock's. Where the lock
    has no mean, a quarter of the peak. Where it has no known peak, the whole peak all week: nobody knows the hours.

    Known peaks of another zone are moved by what the clocks differ on `day`. A slot that is partly in one counts as in it.
    """
    if not forecast.known_peaks:
        return Profile((1.0,) * SLOTS_A_WEEK, "the whole peak all day: the lock has no known peaks")
    sessions: list[float | None] = [None] * SLOTS_A_WEEK
    for peak in forecast.known_peaks:
        for slot in slots_of(peak, zone, day):
            sessions[slot] = max(sessions[slot] or 0.0, float(peak.sessions))
    known = [level for level in sessions if level is not None]
    if len(known) == SLOTS_A_WEEK:
        return Profile(tuple(level / forecast.peak for level in known), "known peaks all week")
    if forecast.mean_sessions is None:
        rest, why = QUIET_SHARE * forecast.peak, "a quarter of the peak (assumed)"
    else:
        rest = (forecast.mean_sessions * SLOTS_A_WEEK - sum(known)) / (SLOTS_A_WEEK - len(known))
        rest, why = (
            min(max(rest, 0.0), float(forecast.peak)),
            f"the rest of the week's mean of {forecast.mean_sessions:g} sessions",
        )
    return Profile(
        tuple((rest if level is None else level) / forecast.peak for level in sessions),
        f"known peaks; elsewhere {rest:.1f} sessions, {why}",
    )


def slots_of(peak: KnownPeak | Window, zone: str, day: date, *, lead_seconds: float = 0.0) -> list[int]:
    """Return the slots of a week, by a zone's clock, that a known peak and what leads it touch, were it all like `day`."""
    moved = WEEKDAYS.index(peak.day) * 24 * 60 + minutes_ahead(zone, day) - minutes_ahead(peak.zone, day)
    start, end = (minutes_of_day(clock) + moved for clock in (peak.start, peak.end))
    slots = range(math.floor((start - lead_seconds / 60) / SLOT_MINUTES), math.ceil(end / SLOT_MINUTES))
    return [slot % SLOTS_A_WEEK for slot in slots]
