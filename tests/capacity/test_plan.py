"""The planner: design.md's worked example, and what must hold for every plan."""

import contextlib
import io
import json
import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capacity import CapacityPlan, NoForecast, plan
from capacity.explain import explain
from capacity.lock import DataSource
from capacity.plan import LivePlan
from capacity.required import growth_factor
from capacity.traffic.erlang import erlang_b
from tests.capacity.providers import talk
from tests.capacity.specs import DATA_END, live, load, lock, read_spec, spec_document


def _planned(peak: int = 800, **changes: object) -> LivePlan:
    made = plan(read_spec(spec_document(healthcare=live(**changes))), lock(healthcare=load(peak)), DATA_END)
    return made.live[0]


def test_the_worked_example_of_healthcare() -> None:
    """800 at the peak, 0.05 cores a session, pods of 4 cores, lag growth 1.2: 80 hard, 72 safe, 17 and 21 pods, target 48."""
    made = _planned()
    assert (made.ceiling.hard, made.ceiling.safe, made.ceiling.binding) == (80, 72, "cpu")
    assert round(made.required_at_data_end.sessions) == 1200
    assert round(made.required.sessions) == 1485
    assert round(growth_factor(28, 2.0), 3) == 1.238
    assert -(-1200 // 72) == 17
    assert made.scaling.maximum == 21
    assert (made.scaling.target.by_lag, made.scaling.target.by_alert, made.scaling.target.sessions) == (60, 48, 48)
    # At the plain peak the autoscaler asks for 17 pods: 59% of their hard ceiling, below the alert's 66.7%.
    assert -(-800 // made.scaling.target.sessions) == 17
    assert round(800 / (17 * 80), 2) == 0.59
    assert made.scaling.alert_utilisation == pytest.approx(2 / 3)


def test_memory_and_base_bind_where_they_are_tighter() -> None:
    """16 GB hold 133 sessions of 120 MB, 16Gi hold 143; a base takes its part first."""
    roomy = {"cpu": 64, "memory": "16GB"}
    assert _planned(pod=roomy).ceiling.hard == 133
    assert _planned(pod=roomy | {"memory": "16Gi"}).ceiling.hard == 143
    assert _planned(pod=roomy | {"base_memory": "4GB"}).ceiling.hard == 100
    assert _planned(pod=roomy).ceiling.binding == "memory"


def test_descriptors_bind_with_half_as_many_in_reserve() -> None:
    """A process with 1,000 files, 64 of them its own, holds (1000/1.5 - 64)/6 = 100 sessions; two processes twice that."""
    few = {"cpu": 64, "memory": "64Gi", "descriptors": 1000}
    assert (_planned(pod=few).ceiling.hard, _planned(pod=few).ceiling.binding) == (100, "descriptors")
    assert _planned(pod=few | {"workers": 2}).ceiling.hard == 200


def test_requests_are_what_counts() -> None:
    """A pod of 4 cores that asks for 2 is planned as one of 2: 40 sessions guaranteed, 42 pods instead of 21."""
    made = _planned(pod={"cpu": 4, "memory": "16Gi", "requests": {"cpu": 2, "memory": "8Gi"}})
    assert (made.ceiling.hard, made.ceiling.guaranteed, made.ceiling.guaranteed_safe) == (80, 40, 36)
    assert made.scaling.maximum == 42
    assert made.sessions_per_pod == 40


def test_the_extreme_quantile_binds_where_it_is_higher() -> None:
    """The required sessions are the larger of the two terms, and the plan names which."""
    extreme = {"q95": 3000, "days_fitted": 60, "days_ahead": 20, "method": "test"}
    made = plan(read_spec(spec_document(a=live())), lock(a=load(extreme=extreme)), DATA_END).live[0]
    assert (made.required.sessions, made.required.binding) == (3000, "95% of the maximum over the horizon")
    assert made.scaling.maximum == -(-3000 // 72)


def test_pins_are_kept_and_named_as_shortfalls() -> None:
    """What the owner insists on is planned as it is, and every figure of it that falls short has its cure."""
    pins = {"minimum": 4, "maximum": 4, "target": 200, "sessions_per_pod": 200}
    made = plan(read_spec(spec_document(healthcare=live(pins=pins))), lock(healthcare=load()), DATA_END)
    short = {shortfall.resource: shortfall for shortfall in made.shortfalls}
    assert set(short) == {"sessions", "blocking", "pod", "target"}
    assert (round(short["sessions"].required), short["sessions"].provided) == (1485, 288)
    assert (short["pod"].required, short["pod"].provided) == (200, 80)
    assert (round(short["target"].required), short["target"].provided) == (264, 80)
    assert short["sessions"].remedy == "raise verticals.healthcare.pins.maximum from 4 to 21"
    assert short["target"].remedy == "lower verticals.healthcare.pins.target from 200 to 48"


def test_tokens_are_judged_on_the_day() -> None:
    """3,000 sessions x 1.5 x 6,000 are 27M on 20M today; a quarter later twice that."""
    document = spec_document(a=live())
    document["model"]["primary"]["tokens_per_minute"]["limit"] = "20M"
    spec, forecast = read_spec(document), lock(a=load(3000))
    short = [shortfall for shortfall in plan(spec, forecast, DATA_END).shortfalls if shortfall.resource == "model"]
    assert [(round(s.required), s.provided) for s in short] == [(27_000_000, 20_000_000)]
    assert round(plan(spec, forecast, DATA_END + timedelta(days=91)).model.asked[0].amount) == 54_000_000


def test_a_small_fleet_is_held_to_its_blocking_probability() -> None:
    """Pods of one session: burst and growth ask for 21 of them, but one call in a thousand lost asks for 26."""
    one = live(pod={"cpu": 1, "memory": "1Gi"}, session={"memory": "900MB", "cpu": 0.5})
    document = spec_document(a=one)
    document["margins"] = {"safe_utilisation": 1.0}
    quiet = {"seconds": 180.0, "ratio": 1.0, "quiet_sessions": 0, "basis": "assumed", "source": "test"}
    forecast = lock(a=load(11, lag=quiet))
    made = plan(read_spec(document), forecast, DATA_END).live[0]
    assert made.ceiling.hard == 1
    assert made.scaling.maximum == 26
    assert made.blocking <= 0.001
    document["verticals"]["a"]["pins"] = {"maximum": 21}
    short = {s.resource: s for s in plan(read_spec(document), forecast, DATA_END).shortfalls}
    assert short["blocking"].remedy == "raise verticals.a.pins.maximum from 21 to 26"


def test_tokens_are_computed_from_the_conversation() -> None:
    """A 3,000-token prompt makes a three-minute call cost 18.2k tokens a minute: 20M hold 1,101 sessions, not 3,333."""
    document = spec_document(a=live())
    document["model"]["primary"]["tokens_per_minute"]["limit"] = "20M"
    document["model"]["primary"]["tokens_per_session_minute"] = {"conversation": talk(prompt_tokens=3000)}
    made = plan(read_spec(document), lock(a=load(900)), DATA_END).model
    assert (round(made.asked[0].limit.per_session), made.ceilings[0].hard) == (18_156, 1101)
    assert made.refusals is not None
    assert made.refusals.chance is not None
    assert made.refusals.chance < 0.001
    document["model"]["primary"]["tokens_per_session_minute"] = {"value": 6000}
    unknown = plan(read_spec(document), lock(a=load(900)), DATA_END).model.refusals
    assert unknown is not None
    assert unknown.chance is None


def test_a_forecast_past_its_validity_is_a_shortfall() -> None:
    """A lock speaks of 28 days; on the 29th the plan says that a new one is due."""
    spec, forecast = read_spec(spec_document(a=live())), lock(a=load(10))
    assert not plan(spec, forecast, DATA_END + timedelta(days=28)).shortfalls
    (short,) = plan(spec, forecast, DATA_END + timedelta(days=29)).shortfalls
    assert (short.resource, short.required, short.provided) == ("forecast", 29, 28)


def test_a_pod_that_holds_nothing_is_a_shortfall_not_an_error() -> None:
    """A session that costs more than its pod has leaves nothing to plan, and the plan says so."""
    made = plan(read_spec(spec_document(a=live(session={"memory": "64GB", "cpu": 0.05}))), lock(a=load()), DATA_END)
    assert [(s.resource, s.required, s.provided) for s in made.shortfalls] == [("pod", 1, 0)]


@pytest.mark.parametrize(
    ("vertical", "remedy"),
    [
        ({"pod": {"cpu": 4, "memory": "16Gi", "descriptors": 100}}, "pod.descriptors from 100 to 114"),
        ({"pod": {"cpu": 4, "memory": "100Mi"}}, "pod.memory from 100Mi to 229Mi"),
        ({"pod": {"cpu": "40m", "memory": "16Gi"}}, "pod.cpu from 40m to 100m"),
        (
            {"pod": {"cpu": 4, "memory": "16Gi", "requests": {"cpu": "10m", "memory": "16Mi"}}},
            "pod.requests.cpu from 10m to 100m, verticals.a.pod.requests.memory from 16Mi to 229Mi",
        ),
        ({"cap": {"sessions": 1, "reason": "one line", "source": "x"}}, "cap.sessions from 1 to 2"),
    ],
)
def test_a_pod_that_holds_nothing_is_told_what_it_needs(vertical: dict[str, Any], remedy: str) -> None:
    """Whatever binds is named, with the least that lets a pod safely hold one session."""
    made = plan(read_spec(spec_document(a=live(**vertical))), lock(a=load()), DATA_END)
    assert [s.remedy for s in made.shortfalls if s.resource == "pod"] == [f"raise verticals.a.{remedy}"]


def test_a_pod_larger_than_any_node_is_a_shortfall() -> None:
    """No number of nodes takes a pod that is larger than one."""
    made = plan(read_spec(spec_document(a=live(pod={"cpu": 64, "memory": "16Gi"}))), lock(a=load()), DATA_END)
    assert [s.reason for s in made.shortfalls] == ["no node of the pool takes a pod of a"]


def test_a_known_peak_gets_its_floor() -> None:
    """The floor of a window holds the grown peak at the target, and never passes the maximum."""
    peak = {"day": "mon", "start": "09:00", "end": "11:00", "zone": "America/New_York", "sessions": 800}
    made = plan(read_spec(spec_document(a=live())), lock(a=load(known_peaks=[peak])), DATA_END).live[0]
    assert [window.replicas for window in made.scaling.windows] == [21]
    assert not plan(read_spec(spec_document(a=live())), lock(a=load(known_peaks=[peak])), DATA_END).shortfalls


def test_spec_and_lock_must_speak_of_the_same_verticals() -> None:
    """A vertical without a forecast, or a forecast without its vertical, is bad input that names it."""
    with pytest.raises(NoForecast, match="no vertical 'a'"):
        plan(read_spec(spec_document(a=live())), lock(b=load()), DATA_END)
    with pytest.raises(NoForecast, match="has a vertical 'b'"):
        plan(read_spec(spec_document(a=live())), lock(a=load(), b=load()), DATA_END)


@pytest.mark.parametrize("day", [date(9999, 12, 31), date(1, 1, 1), DATA_END + timedelta(days=731)])
def test_a_day_far_from_the_data_is_named(day: date) -> None:
    """Two years from its data a forecast says nothing; up to then an old one is a shortfall."""
    spec, forecast = read_spec(spec_document(a=live())), lock(a=load())
    with pytest.raises(NoForecast, match="the day that is judged") as far:
        plan(spec, forecast, day)
    assert far.value.field == "data_end"
    assert "forecast" in {short.resource for short in plan(spec, forecast, DATA_END + timedelta(days=730)).shortfalls}


def test_a_time_is_no_day() -> None:
    """Which day an instant is depends on the zone, so the caller must say it."""
    with pytest.raises(TypeError, match="as_of must be a day, got the time 2026-11-02"):
        plan(read_spec(spec_document(a=live())), lock(a=load()), datetime(2026, 11, 2, tzinfo=UTC))


def test_the_lines_of_the_document_run() -> None:
    """What docs/capacity.md shows of the package in Python is what it does, but for the printed figures."""
    text = (Path(__file__).parents[2] / "docs" / "capacity.md").read_text(encoding="utf-8")
    (lines,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown):
        exec(lines, {})  # noqa: S102  # the point of the test
    assert shown.getvalue().splitlines() == [line.partition("# ")[2] for line in lines.splitlines() if "# " in line]


def test_the_chain_begins_with_the_data() -> None:
    """Each input of the lock that a vertical's forecast names, with its rows and its digest; a declared one has none."""
    read = {"kind": "calls", "rows": 100, "used": 97, "rejected": {"no start": 3}, "digest": "sha256:" + 64 * "7"}
    data = [DataSource.model_validate({"name": name} | read) for name in ("first file", "second file")]
    forecast = lock(a=load(source="first file"), b=load()).model_copy(update={"sources": tuple(data)})
    made = plan(read_spec(spec_document(a=live(), b=live())), forecast, DATA_END)
    first, second = explain(made, "a")[:2]
    assert (first.name, first.value, first.unit, second.name) == ("data", 97, "rows", "forecast peak")
    assert first.formula == "calls: 97 of 100 rows used, 3 rejected: no start"
    assert first.source == "first file, sha256:777777777777"
    assert [step.name for step in explain(made, "b")[:3]] == ["data", "data", "forecast peak"]


@pytest.mark.parametrize("growth", [20.0, 100.0])
def test_a_load_that_explodes_is_planned_at_once(growth: float) -> None:
    """Lead times ask for the load of two years on: the steps that takes do not grow with it."""
    document = spec_document(a=live(mean_call={"value": "180s"})) | {"margins": {"growth_per_quarter": growth}}
    document["carrier"] = {
        "name": "carrier",
        "channels": {"value": 10**6},
        "starts_per_second": {"value": 10**4},
        "source": "test",
    }
    made = plan(read_spec(document), lock(a=load()), DATA_END)
    (starts,) = (part for part in made.sizings if part.name == "carrier starts")
    assert starts.lead is not None
    assert starts.lead.short_on is not None


def test_the_standing_document_does_not_age() -> None:
    """The copy of the plan that is deployed is the same on every day of the lock's validity."""
    spec, forecast = read_spec(spec_document(a=live())), lock(a=load())
    first, last = (plan(spec, forecast, DATA_END + timedelta(days=days)) for days in (0, 28))
    assert first.standing_document() == last.standing_document()
    assert first.document() != last.document()


cases = st.fixed_dictionaries(
    {
        "peak": st.integers(1, 20_000),
        "cpu": st.sampled_from([0.5, 1, 4, 8]),
        "session_cpu": st.floats(0.005, 0.2),
        "session_mb": st.integers(5, 300),
        "ratio": st.floats(1.0, 2.0),
        "quiet": st.integers(0, 500),
        "burst": st.floats(1.0, 2.0),
        "growth": st.floats(1.0, 3.0),
    }
)


def _case(case: dict[str, float]) -> CapacityPlan:
    vertical = live(
        pod={"cpu": case["cpu"], "memory": "8Gi"},
        session={"memory": f"{int(case['session_mb'])}MB", "cpu": round(case["session_cpu"], 4)},
    )
    document = spec_document(a=vertical)
    document["margins"] = {"burst": case["burst"], "growth_per_quarter": case["growth"]}
    lag = {
        "seconds": 180.0,
        "ratio": case["ratio"],
        "quiet_sessions": case["quiet"],
        "basis": "assumed",
        "source": "test",
    }
    return plan(read_spec(document), lock(a=load(int(case["peak"]), lag=lag)), DATA_END)


@settings(max_examples=300, deadline=None)
@given(cases)
def test_an_unpinned_plan_holds_what_it_requires(case: dict[str, float]) -> None:
    """Unless a pod holds no session or no target leaves room, bounds, target and floor hold by the definitions of design.md."""
    made = _case(case)
    only = made.live[0]
    if only.ceiling.guaranteed_safe == 0:
        assert [s.resource for s in made.shortfalls] == ["pod"]
        return
    assert only.provided >= only.required.sessions
    fewer = only.scaling.maximum - 1
    blocked = erlang_b(case["peak"] * growth_factor(28, case["growth"]), fewer * only.ceiling.guaranteed) > 0.001
    assert fewer * only.ceiling.safe < only.required.sessions or blocked or fewer < only.scaling.baseline
    assert only.blocking <= 0.001
    target = only.scaling.target
    if min(target.by_lag, target.by_alert) >= 1:
        assert target.sessions * 1.1 * case["ratio"] <= only.ceiling.hard + 1e-6
        assert target.sessions * 1.1 < only.scaling.alert_utilisation * only.ceiling.hard
        assert {s.resource for s in made.shortfalls} <= {"model"}
    assert 2 <= only.scaling.baseline <= only.scaling.maximum


@settings(max_examples=200, deadline=None)
@given(cases, st.sampled_from(["peak", "session_cpu", "session_mb", "ratio", "quiet", "burst", "growth"]))
def test_more_load_never_needs_less_of_anything(case: dict[str, float], key: str) -> None:
    """Raising the load or any cost never lowers replicas, nodes or tokens, and never raises a ceiling or a target."""
    less = _case(case)
    more = _case(case | {key: case[key] * 1.5 if key != "quiet" else case[key] + 100})
    before, after = less.live[0], more.live[0]
    if after.ceiling.guaranteed_safe == 0:
        return
    assert after.scaling.maximum >= before.scaling.maximum
    assert after.scaling.baseline >= min(before.scaling.baseline, after.scaling.maximum)
    assert after.scaling.target.sessions <= before.scaling.target.sessions
    assert after.ceiling.hard <= before.ceiling.hard
    assert more.model.asked[0].amount >= less.model.asked[0].amount
    assert more.pools[0].needed >= less.pools[0].needed


@settings(max_examples=100, deadline=None)
@given(cases)
def test_the_same_input_gives_the_same_bytes(case: dict[str, float]) -> None:
    """A plan is a function of its input, and JSON holds all of it."""
    assert json.dumps(_case(case).document()) == json.dumps(_case(case).document())
