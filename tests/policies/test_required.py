"""The gate's figures against brute force that shares no code with it."""

import json
import math
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capacity.lock import ForecastLock
from policies.evidence import Context, Unusable, usable
from policies.fleet import live_deployments, pod_ceiling
from policies.lock import read_lock
from policies.margins import margins, required
from policies.rule import run_rule
from policies.rules import nodes
from policies.schedule import Schedule, Window, standing
from policies.week import WEEKDAYS, Stretch
from tests.policies.base import DATA_END, Document, Situation, change, passing, stack_of, usable_context

ZONES = ["America/New_York", "Europe/London", "Asia/Kolkata"]


@given(
    peak=st.integers(1, 5000),
    burst=st.floats(1.5, 4),
    growth=st.floats(2, 4),
    days=st.integers(0, 28),
    extreme=st.integers(0, 20_000),
)
def test_required_grows_day_by_day(
    tmp_path_factory: pytest.TempPathFactory, *, peak: int, burst: float, growth: float, days: int, extreme: int
) -> None:
    """Required is the peak with its burst, multiplied each day by the 91st root of the quarter's growth."""
    situation = change(
        passing(),
        [
            {"at": ["voice", "burst"], "to": burst},
            {"at": ["voice", "growthPerQuarter"], "to": growth},
            {"at": ["lock", "verticals", "healthcare", "peak"], "to": peak},
            {
                "at": ["lock", "verticals", "healthcare", "extreme"],
                "to": {"q95": extreme, "days_fitted": 9, "days_ahead": 9, "method": "x"},
            },
        ],
    )
    context = usable_context(situation, tmp_path_factory.mktemp("evidence"))
    kept = margins(stack_of(situation), usable(context.floors))
    lock = usable(context.lock)
    expected = burst * peak
    for _ in range(days):
        expected *= math.exp(math.log(growth) / 91)
    found = required(lock, lock.verticals["healthcare"], DATA_END + timedelta(days=days), kept)
    assert found == pytest.approx(max(expected, extreme))


@given(
    memory=st.integers(2**20, 2**36),
    millicores=st.integers(100, 64_000),
    session_memory=st.integers(20_000_000, 10**9),
    session_millicores=st.integers(10, 1000),
    base_memory=st.integers(0, 2**31),
    cap=st.none() | st.integers(1, 500),
)
def test_ceiling_is_what_counting_up_reaches(
    tmp_path_factory: pytest.TempPathFactory,
    *,
    memory: int,
    millicores: int,
    session_memory: int,
    session_millicores: int,
    base_memory: int,
    cap: int | None,
) -> None:
    """A pod's hard ceiling is the last number of sessions that still fits, counted one by one in exact fractions."""
    sessions = 0
    while (
        base_memory + (sessions + 1) * session_memory <= memory
        and (sessions + 1) * Fraction(session_millicores, 1000) <= Fraction(millicores, 1000)
        and (cap is None or sessions + 1 <= cap)
    ):
        sessions += 1
    claims = {
        "session-memory-bytes": str(session_memory),
        "session-cpu-cores": str(session_millicores / 1000),
        "base-memory-bytes": str(base_memory),
    }
    if cap is not None:
        claims["session-cap"] = str(cap)
    limits = {"memory": str(memory), "cpu": f"{millicores}m"}
    situation = change(
        passing(),
        [
            *(_annotate("healthcare-deployment", key, value) for key, value in claims.items()),
            {"at": ["healthcare-deployment", "spec", "template", "spec", "containers", 0, "resources", "limits"], "to": limits},
        ],
    )
    floors = usable(usable_context(situation, tmp_path_factory.mktemp("evidence")).floors)
    (live,) = (live for live in live_deployments(stack_of(situation)) if live.vertical == "healthcare")
    assert pod_ceiling(live, floors).hard == sessions


def test_4_cores_hold_80_sessions_of_a_twentieth(tmp_path: Path) -> None:
    """Binary fractions do not cost a session: 4 / 0.05 is 80, and 90% of 80 is 72."""
    situation = change(passing(), [])
    floors = usable(usable_context(situation, tmp_path).floors)
    ceilings = {live.vertical: pod_ceiling(live, floors) for live in live_deployments(stack_of(situation))}
    assert (ceilings["healthcare"].hard, ceilings["healthcare"].guaranteed) == (80, 80)
    assert (ceilings["sales"].hard, ceilings["sales"].guaranteed) == (250, 250)


@st.composite
def stretches(draw: st.DrawFn) -> Stretch:
    """Draw a stretch of the week in quarters of an hour."""
    start = draw(st.integers(0, 95))
    end = draw(st.integers(start + 1, 96))
    return Stretch(draw(st.integers(0, 6)), start * 15, end * 15, draw(st.sampled_from(ZONES)))


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    """Draw a schedule with windows in several zones."""
    windows = draw(
        st.lists(st.builds(Window, stretches(), st.sampled_from([0.0, 60.0, 900.0, 7200.0]), st.integers(1, 9)), max_size=4)
    )
    return Schedule(draw(st.integers(1, 9)), tuple(windows))


@given(schedule=schedules(), busy=stretches(), replicas=st.integers(1, 9))
def test_floor_is_what_each_minute_shows(schedule: Schedule, busy: Stretch, replicas: int) -> None:
    """The lowest floor of a stretch, and the time for which one stands before it, are those of looking every minute.

    Over weeks in which two of the zones leave summer time on different days, and the third never.
    """
    first = date(2026, 10, 19)
    found = standing(schedule, busy, replicas, lead=timedelta(minutes=30), first=first, last=first + timedelta(days=20))
    floors, leads = [], []
    for offset in range(21):
        day = first + timedelta(days=offset)
        if day.weekday() != busy.weekday:
            continue
        start, end = _instant(day, busy.start, busy.zone), _instant(day, busy.end, busy.zone)
        minutes = int((end - start).total_seconds() // 60)
        floors.append(min(_floor_at(schedule, start + timedelta(minutes=minute)) for minute in range(0, minutes, 15)))
        lead = 0
        while lead < 30 and _floor_at(schedule, start - timedelta(minutes=lead + 1)) >= replicas:
            lead += 1
        leads.append(lead * 60)
    assert found.floor == min(floors)
    assert found.lead_seconds == min(leads)


@given(
    sizes=st.lists(st.tuples(st.integers(1, 30), st.integers(1, 30), st.integers(0, 6)), min_size=1, max_size=4),
    cpu=st.integers(30, 60),
    places=st.integers(2, 8),
)
def test_nodes_asked_for_are_enough(sizes: list[tuple[int, int, int]], cpu: int, places: int) -> None:
    """With the nodes that the rule asks for it is silent; they are never fewer than any packing takes, nor more than the pods."""
    changes: list[Document] = [{"drop": name} for name in passing().resources if name not in ("voice", "pool-general")]
    for index, (cores, gib, replicas) in enumerate(sizes):
        changes.append({"add": _deployment(f"w{index}", cores, gib, replicas)})
    shape = {"pool": "general", "cpuCores": cpu, "memoryBytes": 60 * 2**30, "pods": places, "nodes": 0}
    changes += [{"at": ["pool-general", key], "to": value} for key, value in shape.items()]
    situation = change(passing(), changes)
    pods = sum(replicas for *_, replicas in sizes)
    least = max(
        math.ceil(sum(cores * replicas for cores, _, replicas in sizes) / cpu),
        math.ceil(sum(gib * replicas for _, gib, replicas in sizes) / 60),
        math.ceil(pods / places),
    )
    asked = _nodes_required(situation)
    if pods == 0:
        assert asked is None
        return
    assert asked is not None
    assert least <= asked <= pods
    assert _nodes_required(change(situation, [{"at": ["pool-general", "nodes"], "to": asked}])) is None
    assert _nodes_required(change(situation, [{"at": ["pool-general", "nodes"], "to": asked - 1}])) == asked


@pytest.mark.parametrize("days", [1, 28, 91])
def test_gate_and_planner_read_the_same_lock(days: int) -> None:
    """A lock that the planner's model writes says the same to the gate's own reader, its digest included."""
    lag = {"seconds": 90, "ratio": 1.3, "quiet_sessions": 40, "basis": "measured", "source": "calls"}
    peak = {"day": "mon", "start": "09:00", "end": "24:00", "zone": "America/New_York", "sessions": 70}
    extreme = {"q95": 140, "days_fitted": 91, "days_ahead": 20, "method": "gumbel"}
    load = {
        "basis": "measured",
        "source": "calls",
        "peak": 80,
        "statistic": "p99",
        "lag": lag,
        "known_peaks": [peak],
        "extreme": extreme,
    }
    document = {
        "version": 1,
        "environment": "sample",
        "kind": "measured",
        "data_start": "2026-08-03",
        "data_end": "2026-11-02",
        "valid_days": days,
        "verticals": {"sales": load | {"weekly": [{"week": "2026-10-26", "p99": 80, "p999": 82, "maximum": 85}]}},
    }
    written = ForecastLock.model_validate_json(json.dumps(document)).sealed()
    read = read_lock(json.dumps(written.without_digest() | {"digest": written.digest}))
    assert read.claimed_digest == read.actual_digest
    assert (read.data_end, read.valid_until) == (written.data_end, written.valid_until)
    sales, theirs = read.verticals["sales"], written.verticals["sales"]
    assert (sales.peak, sales.extreme, sales.quiet_sessions) == (theirs.peak, 140, theirs.lag.quiet_sessions)
    assert (sales.lag_seconds, sales.lag_ratio) == (theirs.lag.seconds, theirs.lag.ratio)
    assert sales.known_peaks[0].stretch == Stretch(0, 540, 1440, "America/New_York")


def _annotate(resource: str, key: str, value: str) -> Document:
    return {"at": [resource, "metadata", "annotations", f"headroom.dev/{key}"], "to": value}


def _instant(day: date, minute: int, zone: str) -> datetime:
    local = datetime(day.year, day.month, day.day) + timedelta(minutes=minute)  # noqa: DTZ001  # its zone follows
    return local.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def _floor_at(schedule: Schedule, at: datetime) -> int:
    """Return what the pre-scale job would set at an instant: it asks each window's own clock."""
    floor = schedule.baseline
    for window in schedule.windows:
        stretch = window.stretch
        today = at.astimezone(ZoneInfo(stretch.zone)).date()
        for day in (today - timedelta(days=1), today, today + timedelta(days=1)):
            opens = _instant(day, stretch.start, stretch.zone) - timedelta(seconds=window.lead_seconds)
            if WEEKDAYS[day.weekday()] == WEEKDAYS[stretch.weekday] and opens <= at < _instant(day, stretch.end, stretch.zone):
                floor = max(floor, window.replicas)
    return floor


def _deployment(name: str, cores: int, gib: int, replicas: int) -> Document:
    container = {"name": "app", "resources": {"requests": {"cpu": str(cores), "memory": f"{gib}Gi"}}}
    pod = {"nodeSelector": {"headroom.dev/pool": "general"}, "containers": [container]}
    metadata = {"name": name, "namespace": name}
    spec = {"replicas": replicas, "template": {"spec": pod}}
    return {"type": "kubernetes:apps/v1:Deployment", "name": name, "props": {"metadata": metadata, "spec": spec}}


def _nodes_required(situation: Situation) -> float | None:
    nothing = Unusable("nothing", "the rule needs none", "none")
    found = run_rule(nodes.RULES[0], stack_of(situation), Context(nothing, nothing, nothing))
    assert len(found) <= 1
    return found[0].required if found else None
