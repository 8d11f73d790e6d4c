"""The week as a forecast lock knows it, and the tokens of one vertical."""

import json
from datetime import date
from typing import Any

import pytest

from capacity import plan
from capacity.lock import VerticalForecast
from capacity.providers.limits import TokenLimited
from capacity.simulation.of_plan import token_share
from capacity.simulation.profile import known_week
from tests.capacity.specs import DATA_END, live, load, lock, read_spec, spec_document

NEW_YORK = "America/New_York"
MONDAY = date(2026, 11, 9)


def week(zone: str = NEW_YORK, **forecast: Any) -> tuple[float, ...]:
    """Return the shares of a forecast with a peak of 800."""
    return known_week(VerticalForecast.model_validate_json(json.dumps(load(**forecast))), zone, MONDAY).shares


def peak(day: str = "mon", start: str = "09:00", end: str = "11:00", sessions: int = 800, zone: str = NEW_YORK) -> dict[str, Any]:
    """Return a known peak."""
    return {"day": day, "start": start, "end": end, "zone": zone, "sessions": sessions}


def test_without_known_peaks_the_peak_is_all_week() -> None:
    """Nobody knows the hours, so each may have it."""
    assert set(week(mean_sessions=100.0)) == {1.0}


def test_known_peaks_and_the_mean_make_the_week() -> None:
    """Eight slots of Monday at 800, the rest such that the week's mean is that of the lock."""
    shares = week(known_peaks=[peak()], mean_sessions=100.0)
    assert shares[36:44] == (1.0,) * 8
    assert len(set(shares[:36] + shares[44:])) == 1
    assert sum(shares) * 800 / len(shares) == pytest.approx(100)


def test_what_the_lock_does_not_say_is_a_quarter() -> None:
    """Without a mean the hours outside known peaks stand at a quarter of the peak."""
    assert set(week(known_peaks=[peak(sessions=600)])) == {0.75, 0.25}


def test_the_mean_bounds_the_rest() -> None:
    """A mean below what the known peaks alone make leaves nothing; one above all leaves the peak."""
    peaks = [peak()]
    assert min(week(known_peaks=peaks, mean_sessions=1.0)) == 0
    assert set(week(known_peaks=peaks, mean_sessions=5000.0)) == {1.0}


def test_peaks_of_another_zone_move_by_what_the_clocks_differ() -> None:
    """09:00 in New York is 06:00 in Los Angeles; a Monday's midnight there is a Sunday's end here."""
    shares = week("America/Los_Angeles", known_peaks=[peak(), peak(start="01:00", end="02:10", sessions=400)])
    assert shares[24:32] == (1.0,) * 8
    assert shares[6 * 96 + 88 : 6 * 96 + 93] == (0.5,) * 5


def test_where_peaks_overlap_the_higher_counts() -> None:
    """Two statements of one hour are not added, and a week of known peaks leaves no rest."""
    days = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    whole = [peak(day, "00:00", "24:00", 400) for day in days]
    assert set(week(known_peaks=[*whole, peak()])) == {1.0, 0.5}


def test_a_vertical_has_its_part_of_the_tokens() -> None:
    """By its share of the forecast peaks, of what the provider limits."""
    made = plan(read_spec(spec_document(a=live(), b=live())), lock(a=load(300), b=load(100)), DATA_END)
    assert isinstance(made.model.primary, TokenLimited)
    parts = [token_share(made, name) for name in ("a", "b")]
    assert [part.tokens_per_minute for part in parts if part is not None] == [75e6, 25e6]
    assert {part.tokens_per_session_minute for part in parts if part is not None} == {6000}
