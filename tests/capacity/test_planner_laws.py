"""Laws of the whole planner, on environments that are drawn at random."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capacity import CapacityPlan, plan
from tests.capacity.specs import DATA_END, live, load, lock, read_spec, spec_document

NAMES = ("a", "b", "c")
TAKEN = ("nodes", "tokens", "replicas", "memory", "cpu", "files")

verticals = st.fixed_dictionaries(
    {
        "peak": st.integers(1, 4000),
        "millicores": st.integers(500, 16_000),
        "mebibytes": st.integers(2048, 65_536),
        "session_millicores": st.integers(10, 400),
        "session_mb": st.integers(20, 400),
        "workers": st.integers(1, 8),
        "descriptors": st.integers(200, 65_536),
        "ratio": st.floats(1.0, 2.0),
        "quiet": st.integers(0, 600),
        "mean": st.none() | st.integers(0, 400),
        "holding": st.none() | st.floats(10.0, 900.0),
        "known_peak": st.none() | st.integers(1, 4000),
        "maximum": st.none() | st.integers(1, 80),
    }
)
fleets = st.lists(verticals, min_size=1, max_size=3)
once = settings(max_examples=60, deadline=None)


def _vertical(drawn: Mapping[str, Any]) -> dict[str, Any]:
    return live(
        pod={
            "cpu": f"{drawn['millicores']}m",
            "memory": f"{drawn['mebibytes']}Mi",
            "workers": drawn["workers"],
            "descriptors": drawn["descriptors"],
        },
        session={"memory": f"{drawn['session_mb']}MB", "cpu": drawn["session_millicores"] / 1000},
        pins={} if drawn["maximum"] is None else {"maximum": drawn["maximum"]},
    )


def _load(drawn: Mapping[str, Any]) -> dict[str, Any]:
    lag = {"seconds": 180.0, "ratio": drawn["ratio"], "quiet_sessions": drawn["quiet"], "basis": "assumed", "source": "test"}
    more: dict[str, Any] = {"lag": lag}
    if drawn["mean"] is not None:
        more["mean_sessions"] = min(drawn["mean"], drawn["peak"])
    if drawn["known_peak"] is not None:
        peak = {"day": "mon", "start": "09:00", "end": "11:00", "zone": "America/New_York", "sessions": drawn["known_peak"]}
        more["known_peaks"] = [peak]
    if drawn["holding"] is not None:
        one, held = {"value": 1.0, "low": 1.0, "high": 1.0}, drawn["holding"]
        more["demand"] = {
            "days": 60,
            "starts_per_second": {"p999": one, "maximum": 1},
            "holding_seconds": {"value": held, "low": held, "high": held},
            "holding_limit_seconds": 3600.0,
            "overdispersion": one,
            "day_cv": {"value": 0.1, "low": 0.1, "high": 0.1},
            "method": "test",
        }
    return load(drawn["peak"], **more)


def _document(drawn: list[dict[str, Any]], **pool: Any) -> dict[str, Any]:
    document = spec_document(**{name: _vertical(one) for name, one in zip(NAMES, drawn, strict=False)})
    document["pools"]["general"] |= {"price_per_node_hour": {"amount": 1.5, "source": "test", "date": "2026-11-01"}, **pool}
    return document


def _planned(drawn: list[dict[str, Any]], **pool: Any) -> CapacityPlan:
    loads = {name: _load(one) for name, one in zip(NAMES, drawn, strict=False)}
    return plan(read_spec(_document(drawn, **pool)), lock(**loads), DATA_END)


def _holds_no_session(made: CapacityPlan) -> bool:
    return any(not vertical.takes.guaranteed_safe for vertical in made.live)


@once
@given(fleets)
def test_the_same_spec_gives_the_same_plan(drawn: list[dict[str, Any]]) -> None:
    """Down to the last byte of its document."""
    first, second = _planned(drawn), _planned(drawn)
    assert first == second
    assert json.dumps(first.document()) == json.dumps(second.document())


@once
@given(fleets, st.integers(0, 2), st.integers(1, 4000))
def test_more_load_never_gives_less(drawn: list[dict[str, Any]], which: int, more: int) -> None:
    """A higher peak of one vertical asks for as much of everything at least, and leaves the other verticals as they are."""
    which %= len(drawn)
    heavier = [one | {"peak": one["peak"] + more * (number == which)} for number, one in enumerate(drawn)]
    before, after = _planned(drawn), _planned(heavier)
    for number, (old, new) in enumerate(zip(before.live, after.live, strict=True)):
        assert (old == new) if number != which else (old.required.sessions < new.required.sessions)
        assert old.scaling.maximum <= new.scaling.maximum
        assert old.scaling.baseline <= new.scaling.baseline
        assert old.blocking <= new.blocking or old.scaling.maximum < new.scaling.maximum
    assert before.model.sessions < after.model.sessions
    for asked, of in zip(before.model.asked, after.model.asked, strict=True):
        assert asked.amount < of.amount
    assert before.pools[0].needed <= after.pools[0].needed


@once
@given(fleets, st.integers(0, 2), st.sampled_from(["session_millicores", "session_mb"]), st.floats(1.0, 3.0))
def test_dearer_sessions_never_take_fewer_pods(drawn: list[dict[str, Any]], which: int, cost: str, times: float) -> None:
    """A session that costs more lowers the pod's ceilings and raises the replicas, where it changes any; the load stays."""
    which %= len(drawn)
    dearer = [one | ({cost: round(one[cost] * times)} if number == which else {}) for number, one in enumerate(drawn)]
    before, after = _planned(drawn), _planned(dearer)
    for old, new in zip(before.live, after.live, strict=True):
        assert old.ceiling.hard >= new.ceiling.hard
        assert old.ceiling.guaranteed_safe >= new.ceiling.guaranteed_safe
        assert old.required == new.required
        if new.takes.guaranteed_safe:
            assert old.scaling.maximum <= new.scaling.maximum
    assert before.model == after.model


@once
@given(fleets, st.integers(0, 3))
def test_more_nodes_to_lose_never_take_fewer(drawn: list[dict[str, Any]], survive: int) -> None:
    """Each node that may be gone is one more; a loss of zones takes as many at least."""
    plain, one_more = _planned(drawn, survive=survive), _planned(drawn, survive=survive + 1)
    zoned = _planned(drawn, survive=survive, zones=3)
    (pool,), (spare,), (spread,) = plain.pools, one_more.pools, zoned.pools
    assert spare.needed == pool.needed + (pool.enough > 0)
    assert pool.needed <= spread.needed
    assert pool.enough == spare.enough == spread.enough >= pool.packed - 1


@once
@given(fleets.filter(lambda drawn: len(drawn) > 1), st.integers(1, 2), st.integers(10, 400))
def test_the_order_of_verticals_changes_nothing(drawn: list[dict[str, Any]], turn: int, nodes: int) -> None:
    """Neither in the spec nor in the lock: the plan's document is the same but for the order of its lists."""
    document = _document(drawn, nodes=nodes)
    loads = {name: _load(one) for name, one in zip(NAMES, drawn, strict=False)}
    names = list(loads)
    turned = names[turn % len(names) :] + names[: turn % len(names)]
    other = document | {"verticals": {name: document["verticals"][name] for name in turned}}
    straight = plan(read_spec(document), lock(**loads), DATA_END)
    rotated = plan(read_spec(other), lock(**{name: loads[name] for name in reversed(turned)}), DATA_END)
    assert _without_order(straight.document()) == _without_order(rotated.document())


def _without_order(value: Any) -> Any:
    """Return a document with sums rounded, for their last digit depends on the order, and lists sorted."""
    if isinstance(value, dict):
        return {key: _without_order(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return sorted((_without_order(item) for item in value), key=repr)
    return float(f"{value:.9g}") if isinstance(value, float) else value


@once
@given(fleets)
def test_little_s_law_holds_on_every_plan_with_demand(drawn: list[dict[str, Any]]) -> None:
    """N = lambda x T: starts a minute x mean holding = sessions, by vertical; and minutes billed = mean sessions x time."""
    made = _planned(drawn)
    held = [one["holding"] for one in drawn]
    if all(seconds is not None for seconds in held):
        assert made.model.starts_per_minute is not None
        assert made.model.starts_per_minute / 60 == pytest.approx(
            sum(made.margins.burst * one["peak"] / one["holding"] for one in drawn)
        )
        alone = [_planned([one]) for one in drawn]
        for plan_of_one, seconds in zip(alone, held, strict=True):
            assert plan_of_one.model.starts_per_minute is not None
            assert plan_of_one.model.starts_per_minute / 60 * seconds == pytest.approx(plan_of_one.model.sessions)
        assert sum(one.model.starts_per_minute or 0 for one in alone) == pytest.approx(made.model.starts_per_minute)
    else:
        assert made.model.starts_per_minute is None
    minutes_a_month = 365 * 24 * 60 / 12
    for one, cost in zip(drawn, made.costs, strict=False):
        mean = None if one["mean"] is None else min(one["mean"], one["peak"])
        assert cost.call_minutes == (None if mean is None else pytest.approx(mean * minutes_a_month, rel=1e-3))


@once
@given(fleets, st.integers(2, 400), st.integers(1, 80), st.sampled_from(TAKEN))
def test_taking_something_away_never_raises_headroom(drawn: list[dict[str, Any]], nodes: int, maximum: int, taken: str) -> None:
    """A node, tokens, a replica, memory, processor time or open files less: no headroom of the plan is higher for it."""
    fixed = [one | {"maximum": maximum + 1} for one in drawn]
    document, poorer = _document(fixed, nodes=nodes), _document(fixed, nodes=nodes)
    first = poorer["verticals"][NAMES[0]]
    if taken == "nodes":
        poorer["pools"]["general"]["nodes"] -= 1
    elif taken == "tokens":
        poorer["model"]["primary"]["tokens_per_minute"]["limit"] = "99M"
    elif taken == "replicas":
        first["pins"]["maximum"] -= 1
    elif taken == "memory":
        first["pod"]["memory"] = f"{fixed[0]['mebibytes'] * 3 // 4}Mi"
    elif taken == "cpu":
        first["pod"]["cpu"] = f"{fixed[0]['millicores'] * 3 // 4}m"
    else:
        first["pod"]["descriptors"] = fixed[0]["descriptors"] * 3 // 4
    loads = {name: _load(one) for name, one in zip(NAMES, fixed, strict=False)}
    richer_plan, poorer_plan = (plan(read_spec(each), lock(**loads), DATA_END) for each in (document, poorer))
    before, after = _headrooms(richer_plan), _headrooms(poorer_plan)
    # Fewer or smaller pods leave the nodes more room: that is another resource's gain.
    freed = {"pool general"} if taken in ("replicas", "memory", "cpu") else set()
    for name in before.keys() - freed:
        assert after[name] <= before[name] + 1e-12, name
    if taken in ("nodes", "tokens", "replicas"):
        changed = {"nodes": "pool general", "tokens": "model", "replicas": NAMES[0]}[taken]
        assert after[changed] < before[changed] or _holds_no_session(richer_plan)


def _headrooms(made: CapacityPlan) -> dict[str, float]:
    rooms: list[tuple[str, float | None]] = [(one.name, one.headroom) for one in made.live]
    rooms += [(f"pool {pool.name}", pool.headroom) for pool in made.pools]
    rooms.append(("model", made.model.headroom))
    return {name: room for name, room in rooms if room is not None}
