"""Holidays: left out of the weeks behind, assumed for those ahead."""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from capacity.lock import Extreme, Holiday, Interval, KnownPeak, LagGrowth, VerticalForecast
from headroom.forecast.calendars import holidays_ahead, holidays_within, with_holidays
from headroom.forecast.concurrency import Minutes
from headroom.forecast.errors import BadHistory
from headroom.forecast.history import Coverage, HolidayRule
from headroom.forecast.load import load_history
from headroom.forecast.lock import forecast
from headroom.forecast.weekly import without_days
from headroom.forecast.zones import midnight_ms

_ZONE = "America/New_York"
_AS_OF = date(2026, 11, 2)
_THANKSGIVING = date(2026, 11, 26)
_RULE = HolidayRule("US", None, 1.5)


def _plain() -> VerticalForecast:
    return VerticalForecast(
        basis="measured",
        source="test",
        peak=101,
        statistic="a peak",
        extreme=Extreme(q95=120, days_fitted=65, days_ahead=20, method="a law", interval=Interval(low=110, high=131)),
        lag=LagGrowth(seconds=180, ratio=1.2, quiet_sessions=10, basis="measured", source="test"),
        known_peaks=(
            KnownPeak(day="mon", start="09:00", end="11:00", zone=_ZONE, sessions=90),
            KnownPeak(day="thu", start="09:00", end="11:00", zone=_ZONE, sessions=80),
        ),
    )


def _calls(folder: Path, extra: date, manifest: str) -> Path:
    """Write seven calls a day at ten from 3 August on, a hundred more on one day, and a manifest that names them."""
    rows = ["start,duration,vertical"]
    for step in range(91):
        day = date(2026, 8, 3) + timedelta(days=step)
        begin = f"{day}T10:00:00{'-05:00' if day >= date(2026, 11, 1) else '-04:00'}"
        rows += [f"{begin},1800,sales"] * (107 if day == extra else 7)
    (folder / "calls.csv").write_text("\n".join(rows), encoding="utf-8")
    path = folder / "history.yaml"
    path.write_text(f"sources:\n  - kind: calls\n    path: calls.csv\n{manifest}", encoding="utf-8")
    return path


def _sales(path: Path) -> VerticalForecast:
    history = load_history(path, as_of=_AS_OF, zone=_ZONE)
    return forecast("test", history, as_of=_AS_OF, lag_s=180.0).verticals["sales"]


def test_the_holidays_of_a_country_and_of_a_part_of_it_are_named() -> None:
    """November 2026: two of the whole of the United States; Texas keeps the day after Thanksgiving too."""
    november = Coverage(date(2026, 11, 1), date(2026, 12, 1))
    assert holidays_within(_RULE, november, "here") == {
        date(2026, 11, 11): "Veterans Day",
        _THANKSGIVING: "Thanksgiving Day",
    }
    assert date(2026, 11, 27) in holidays_within(HolidayRule("US", "TX", 1.5), november, "here")


def test_an_unknown_country_is_refused_where_it_stands() -> None:
    """The error names the place and what to give instead."""
    with pytest.raises(BadHistory) as error:
        holidays_within(HolidayRule("XX", None, 1.5), Coverage(_AS_OF, _AS_OF), "history.yaml: sources[0]")
    assert error.value.where == "history.yaml: sources[0]"
    assert error.value.what == "holidays: Country XX not available"


def test_those_within_the_validity_are_listed_with_their_multiplier() -> None:
    """The lock is valid on its last day, too."""
    ahead = holidays_ahead(_RULE, _AS_OF, 24, "sales")
    assert ahead == (
        Holiday(day=date(2026, 11, 11), name="Veterans Day", multiplier=1.5),
        Holiday(day=_THANKSGIVING, name="Thanksgiving Day", multiplier=1.5),
    )
    assert len(holidays_ahead(_RULE, _AS_OF, 23, "sales")) == 1
    assert holidays_ahead(None, _AS_OF, 28, "sales") == ()


def test_a_busy_holiday_raises_what_must_be_held_and_says_that_it_is_assumed() -> None:
    """Peak, extreme with its interval, and the known peaks of that weekday, in whole sessions upward; the others stay."""
    raised = with_holidays(_plain(), (Holiday(day=_THANKSGIVING, name="Thanksgiving Day", multiplier=1.5),))
    assert (raised.basis, raised.peak) == ("assumed", 152)
    assert raised.statistic == "a peak, times 1.5 for Thanksgiving Day on 2026-11-26 (assumed)"
    assert raised.extreme is not None
    assert (raised.extreme.q95, raised.extreme.interval) == (180, Interval(low=165, high=197))
    assert raised.extreme.method == "a law, times 1.5 for Thanksgiving Day on 2026-11-26 (assumed)"
    assert [peak.sessions for peak in raised.known_peaks] == [90, 120]


def test_a_quiet_holiday_lowers_nothing() -> None:
    """It is listed; the other days of the validity still come."""
    ahead = (Holiday(day=_THANKSGIVING, name="Thanksgiving Day", multiplier=0.2),)
    assert with_holidays(_plain(), ahead) == _plain().model_copy(update={"holidays": ahead})


def test_a_holiday_of_the_history_is_no_day_of_its_weeks(tmp_path: Path) -> None:
    """A hundred calls more on Labor Day are a peak of 107; with the calendar given they are not, and the lock says so."""
    labor_day = date(2026, 9, 7)
    assert _sales(_calls(tmp_path, labor_day, "")).peak == 107
    path = _calls(tmp_path, labor_day, "    holidays: {country: US, multiplier: 1.0}\n")
    without = _sales(path)
    assert without.peak == 7
    assert {week.maximum for week in without.weekly} == {7}
    assert (without.basis, [holiday.name for holiday in without.holidays]) == ("measured", ["Veterans Day", "Thanksgiving Day"])
    (source,) = load_history(path, as_of=_AS_OF, zone=_ZONE).sources
    assert source.assumed == ("holidays of US: left out of the weeks; one brings 1 times the load of its weekday",)


def test_a_busy_day_that_is_no_holiday_stays(tmp_path: Path) -> None:
    """The Tuesday after Labor Day counts with all its calls."""
    path = _calls(tmp_path, date(2026, 9, 8), "    holidays: {country: US, multiplier: 1.0}\n")
    assert max(week.maximum for week in _sales(path).weekly) == 107


def test_the_holidays_of_a_moved_history_move_with_it(tmp_path: Path) -> None:
    """Old data is asked for the holidays of its own year: Labor Day 2026, seen four weeks later."""
    path = _calls(tmp_path, date(2026, 9, 7), "    shift: to-as-of\n    holidays: {country: US, multiplier: 1.0}\n")
    history = load_history(path, as_of=date(2026, 11, 30), zone=_ZONE)
    assert history.verticals["sales"].holidays == {date(2026, 10, 5), date(2026, 11, 9)}
    assert history.sources[0].shifted_weeks == 4
    assert int(history.verticals["sales"].starts_ms[0]) == midnight_ms(date(2026, 8, 31), _ZONE) + 36_000_000


def test_a_holiday_is_as_long_as_its_day() -> None:
    """On the day that clocks go back 25 hours are left out, and the hour before and after stay."""
    first_ms, end_ms = (midnight_ms(day, _ZONE) for day in (date(2026, 10, 26), date(2026, 11, 9)))
    minutes = (end_ms - first_ms) // 60_000
    busy = Minutes(first_ms, np.full(minutes, 3, dtype=np.int64), np.full(minutes, 4, dtype=np.int64))
    left = without_days(busy, frozenset({date(2026, 11, 1), date(2026, 12, 25)}), _ZONE)
    assert np.flatnonzero(left.maxima == 0).tolist() == list(range(6 * 1440, 6 * 1440 + 1500))
    assert int(left.levels.sum()) == 3 * (minutes - 1500)
    assert int(busy.maxima.min()) == 4
