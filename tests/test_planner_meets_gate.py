"""Planner and gate share no arithmetic: on random environments they must come to the same end."""

import json
import tempfile
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capacity import plan
from capacity.shortfall import Shortfall
from policies.adapters.program import judge_blueprint
from policies.judge import rule_names
from policies.rules.shortfalls import SAID_BY
from stacks.reading import floors_path, lock_path, read_lock
from stacks.reading import read_spec as read_prod
from stacks.voice import render
from tests.capacity.specs import DATA_END, live, load, lock, read_spec, spec_document
from tests.environments import planned


def _seldom(values: st.SearchStrategy[int]) -> st.SearchStrategy[int | None]:
    return st.integers(0, 5).flatmap(lambda number: values if number == 0 else st.none())


# Costs above policies/floors.json: below it the gate rightly counts the floor, not the spec.
verticals = st.fixed_dictionaries(
    {
        "peak": st.integers(1, 4000),
        "cpu_millicores": st.integers(500, 16_000),
        "memory_mib": st.integers(2048, 65_536),
        "requested_share": st.sampled_from([1.0, 1.0, 0.5]),
        "session_cpu": st.integers(10, 400).map(lambda thousandths: thousandths / 1000),
        "session_mb": st.integers(20, 400),
        "base_mib": st.integers(0, 256),
        "workers": st.integers(1, 8),
        "descriptors": st.integers(200, 65_536),
        "cap": st.none() | st.integers(1, 500),
        "ratio": st.floats(1.0, 2.0),
        "quiet": st.integers(0, 600),
        "extreme": st.none() | st.integers(1, 9000),
        "known_peak": st.none() | st.integers(1, 4000),
        "maximum": _seldom(st.integers(2, 80)),
        "target": _seldom(st.integers(1, 300)),
        "sessions_per_pod": _seldom(st.integers(1, 300)),
        "measured_mb": _seldom(st.integers(20, 400)),
    }
)


RULE_OF = {
    "forecast": "forecast-fresh",
    "cost": "session-costs-cover-measurement",
    "sessions": "sessions-cover-burst",
    "pod": "pod-limits-cover-sessions",
    "descriptors": "file-descriptors-cover-sessions",
    "target": "scaling-target-leaves-lag-growth",
    "floor": "lag-floor-held",
    "prescale": "prescale-covers-known-peaks",
    "model": "tokens-cover-burst",
    "lag": "claims-match-lock",
    "nodes": "nodes-cover-maximum",
}
PLAN_S_WORD = "plan-falls-short-nowhere"


def _rule_of(found: Shortfall) -> str:
    return "lead-times-met" if found.unit == "days" and found.resource != "forecast" else RULE_OF[found.resource]


def _rules_of(short: Iterable[Shortfall]) -> set[str]:
    """Return the rules that say it: blocked calls are told by too few sessions, and where those are enough by the plan's word."""
    resources = {found.resource for found in short}
    blocking = {PLAN_S_WORD} if "blocking" in resources and "sessions" not in resources else set()
    return blocking | {_rule_of(found) for found in short if found.resource != "blocking"}


def _vertical(drawn: dict[str, Any]) -> dict[str, Any]:
    pod: dict[str, Any] = {
        "cpu": f"{drawn['cpu_millicores']}m",
        "memory": f"{drawn['memory_mib']}Mi",
        "base_memory": f"{drawn['base_mib']}Mi",
        "workers": drawn["workers"],
        "descriptors": drawn["descriptors"],
    }
    if drawn["requested_share"] < 1:
        pod["requests"] = {"cpu": f"{drawn['cpu_millicores'] // 2}m", "memory": f"{drawn['memory_mib'] // 2}Mi"}
    pins = {key: drawn[key] for key in ("maximum", "target", "sessions_per_pod") if drawn[key] is not None}
    cap = {} if drawn["cap"] is None else {"cap": {"sessions": drawn["cap"], "reason": "test"}}
    cost: dict[str, Any] = {"memory": f"{drawn['session_mb']}MB", "cpu": drawn["session_cpu"]}
    if drawn["measured_mb"] is not None:
        memory = {"low": f"{drawn['measured_mb']}MB", "high": f"{drawn['measured_mb'] + 5}MB"}
        cost["measured"] = {"source": "test", "date": "2026-11-01", "memory": memory}
    return live(pod=pod, session=cost, pins=pins, mean_call={"value": "180s"}, **cap)


def _load(drawn: dict[str, Any]) -> dict[str, Any]:
    lag = {
        "seconds": 180.0,
        "ratio": drawn["ratio"],
        "quiet_sessions": drawn["quiet"],
        "basis": "assumed",
        "source": "test",
    }
    more: dict[str, Any] = {"lag": lag}
    if drawn["extreme"] is not None:
        more["extreme"] = {"q95": drawn["extreme"], "days_fitted": 60, "days_ahead": 20, "method": "test"}
    if drawn["known_peak"] is not None:
        peak = {"day": "mon", "start": "09:00", "end": "11:00", "zone": "America/New_York", "sessions": drawn["known_peak"]}
        more["known_peaks"] = [peak]
    return load(drawn["peak"], **more)


pools = st.fixed_dictionaries(
    {"survive": st.integers(0, 3), "zones": st.integers(1, 4)}, optional={"nodes": st.integers(10, 400)}
)
providers = st.one_of(
    st.integers(10, 200).map(lambda millions: {"kind": "token-limited", "tokens_per_minute": {"limit": f"{millions}M"}}),
    st.integers(1000, 30_000).map(lambda sessions: {"kind": "session-limited", "concurrent_sessions": {"limit": sessions}}),
    st.none() | st.integers(1000, 30_000).map(lambda sessions: {"limit": sessions}),
)


def _primary(drawn: dict[str, Any] | None) -> dict[str, Any]:
    if drawn is None or "kind" not in drawn:
        drawn = {"kind": "minute-billed"} | ({} if drawn is None else {"concurrent_sessions": drawn})
    tokens = {"tokens_per_session_minute": {"value": 6000}} if drawn["kind"] == "token-limited" else {}
    return {"name": "p", "vendor": "v", "model": "m"} | drawn | tokens


@settings(max_examples=150, deadline=None)
@given(st.lists(verticals, min_size=1, max_size=3), pools, st.integers(-1, 29), providers)
def test_the_gate_refuses_exactly_what_the_plan_finds_short(
    drawn: list[dict[str, Any]], pool: dict[str, Any], day: int, provider: dict[str, Any] | None
) -> None:
    """Each kind of shortfall has the violation of its rule and the other way round."""
    names = [f"v{number}" for number in range(len(drawn))]
    document = spec_document(**{name: _vertical(vertical) for name, vertical in zip(names, drawn, strict=True)})
    document["model"] = {"primary": _primary(provider)}
    document["pools"]["general"] |= pool
    forecast = lock(**{name: _load(vertical) for name, vertical in zip(names, drawn, strict=True)})
    as_of: date = DATA_END + timedelta(days=day)
    made = plan(read_spec(document), forecast, as_of)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "test.forecast.json"
        file.write_text(json.dumps({**forecast.without_digest(), "digest": forecast.digest}))
        verdict = judge_blueprint(render(made), file, floors_path(), as_of)
    short = made.shortfalls
    assert bool(short) == verdict.refused, (short, verdict.violations)
    if all(vertical.ceiling.guaranteed_safe for vertical in made.live):  # else the plan says only that a pod holds nothing
        assert _rules_of(short) == {violation.rule for violation in verdict.violations}


@pytest.mark.parametrize(
    ("figure", "short"),
    [
        ('edge.session_object.frame="1ms"', ("session object", "edge.session_object")),
        ("verticals.healthcare.sockets.tracked=1000", ("sockets", "verticals.healthcare.sockets")),
        ('verticals.sales.workers.metric="of one process"', ("workers", "verticals.sales.workers")),
        ('observability.storage="10GB"', ("metrics", "observability")),
        ('scaling.node_loss={"allowed": "5m"}', ("replacement", "scaling.node_loss.cluster")),
        ("model.failover.reopen_minutes=1", ("failover", "openai")),
    ],
    ids=lambda given: given[0] if isinstance(given, tuple) else None,
)
def test_what_no_rule_measures_is_refused_by_the_plan_s_own_word(figure: str, short: tuple[str, str]) -> None:
    """One figure of prod changed: what the plan then calls short is refused with the plan's reason and remedy, and alone."""
    made = plan(read_prod("prod", what_if=[figure]), read_lock("prod"), planned("prod").as_of)
    (found,) = made.shortfalls
    assert (found.resource, found.scope) == short
    (violation,) = judge_blueprint(render(made), lock_path("prod"), floors_path(), made.as_of).violations
    assert (violation.rule, violation.resource, violation.remedy) == (PLAN_S_WORD, found.scope, found.remedy)
    assert violation.message == f"the plan falls short ({found.resource}): {found.reason}"


def test_the_rules_that_speak_instead_of_the_plan_are_rules() -> None:
    """Each is one that runs, and the random environments above hold each resource to a rule of this list."""
    assert {name for names in SAID_BY.values() for name in names} <= rule_names()
    assert all(RULE_OF[resource] in SAID_BY[resource] for resource in RULE_OF)
