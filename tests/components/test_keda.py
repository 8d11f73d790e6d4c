"""KEDA as the autoscaler: the same bounds and the same week, and never beside another autoscaler."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capacity import plan
from capacity.lock import Weekday
from capacity.scaling import Window
from components.workloads.keda import floor_trigger
from components.workloads.prescale import scheduled_floor
from headroom.blueprint import Blueprint
from headroom.located import BadInput
from policies.adapters.program import judge_blueprint
from policies.scaled_object import SCALED_OBJECT, cron_schedule
from policies.stack import Resource
from stacks.reading import environments, floors_path, lock_path, read_lock, read_spec
from stacks.voice import render

DAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def rendered(environment: str, autoscaler: str) -> Blueprint:
    """An environment with one of the two autoscalers."""
    spec = read_spec(environment, what_if=[f"scaling.autoscaler={autoscaler}"])
    lock = read_lock(environment)
    return render(plan(spec, lock, spec.as_of or lock.data_end))


@pytest.mark.parametrize("environment", environments())
def test_the_gate_finds_the_same_with_either_autoscaler(environment: str) -> None:
    """A stack that is refused for a figure with one of them is refused for it with the other."""
    lock = lock_path(environment)
    found = []
    for autoscaler in ("hpa", "keda"):
        day = read_spec(environment).as_of
        verdict = judge_blueprint(rendered(environment, autoscaler), lock, floors_path(), day or datetime.now(UTC).date())
        found.append(sorted((one.rule, one.required, one.provided) for one in verdict.violations))
    assert found[0] == found[1]


def test_keda_stands_in_the_place_of_autoscaler_and_job() -> None:
    """With KEDA there is no autoscaler of one's own, and nothing that patches it."""
    blueprint = rendered("prod", "keda")
    verticals = {one.name for one in blueprint if one.type == "headroom:workloads:Vertical"}
    types = {one.type.rpartition(":")[2] for one in blueprint if one.parent in verticals}
    assert "ScaledObject" in types
    assert not types & {"HorizontalPodAutoscaler", "CronJob", "Role", "RoleBinding"}


def test_the_adapters_image_is_for_those_who_run_it() -> None:
    """KEDA asks Prometheus by itself and needs no adapter; a HorizontalPodAutoscaler's metric comes from nowhere else."""
    without = "images.adapter=null"
    assert read_spec("prod", what_if=["scaling.autoscaler=keda", without]).images.adapter is None
    with pytest.raises(BadInput, match=r"images\.adapter: observability runs from it"):
        read_spec("prod", what_if=[without])


def _scaled(*triggers: dict[str, Any]) -> Resource:
    return Resource(SCALED_OBJECT, "scaled", {"spec": {"minReplicaCount": 2, "triggers": list(triggers)}})


def _active(trigger: dict[str, Any], at: datetime) -> bool:
    """Whether KEDA's cron scaler is active: its next end comes before its next start."""
    zone = ZoneInfo(trigger["metadata"]["timezone"])

    def following(line: str) -> timedelta:
        minute, hour, _, _, day = line.split()
        local = at.astimezone(zone).replace(tzinfo=None)
        wanted = (int(day) - 1) % 7 * 1440 + int(hour) * 60 + int(minute)
        passed = local.weekday() * 1440 + local.hour * 60 + local.minute + local.second / 60
        return timedelta(minutes=(wanted - passed) % 10080 or 10080)

    return following(trigger["metadata"]["end"]) < following(trigger["metadata"]["start"])


windows = st.builds(
    lambda day, span, lead: Window(
        DAYS[day], f"{span[0] // 60:02}:{span[0] % 60:02}", f"{span[1] // 60:02}:{span[1] % 60:02}", "UTC", lead * 60.0, 9
    ),
    st.integers(0, 6),
    st.tuples(st.integers(0, 1440), st.integers(0, 1440)).filter(lambda span: span[0] < span[1]),
    st.integers(0, 300),
)


@given(windows, st.integers(0, 10079))
def test_the_floor_is_that_of_the_pre_scale_job(window: Window, minute: int) -> None:
    """At any minute of a week KEDA's trigger holds exactly the floor that the job would set, by KEDA's own law."""
    schedule = {
        "baseline": 2,
        "windows": [
            {
                "day": window.day,
                "start": window.start,
                "end": window.end,
                "zone": window.zone,
                "leadSeconds": window.lead_seconds,
                "replicas": window.replicas,
            }
        ],
    }
    at = datetime(2026, 11, 2, tzinfo=UTC) + timedelta(minutes=minute)
    assert _active(floor_trigger(window), at) == (scheduled_floor(schedule, at) == 9)


@given(windows)
def test_the_gate_reads_the_windows_that_were_planned(window: Window) -> None:
    """From the cron lines alone the gate finds the instants at which a floor begins and ends."""
    read = cron_schedule(_scaled(floor_trigger(window))).windows[0]

    def minute(clock: str) -> int:
        return int(clock[:2]) * 60 + int(clock[3:])

    begin = minute(window.start) - window.lead_seconds / 60
    assert read.replicas == 9
    assert read.stretch.end == minute(window.end)
    assert DAYS[read.stretch.weekday] == window.day
    assert read.stretch.start - read.lead_seconds / 60 == begin


def test_a_lead_in_seconds_begins_with_its_minute() -> None:
    """Cron knows whole minutes: the floor stands early rather than late, also from the evening before."""
    trigger = floor_trigger(Window("mon", "00:05", "24:00", "Europe/Berlin", 930.0, 4))
    assert trigger["metadata"] == {
        "timezone": "Europe/Berlin",
        "start": "49 23 * * 0",
        "end": "0 0 * * 2",
        "desiredReplicas": "4",
    }
