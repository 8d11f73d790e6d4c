"""Wall clocks, and the weeks in which they change."""

from datetime import UTC, date, datetime

import numpy as np

from headroom.forecast.zones import DAY_MS, from_local, local_day, midnight_ms, shift_weeks, to_local

_HOUR_MS = 3_600_000
_ZONE = "America/New_York"


def _ms(*fields: int) -> int:
    return round(datetime(*fields, tzinfo=UTC).timestamp()) * 1000  # type: ignore[arg-type,misc]


def test_weeks_with_a_change_of_clocks_have_167_and_169_hours() -> None:
    """Weeks run from Monday to Monday of the zone's clocks, not by 168 hours."""
    spring = midnight_ms(date(2026, 3, 9), _ZONE) - midnight_ms(date(2026, 3, 2), _ZONE)
    autumn = midnight_ms(date(2026, 11, 2), _ZONE) - midnight_ms(date(2026, 10, 26), _ZONE)
    assert (spring, autumn) == (167 * _HOUR_MS, 169 * _HOUR_MS)


def test_local_times_and_instants_are_each_others_inverse() -> None:
    """Every quarter of an hour of two years, but the repeated ones, comes back as it was."""
    instants = np.arange(_ms(2026, 1, 1), _ms(2028, 1, 1), _HOUR_MS // 4, dtype=np.int64)
    back = from_local(to_local(instants, _ZONE), _ZONE)
    changed = instants[back != instants]
    assert len(changed) == 2 * 4
    assert (np.isin(changed // DAY_MS, [_ms(2026, 11, 1) // DAY_MS, _ms(2027, 11, 7) // DAY_MS])).all()


def test_a_shift_keeps_the_hour_of_the_day_over_a_change_of_clocks() -> None:
    """Nine o'clock of a summer week is nine o'clock of the winter week to which it is moved."""
    nine_in_july = np.array([_ms(2026, 7, 6, 13)], dtype=np.int64)
    assert shift_weeks(nine_in_july, 22, _ZONE).tolist() == [_ms(2026, 12, 7, 14)]


def test_a_day_is_that_of_the_zones_clocks() -> None:
    """One hour after midnight UTC it is still the day before in New York."""
    assert local_day(_ms(2026, 11, 2, 1), _ZONE) == date(2026, 11, 1)
