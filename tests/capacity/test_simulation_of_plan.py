"""A day that is made of a capacity plan."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from capacity import CapacityPlan, plan
from capacity.simulation.day import Floor, Nodes
from capacity.simulation.of_plan import day_of
from capacity.simulation.run import simulate
from tests.capacity.specs import DATA_END, live, load, lock, read_spec, spec_document

ZONE = "America/New_York"
MONDAY = date(2026, 11, 9)
OFFICE = tuple(1.0 if hour // 24 < 5 and 9 <= hour % 24 < 17 else 0.1 for hour in range(168))
"""The whole peak in working hours, a tenth of it else."""


def planned(**forecast: Any) -> CapacityPlan:
    """Return the plan of one vertical of Healthcare's shape on nodes that the plan counts."""
    return plan(read_spec(spec_document(clinic=live())), lock(clinic=load(**forecast)), DATA_END)


def window(**changes: Any) -> dict[str, Any]:
    """Return a known peak on Monday morning."""
    return {"day": "mon", "start": "09:00", "end": "11:00", "zone": ZONE, "sessions": 800} | changes


def test_rates_are_the_peak_in_the_shape_of_the_week() -> None:
    """800 sessions of 180 s are 4.4 calls a second in the busiest hours; the weekend stays at a tenth."""
    monday = day_of(planned(), "clinic", OFFICE, day=MONDAY, zone=ZONE, holding_seconds=180.0).traffic
    assert (len(monday.calls_per_second), monday.day_cv) == (1440, 0.0)
    assert monday.calls_per_second[9 * 60] == pytest.approx(800 / 180)
    assert monday.calls_per_second[9 * 60 - 1] == pytest.approx(80 / 180)
    sunday = day_of(planned(), "clinic", OFFICE, day=date(2026, 11, 15), zone=ZONE, holding_seconds=180.0)
    assert set(sunday.traffic.calls_per_second) == {80 / 180}


def test_days_on_which_the_clocks_change_have_23_and_25_hours() -> None:
    """The wall clock picks the rate: the working day begins an hour earlier or later by the stopwatch."""
    shape = tuple(float(hour % 24) for hour in range(168))
    for day, length, hours in ((date(2026, 3, 8), 23, [0, 1, 3, 4]), (date(2026, 11, 1), 25, [0, 1, 1, 2])):
        rates = day_of(planned(), "clinic", shape, day=day, zone=ZONE, holding_seconds=800.0).traffic.calls_per_second
        assert len(rates) == length * 60
        assert list(rates[: 4 * 60 : 60]) == pytest.approx(hours)


def test_the_fleet_is_the_plan_s() -> None:
    """Bounds, target, tolerance, what a pod admits, the lag and the nodes are those of the plan."""
    made = planned()
    (clinic,) = made.live
    fleet = day_of(made, "clinic", OFFICE, day=MONDAY, zone=ZONE, holding_seconds=180.0).fleet
    scaler = fleet.autoscaler
    assert scaler is not None
    assert (scaler.minimum, scaler.maximum) == (clinic.scaling.baseline, clinic.scaling.maximum)
    assert (scaler.target_sessions, scaler.tolerance) == (clinic.scaling.target.sessions, 0.1)
    assert (fleet.pods, fleet.sessions_per_pod) == (clinic.scaling.baseline, clinic.sessions_per_pod)
    assert (fleet.start_seconds, fleet.grace_seconds) == (165.0, 3660.0)
    assert fleet.nodes == Nodes(made.pools[0].nodes)


def test_floors_stand_from_their_lead_in_the_day_s_seconds() -> None:
    """A peak from 9 to 11 stands from 8:45; from another zone it stands by that zone's clock, from the day before by its lead."""
    peaks = [window(), window(zone="Europe/London", sessions=700), window(day="tue", start="00:00", end="01:00")]
    made = planned(known_peaks=peaks)
    day = day_of(made, "clinic", OFFICE, day=MONDAY, zone=ZONE, holding_seconds=180.0)
    replicas = [found.replicas for found in made.live[0].scaling.windows]
    assert day.fleet.autoscaler is not None
    assert day.fleet.autoscaler.floors == (
        Floor(8.75 * 3600, 11 * 3600, replicas[0]),
        Floor(3.75 * 3600, 6 * 3600, replicas[1]),
        Floor(23.75 * 3600, 25 * 3600, replicas[2]),
    )
    tuesday = day_of(made, "clinic", OFFICE, day=date(2026, 11, 10), zone=ZONE, holding_seconds=180.0)
    assert tuesday.fleet.autoscaler is not None
    assert tuesday.fleet.autoscaler.floors == (Floor(-900.0, 3600, replicas[2]),)


def test_holding_time_and_day_effect_are_the_lock_s_where_it_measured_them() -> None:
    """A measured demand is taken over; a holding time that is given goes before it."""
    estimate = {"value": 200.0, "low": 190.0, "high": 210.0}
    demand = {
        "days": 60,
        "starts_per_second": {"p999": estimate, "maximum": 300},
        "holding_seconds": estimate,
        "holding_limit_seconds": 4000.0,
        "overdispersion": {"value": 2.0, "low": 1.0, "high": 3.0},
        "day_cv": {"value": 0.09, "low": 0.05, "high": 0.12},
        "method": "test",
    }
    made = planned(demand=demand)
    measured = day_of(made, "clinic", OFFICE, day=MONDAY, zone=ZONE).traffic
    assert (measured.holding_seconds, measured.day_cv, max(measured.calls_per_second)) == (200.0, 0.09, 4.0)
    assert day_of(made, "clinic", OFFICE, day=MONDAY, zone=ZONE, holding_seconds=100.0).traffic.holding_seconds == 100.0


def test_what_a_day_cannot_be_made_of_is_said() -> None:
    """An unknown vertical, a profile that does not divide the week and a lock without holding times each say what to do."""
    made = planned()
    with pytest.raises(ValueError, match="its live ones are clinic, got 'salon'"):
        day_of(made, "salon", OFFICE, day=MONDAY, zone=ZONE, holding_seconds=180.0)
    with pytest.raises(ValueError, match=r"divide the week's minutes evenly, got 11"):
        day_of(made, "clinic", (1.0,) * 11, day=MONDAY, zone=ZONE, holding_seconds=180.0)
    with pytest.raises(ValueError, match="no holding time of clinic: give holding_seconds"):
        day_of(made, "clinic", OFFICE, day=MONDAY, zone=ZONE)


def test_the_plan_carries_its_peak_and_a_burst_above_it() -> None:
    """With a floor before nine the forecast peak finds room for every call, and so does 1.4 times of it."""
    made = planned(known_peaks=[window()])
    for factor in (1.0, 1.4):
        day = day_of(made, "clinic", [factor * share for share in OFFICE], day=MONDAY, zone=ZONE, holding_seconds=180.0)
        run = simulate(replace(day, fleet=replace(day.fleet, grace_seconds=3600.0)), 1)
        assert run.calls.refused == run.lost == 0
        assert run.peak > 800 * factor


def test_without_a_floor_a_jump_outruns_the_lag() -> None:
    """The same load that jumps tenfold at nine on the baseline's pods is refused until the new ones are ready."""
    day = day_of(planned(), "clinic", OFFICE, day=MONDAY, zone=ZONE, holding_seconds=180.0)
    run = simulate(day, 1)
    assert run.calls.refused > 0
    refused = [minute for minute, count in enumerate(run.minutes.refused) if count]
    assert min(refused) >= 9 * 60
    assert max(refused) < 9 * 60 + 15
