"""The program that sets an autoscaler's floor, without a cluster."""

import json
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from components.workloads.prescale import next_floor, replicas_held_by_load, scheduled_floor

NEW_YORK = ZoneInfo("America/New_York")
SCHEDULE = {
    "baseline": 4,
    "windows": [
        {
            "day": "mon",
            "start": "09:00",
            "end": "11:00",
            "zone": "America/New_York",
            "leadSeconds": 900,
            "replicas": 12,
        },
        {"day": "sun", "start": "00:00", "end": "24:00", "zone": "America/New_York", "leadSeconds": 900, "replicas": 6},
    ],
}


@pytest.mark.parametrize(
    ("at", "floor"),
    [
        ("2026-11-02T08:44:59", 4),
        ("2026-11-02T08:45:00", 12),
        ("2026-11-02T10:59:59", 12),
        ("2026-11-02T11:00:00", 4),
        ("2026-11-03T09:30:00", 4),
        ("2026-11-07T23:44:59", 4),
        ("2026-11-07T23:45:00", 6),
        ("2026-11-08T23:59:59", 6),
        ("2026-11-09T00:00:00", 4),
    ],
)
def test_a_window_stands_from_its_lead_to_its_end(at: str, floor: int) -> None:
    """Start minus lead is in, the end is out; the lead reaches into the day before, and 24:00 is midnight."""
    assert scheduled_floor(SCHEDULE, datetime.fromisoformat(at).replace(tzinfo=NEW_YORK)) == floor


def test_a_window_keeps_its_wall_clock_through_the_change_of_time() -> None:
    """9:00 in New York is 13:00 UTC in October and 14:00 UTC in November."""
    assert scheduled_floor(SCHEDULE, datetime.fromisoformat("2026-10-26T13:00:00+00:00")) == 12
    assert scheduled_floor(SCHEDULE, datetime.fromisoformat("2026-11-02T13:30:00+00:00")) == 4
    assert scheduled_floor(SCHEDULE, datetime.fromisoformat("2026-11-02T14:00:00+00:00")) == 12


def _autoscaler(floor: int, average: str | None, replicas: int) -> dict[str, Any]:
    metrics = [{"type": "Pods", "pods": {"current": {"averageValue": average}}}] if average is not None else None
    return {
        "metadata": {"annotations": {"headroom.dev/schedule": json.dumps(SCHEDULE)}},
        "spec": {"minReplicas": floor, "metrics": [{"pods": {"target": {"averageValue": "50"}}}]},
        "status": {"currentReplicas": replicas, "currentMetrics": metrics},
    }


PEAK = datetime.fromisoformat("2026-11-02T09:30:00-05:00")
AFTER = datetime.fromisoformat("2026-11-02T11:30:00-05:00")


def test_a_floor_is_raised_at_once() -> None:
    """Within a window the floor is the window's, whatever the load."""
    assert next_floor(_autoscaler(4, None, 4), PEAK) == 12
    assert next_floor(_autoscaler(4, "1", 4), PEAK) == 12


def test_a_floor_is_lowered_only_as_far_as_the_load_holds_the_replicas() -> None:
    """After the window the floor follows the load down, and never below the schedule."""
    assert next_floor(_autoscaler(12, "45", 12), AFTER) == 11
    assert next_floor(_autoscaler(12, "30500m", 12), AFTER) == 8
    assert next_floor(_autoscaler(12, "5", 12), AFTER) == 4
    assert next_floor(_autoscaler(12, "90", 12), AFTER) == 12


def test_an_unknown_load_lowers_nothing() -> None:
    """Without a metric nobody knows what a lowered floor would cut."""
    assert next_floor(_autoscaler(12, None, 12), AFTER) == 12
    assert replicas_held_by_load(_autoscaler(12, None, 12)) is None
