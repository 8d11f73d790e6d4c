"""The stack beside the pods: each part of it carries the load that the plan puts on it."""

import json
import re
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from capacity import CapacityPlan, ForecastLock, plan
from capacity.explain import explain_parts
from capacity.parts import Part
from capacity.required import growth_factor
from capacity.sizing.poisson import poisson_quantile
from stacks.overrides import overridden
from tests.capacity.sizing import FRAMES, GATE, LATENCY, TRUNK, TUNNEL, TURN, WHISPER
from tests.capacity.specs import DATA_END, IMAGE, live, load, lock, read_spec, spec_document

Document = dict[str, Any]

CALL: Document = {"value": "180s"}
TOOLS: Document = {"pods": 40, "slots": 20, "calls_per_session": 5, "service": "2s", "wait": "200ms"}
BUS: Document = {
    "account": {"connections": 1000, "storage": "10GB"},
    "messages_per_session": 50,
    "message": "1kB",
    "cap_per_session": 600,
    "reader_stall": "10s",
}
SOCKETS: Document = {"stall": "500ms", "tracked": "256k", "outbound": {}}
WORKERS: Document = {"max_memory_restart": "1200Mi", "kill_timeout": "3630s"}
QUEUE: Document = {
    "payload": "2kB",
    "retained": 10000,
    "max_memory": "400MB",
    "concurrency": 25,
    "job": "10s",
    "drain_within": "4h",
    "load": {"busy_jobs_per_second": 5, "busy": "2h", "quiet_jobs_per_second": 1},
}
TARGET: Document = {
    "kubernetes_context": "here",
    "cloudflare": {"account": 32 * "a", "zone": 32 * "b", "domain": "calls.example"},
}
GPU: Document = WHISPER | {"share": 0.01}


def _stack(**changes: Any) -> Document:
    """Return a spec with three verticals and every section, all of it enough for its load."""
    document = spec_document(
        desk=live(mean_call=CALL, sockets=SOCKETS),
        homes=live(kind="nats", mean_call=CALL, pod={"cpu": 4, "memory": "16Gi", "sidecars": [_sidecar("crm"), _sidecar("sms")]}),
        sales=live(
            kind="pm2",
            mean_call=CALL,
            session={"memory": "20MB", "cpu": 0.025},
            pod={"cpu": 8, "memory": "16Gi", "workers": 8, "descriptors": "65k"},
            sockets=SOCKETS,
            workers=WORKERS,
        ),
        jobs={
            "kind": "queue",
            "image": IMAGE,
            "replicas": 2,
            "depth_cap": "50k",
            "pod": {"cpu": 1, "memory": "2Gi"},
            "queue": QUEUE,
        },
    )
    sections = {
        "tools": TOOLS,
        "bus": BUS,
        "turn": TURN,
        "carrier": TRUNK | {"channels": {"value": 10_000}, "starts_per_second": {"value": 100}},
        "target": TARGET,
        "edge": {"tunnel": TUNNEL, "session_object": FRAMES, "admission_gate": GATE},
        "latency": LATENCY,
        "gpu": {"asr": GPU},
        "plans": {"small": {"tenants": 1, "cap": 50, "sessions": 5}, "large": {"tenants": 1, "cap": 200, "sessions": 20}},
    }
    made: Document = json.loads(json.dumps(document | sections | changes))
    return made


def _sidecar(name: str) -> Document:
    return {"name": name, "image": IMAGE, "cpu": "100m", "memory": "64Mi"}


def _lock(**peaks: int) -> ForecastLock:
    return lock(**{name: load(peaks.get(name, 400)) for name in ("desk", "homes", "sales")})


def _planned(document: Document, forecast: ForecastLock | None = None, as_of: date = DATA_END) -> CapacityPlan:
    return plan(read_spec(document), forecast or _lock(), as_of)


def _part(made: CapacityPlan, name: str) -> Part:
    return next(part for part in made.sizings if part.name == name)


def _required(made: CapacityPlan, name: str) -> float:
    sizing = _part(made, name).sizing
    assert sizing is not None
    return sizing.required


def _of_the_stack(made: CapacityPlan) -> list[str]:
    return [short.remedy for short in made.shortfalls if short.scope in {part.path for part in made.sizings}]


def test_what_a_spec_leaves_out_is_not_spoken_of() -> None:
    """Without sections no part is sized, and nothing of them stands in the plan's document."""
    made = plan(read_spec(spec_document(desk=live())), lock(desk=load()), DATA_END)
    assert made.sizings == ()
    assert made.document()["stack"] == {}


def test_every_section_is_sized_and_enough_for_its_load() -> None:
    """Every section and every vertical's own part stands in the plan, without a shortfall where all is large enough."""
    made = _planned(_stack())
    assert [part.name for part in made.sizings] == [
        *("tools", "bus", "turn", "carrier channels", "carrier starts", "gpu asr"),
        *("tunnel", "session object", "admission gate", "admission pool", "first token", "first audio"),
        *("desk sockets", "sales sockets", "sales workers", "jobs queue"),
    ]
    assert made.shortfalls == ()
    assert made.document()["stack"].keys() == {part.name for part in made.sizings}


def test_shared_parts_carry_the_required_sessions_of_all_and_the_bus_those_of_nats() -> None:
    """What is required of tools, relays, trunks and tunnel is the verticals' required sessions; of a GPU its share of them."""
    made = _planned(_stack(), _lock(desk=800, homes=300, sales=500))
    required = {one.name: one.required.sessions for one in made.live}
    for name in ("tools", "turn", "carrier channels", "tunnel"):
        assert _required(made, name) == pytest.approx(sum(required.values()))
    assert _required(made, "gpu asr") == pytest.approx(0.01 * sum(required.values()))
    assert _required(made, "bus") == pytest.approx(required["homes"]) == 1.5 * growth_factor(28, 2.0) * 300


def test_starts_without_a_measurement_follow_from_littles_law() -> None:
    """1.5 x 1.238 x 1,200 sessions of 180 s are 12.4 starts a second, 25 in a busy one; an own length counts apart."""
    made = _planned(_stack())
    rate = 1.5 * growth_factor(28, 2.0) * 1200 / 180
    assert _required(made, "carrier starts") == poisson_quantile(rate) == 25
    document = _stack()
    document["verticals"]["sales"]["mean_call"]["value"] = "60s"
    mixed = 1.5 * growth_factor(28, 2.0) * 400 * (2 / 180 + 1 / 60)
    assert _required(_planned(document), "carrier starts") == poisson_quantile(mixed)


def _measured(**starts: Any) -> Document:
    def estimate(value: float) -> Document:
        return {"value": value, "low": value, "high": value}

    return {
        "days": 90,
        "starts_per_second": {"p999": estimate(4.0), "maximum": 6} | starts,
        "holding_seconds": estimate(240.0),
        "holding_limit_seconds": 3600.0,
        "overdispersion": estimate(1.0),
        "day_cv": estimate(0.1),
        "method": "test",
    }


def test_measured_starts_grow_with_the_sessions() -> None:
    """The lock's busiest seconds x burst x growth, summed; its quantile over the horizon where that is more; no spec figure."""
    document = _stack()
    del document["verticals"]["desk"]["mean_call"]
    demand = {name: load(400, demand=_measured()) for name in ("desk", "homes", "sales")}
    grown = 1.5 * growth_factor(28, 2.0)
    assert _required(_planned(document, lock(**demand)), "carrier starts") == pytest.approx(3 * 4 * grown)
    extreme = {"q95": 20, "days_fitted": 60, "days_ahead": 20, "method": "test"}
    demand["desk"] = load(400, demand=_measured(extreme=extreme))
    assert _required(_planned(document, lock(**demand)), "carrier starts") == pytest.approx(20 + 2 * 4 * grown)


def test_unknown_starts_are_said_to_be_unknown() -> None:
    """Without the length of a call nothing is sized that needs it; the remedy names the field, and giving it cures."""
    document = _stack()
    del document["verticals"]["sales"]["mean_call"]
    made = _planned(document)
    unknown = [part.name for part in made.sizings if part.sizing is None]
    assert unknown == ["tools", "carrier starts", "admission gate", "sales sockets"]
    assert {short.remedy for short in made.shortfalls} == {"give verticals.sales.mean_call"}
    assert made.document()["stack"]["tools"]["unknown"] == ["sales"]
    assert explain_parts(made, "tools")[0].value is None


def test_the_gate_holds_the_largest_tenant() -> None:
    """200 leases each 30 s, and the starts of a busy second of so many calls, taken and given back."""
    starts = poisson_quantile(200 / 180)
    assert _required(_planned(_stack()), "admission gate") == pytest.approx(200 / 30 + 2 * starts)


def test_what_the_spec_says_elsewhere_is_not_asked_twice() -> None:
    """Processes, files, grace and depth are the vertical's own; sessions of a node are its pods x what one admits."""
    made = _planned(_stack())
    files = next(limit for limit in _sizing(made, "sales sockets").limits if limit.name == "descriptors")
    # 31.5 cores take three pods of 8.
    assert files.value == 3 * 8 * ((65_000 / 1.5 - 64) // 6)
    sales = next(one for one in made.live if one.name == "sales")
    assert _required(made, "sales sockets") == 3 * sales.sessions_per_pod
    assert _required(made, "sales workers") == sales.sessions_per_pod
    depth = next(limit for limit in _sizing(made, "jobs queue").limits if limit.name == "depth cap")
    assert depth.value == 50_000


def _sizing(made: CapacityPlan, name: str) -> Any:
    return _part(made, name).sizing


def test_a_queue_holds_the_grown_burst() -> None:
    """5 jobs a second x 1.5 x 1.238 against 5 worked off leave 30,837 after two hours."""
    grown = growth_factor(28, 2.0)
    assert _required(_planned(_stack()), "jobs queue") == pytest.approx((5 * 1.5 * grown - 5) * 7200)


NOWHERE: Document = {"tenants": 1, "cap": 10, "guaranteed": 5, "vertical": "nowhere", "sessions": 2}

SHORT: tuple[tuple[str, Document], ...] = (
    ("tools", {"tools.pods": 3}),
    ("bus", {"bus.servers": 1}),
    ("bus", {"bus.account.connections": 3}),
    ("turn", {"turn.bandwidth": "20M"}),
    ("carrier channels", {"carrier.channels.value": 100}),
    ("carrier starts", {"carrier.starts_per_second.value": 1}),
    ("gpu asr", {"gpu.asr.count": 2}),
    ("tunnel", {"edge.tunnel.descriptors": 1000}),
    ("tunnel", {"edge.tunnel.replicas": 1}),
    ("session object", {"edge.session_object.sessions": 20}),
    ("admission gate", {"plans.large.cap": 20_000}),
    ("first token", {"latency.to_first_token.model.value": "600ms"}),
    ("first audio", {"latency.to_first_audio.synthesis.value": "800ms"}),
    ("desk sockets", {"verticals.desk.sockets.tracked": 100}),
    ("sales workers", {"verticals.sales.workers.max_memory_restart": "200MB"}),
    ("sales workers", {"verticals.sales.workers.max_memory_restart": "3GB"}),
    ("sales workers", {"verticals.sales.workers.kill_timeout": "2s"}),
    ("sales workers", {"verticals.sales.workers.kill_timeout": "5000s"}),
    ("jobs queue", {"verticals.jobs.queue.max_memory": "100MB"}),
    ("jobs queue", {"verticals.jobs.depth_cap": 1000}),
    ("jobs queue", {"verticals.jobs.replicas": 1, "verticals.jobs.depth_cap": "200k", "verticals.jobs.queue.max_memory": "2GB"}),
)
_CHANGE = re.compile(r"(?:raise|lower) (\S+) from \S+ to (\S+)")


@pytest.mark.parametrize(("name", "changes"), SHORT, ids=lambda value: value if isinstance(value, str) else "-".join(value))
def test_a_shortfall_names_fields_of_the_spec_that_cure_it(name: str, changes: Document) -> None:
    """What a remedy says can be given to `--what-if` as it stands, and then nothing of the stack is short."""
    document = overridden(_stack(), [f"{path}={value}" for path, value in changes.items()])
    made = _planned(document)
    sizing = _sizing(made, name)
    assert sizing.shortfall in made.shortfalls
    assert sizing.shortfall.scope == _part(made, name).path
    cures = [f"{path}={value}" for remedy in _of_the_stack(made) for path, value in _CHANGE.findall(remedy)]
    assert cures, _of_the_stack(made)
    assert _of_the_stack(_planned(overridden(document, cures))) == []


@pytest.mark.parametrize("name", ["turn", "carrier channels", "carrier starts", "gpu asr", "tunnel", "jobs queue"])
def test_what_cannot_grow_at_once_is_dated(name: str) -> None:
    """Short on the first day whose load is not held, found by planning for every day; order that many days before."""
    document = _stack()
    made = _planned(document)
    lead = _part(made, name).lead
    assert lead is not None
    assert lead.short_on is not None
    assert lead.order_by == lead.short_on - timedelta(days=28)

    def held(days: int) -> bool:
        later = ForecastLock.model_validate_json(json.dumps(_lock().without_digest() | {"valid_days": days}))
        return _sizing(_planned(document, later), name).shortfall is None

    if (days := (lead.short_on - DATA_END).days) <= 91:  # no lock looks further
        assert not held(days)
        assert held(days - 1)
    else:
        assert held(91)


def test_too_late_to_order_is_a_shortfall_before_the_day_itself() -> None:
    """A queue that its lead time passes is short in days, while its sizing still holds; the day before it is not."""
    document = _stack()
    order_by = _part(_planned(document), "jobs queue").lead.order_by  # type: ignore[union-attr]  # it is dated: see above
    assert order_by is not None
    assert _of_the_stack(_planned(document, as_of=order_by)) == []
    late = _planned(document, as_of=order_by + timedelta(days=1))
    short = next(short for short in late.shortfalls if short.scope == "verticals.jobs.queue")
    assert (short.unit, short.required, short.provided) == ("days", 28, 27)
    assert _sizing(late, "jobs queue").shortfall is None


def test_the_standing_document_does_not_change_with_the_day() -> None:
    """What is deployed must not change because a day went by."""
    document = _stack()
    today, later = (_planned(document, as_of=DATA_END + timedelta(days=days)) for days in (0, 9))
    assert today.standing_document() == later.standing_document()


@settings(max_examples=25, deadline=None)
@given(peak=st.integers(1, 3000), more=st.integers(0, 3000))
def test_more_load_never_leaves_more_headroom(peak: int, more: int) -> None:
    """Every part that carries calls has at most the headroom that it has under less load."""
    document = _stack()
    less, full = (_planned(document, _lock(desk=value, homes=value, sales=value)) for value in (peak, peak + more))
    for before, after in zip(less.sizings, full.sizings, strict=True):
        assert before.sizing is not None
        assert after.sizing is not None
        assert after.sizing.required >= before.sizing.required - 1e-9
        # More pods, so more on a node; more shards, so fewer calls on each.
        grows = "sockets" in before.name or before.name == "admission pool"
        if before.sizing.headroom is not None and not grows:
            assert after.sizing.headroom is not None
            assert after.sizing.headroom <= before.sizing.headroom + 1e-9


def test_the_order_of_the_verticals_does_not_matter() -> None:
    """Shared parts carry a sum."""
    document = _stack()
    turned = document | {"verticals": dict(reversed(document["verticals"].items()))}
    one, other = ({part.name: part.sizing for part in _planned(each).sizings} for each in (document, turned))
    for name, sizing in one.items():
        assert other[name].required == pytest.approx(sizing.required)  # type: ignore[union-attr]  # all loads are known
        assert other[name].safe == pytest.approx(sizing.safe)  # type: ignore[union-attr]  # all loads are known


@pytest.mark.parametrize(
    "name", ["bus", "carrier", "sockets", "sales", "edge.tunnel", "carrier starts", "gpu", "jobs", "latency"]
)
def test_a_part_is_explained_by_its_name_its_section_or_its_vertical(name: str) -> None:
    """Every step has a formula and a source; the limits come before what they lead to."""
    steps = explain_parts(_planned(_stack()), name)
    assert {"hard", "headroom"} <= {step.name for step in steps}
    assert all(step.formula and step.source for step in steps)


def test_what_is_assumed_is_shown_as_assumed() -> None:
    """A part whose tightest limit rests on an assumed figure says so; on a declared one it does not."""
    document = _stack()
    document["carrier"]["channels"] |= {"basis": "declared", "source": "the contract; signed"}
    made = _planned(document)
    assert not _part(made, "carrier channels").assumed
    assert _part(made, "carrier starts").assumed
    assert _part(made, "tools").assumed
    assert made.document()["stack"]["carrier starts"]["assumed"] is True


def test_a_section_without_a_load_is_refused() -> None:
    """What nobody uses cannot be sized: the error names the section."""
    wrong: tuple[tuple[Document, str], ...] = (
        (spec_document(desk=live()) | {"bus": BUS}, "bus: no vertical is of kind nats"),
        (spec_document(desk=live()) | {"edge": {"admission_gate": GATE}}, "edge.admission_gate: its load is the largest cap"),
        (spec_document(jobs=_stack()["verticals"]["jobs"]) | {"turn": TURN}, "turn: there is no live vertical"),
        (spec_document(desk=live(workers=WORKERS)), "workers are PM2's"),
        (spec_document(desk=live()) | {"plans": {"gold": NOWHERE}}, "plans.gold.vertical: there is no live vertical 'nowhere'"),
    )
    for document, said in wrong:
        with pytest.raises(ValidationError, match=said):
            read_spec(document)


def test_an_edge_belongs_to_an_account() -> None:
    """A tunnel needs account, zone and domain, and its image; scripts need the tunnel and the gate; ids have their form."""
    scripts = {"administrators": "house.example"}
    elsewhere = {"realtime": {"nobody": {"url": "https://model.example/"}}}
    edge = _stack()["edge"]
    wrong: tuple[tuple[Document, str], ...] = (
        ({"target": None}, "edge.tunnel: say in target.cloudflare"),
        ({"target": {"kubernetes_context": "here"}}, "edge.tunnel: say in target.cloudflare"),
        ({"images": {"tools": IMAGE, "executors": IMAGE}}, "images.cloudflared: edge.tunnel runs from it"),
        ({"edge": edge | {"scripts": scripts, "admission_gate": None}}, "edge.scripts: they need edge.tunnel"),
        ({"edge": edge | {"scripts": scripts | {"compatibility_date": "2026-09-30"}}}, "2026-10-01"),
        ({"edge": edge | {"scripts": scripts | {"migration_tag": "v0"}}}, "Input should be 'v1'"),
        ({"edge": edge | {"scripts": scripts | {"session": {"margin": "2m"}}}}, "edge.scripts.session.margin: below"),
        ({"edge": edge | {"scripts": scripts | {"session": elsewhere}}}, "edge.scripts.session.realtime.nobody: there is no"),
        (
            {"edge": edge | {"scripts": scripts | {"refusal": {"texts": {"EN": "busy"}}}}},
            "texts.EN: give a text under a language",
        ),
        ({"target": TARGET | {"cloudflare": TARGET["cloudflare"] | {"account": "ours"}}}, "String should match pattern"),
    )
    for changes, said in wrong:
        with pytest.raises(ValidationError, match=said):
            read_spec(_stack(**changes))
    assert read_spec(_stack(edge=edge | {"scripts": scripts})).edge.scripts is not None


def test_a_lease_outlives_missed_heartbeats() -> None:
    """With three heartbeats of 30 s that may fail, a lease stands for 90 s."""
    gate = read_spec(_stack(edge={"admission_gate": {"heartbeat": "30s", "missed": 3}})).edge.admission_gate
    assert gate is not None
    assert gate.lease_seconds == 90


def test_a_pool_has_a_node_for_every_replica_of_a_tunnel() -> None:
    """Replicas stand apart: 25 of them need 25 nodes beside the 4 that others can fill, however little they take."""
    document = _stack(edge={"tunnel": TUNNEL | {"replicas": 25, "pod": {"cpu": "10m", "memory": "16Mi"}}})
    (pool,) = _planned(document).pools
    assert pool.needed == 25 + 4


def test_a_queue_that_is_busier_when_quiet_is_refused() -> None:
    """Rates in the wrong order are bad input."""
    document = _stack()
    document["verticals"]["jobs"]["queue"]["load"]["quiet_jobs_per_second"] = 6
    with pytest.raises(ValidationError, match="when quiet are more than 5 when busy"):
        read_spec(document)


def _figure(lowest: int, highest: int) -> st.SearchStrategy[int]:
    return st.one_of(st.just(lowest), st.just(highest), st.integers(lowest, highest))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_whatever_the_sections_say_they_are_sized(data: st.DataObject) -> None:
    """Figures from the least to the absurd plan without an exception, and what is short has a remedy."""

    def some(lowest: int, highest: int) -> int:
        return data.draw(_figure(lowest, highest))

    changes: dict[str, Document] = {
        "tools": {"pods": some(1, 5000), "slots": some(1, 500), "survive": some(0, 9), "service": f"{some(1, 10**6)}ms"},
        "bus": {"servers": some(1, 9), "replicas": some(1, 9), "survive": some(0, 9), "messages_per_session": some(1, 10**6)},
        "turn": {"servers": some(1, 99), "survive": some(0, 99), "bandwidth": some(200_000, 10**12)},
        "carrier": {"channels": {"value": some(1, 10**9)}, "starts_per_second": {"value": some(1, 10**6)}},
        "edge.tunnel": {"replicas": some(1, 99), "tunnels": some(1, 99), "descriptors": some(1, 10**9)},
        "edge.session_object": {"frame": f"{some(1, 10**5)}ms", "sessions": some(1, 10**5)},
        "edge.admission_gate": {"heartbeat": f"{some(1, 10**6)}ms"},
        "plans.large": {"cap": some(20, 10**5)},
        "gpu.asr": {"count": some(1, 9999), "survive": some(0, 9), "streams": {"value": some(1, 999), "conditions": "test"}},
        "verticals.sales.sockets": {"stall": f"{some(1, 10**6)}ms", "tracked": some(1, 10**9), "descriptor_reserve": some(1, 9)},
        "verticals.sales.workers": {"max_memory_restart": f"{some(1, 10**5)}Mi", "kill_timeout": f"{some(1, 10**7)}ms"},
        "verticals.jobs.queue": {"max_memory": f"{some(1, 10**6)}Mi", "concurrency": some(1, 999), "retained": some(0, 10**7)},
        "verticals.jobs.queue.load": {"busy_jobs_per_second": some(1, 10**4), "busy": f"{some(1, 10**5)}s"},
    }
    document = overridden(
        _stack(),
        [f"{path}.{key}={json.dumps(value)}" for path, section in changes.items() for key, value in section.items()],
    )
    made = _planned(document, _lock(desk=some(1, 10**5), homes=some(1, 10**4), sales=some(1, 10**5)))
    assert all(part.sizing is not None for part in made.sizings)
    assert all(short.remedy and short.reason for short in made.shortfalls)
    assert json.loads(json.dumps(made.document(), allow_nan=False))["stack"].keys() == {part.name for part in made.sizings}
