"""The rules on parts against brute force that shares no code with policies/ or capacity/."""

import json
import math
from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from policies.figures import poisson_quantile
from policies.judge import all_rules
from policies.rule import run_rule
from tests.policies.base import DATA_END, Document, change, context_of, passing, stack_of

PEAKS = {"healthcare": 800, "sales": 1000}
QUIET = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def refused(rule: str, changes: list[Document], folder: Path) -> bool:
    """Return whether one rule refuses the base with some changes."""
    situation = change(passing(), changes)
    (found,) = [one for one in all_rules() if one.name == rule]
    return bool(run_rule(found, stack_of(situation), context_of(situation, folder)))


def required(days: int = 28, verticals: tuple[str, ...] = ("healthcare", "sales")) -> float:
    """Return the sessions of a burst: day by day, each grows by the same factor."""
    sessions = float(sum(PEAKS[name] for name in verticals)) * 1.5
    for _ in range(days):
        sessions *= 2 ** (1 / 91)
    return sessions


def claim(resource: str, name: str, value: object) -> Document:
    """Return the change of an annotation of ours."""
    return {"at": [resource, "metadata", "annotations", f"headroom.dev/{name}"], "to": str(value)}


@QUIET
@given(
    servers=st.integers(1, 6),
    survive=st.integers(0, 2),
    ports=st.integers(2, 4000),
    each=st.integers(1, 4),
    megabits=st.integers(1, 400),
    share=st.integers(1, 100),
)
def test_relays_by_counting_calls(  # noqa: PLR0917  # the figures of a relay
    tmp_path: Path, servers: int, survive: int, ports: int, each: int, megabits: int, share: int
) -> None:
    """A call takes its ports and its bandwidth of one relay; calls are put on relays one by one until none has room."""
    calls, free_ports, free_bits = 0, ports, megabits * 1_000_000
    while free_ports >= each and free_bits >= 200_000:
        calls, free_ports, free_bits = calls + 1, free_ports - each, free_bits - 200_000
    held = max(0, servers - survive) * calls * 0.9
    config = f"min-port=10000\nmax-port={10000 + ports - 1}\nuse-auth-secret\ntotal-quota=0\nbps-capacity={megabits * 125_000}\n"
    changes: list[Document] = [
        {"with": ["turn"]},
        {"at": ["turn-config", "data", "turnserver.conf"], "to": config},
        {"at": ["turn-servers", "spec", "replicas"], "to": servers},
        claim("turn-servers", "survive", survive),
        claim("turn-servers", "ports-per-relayed", each),
        claim("turn-servers", "relayed-share", share / 100),
    ]
    assert refused("turn-ports-cover-burst", changes, tmp_path) == (required() * share / 100 > held)


def _late(erlangs: float, slots: int, wait: float, service: float) -> float:
    """Return the share that waits longer than so long, by the states of an M/M/c line one after another."""
    if erlangs >= slots:
        return 1.0
    states = [1.0]
    for number in range(1, slots + 4000):
        states.append(states[-1] * erlangs / min(number, slots))
    return sum(states[slots:]) / sum(states) * math.exp(-(slots - erlangs) * wait / service)


@QUIET
@given(
    pods=st.integers(1, 8),
    survive=st.integers(0, 2),
    slots=st.integers(1, 30),
    milliseconds=st.integers(0, 500),
    tenths=st.integers(1, 60),
    calls=st.integers(1, 6),
    level=st.sampled_from([0.5, 0.9, 0.95, 0.99]),
)
def test_tools_by_the_states_of_their_line(  # noqa: PLR0917  # the figures of a line
    tmp_path: Path, pods: int, survive: int, slots: int, milliseconds: int, tenths: int, calls: int, level: float
) -> None:
    """What every session asks of the executors, and a ninth more that must stay free, waits too long, or it does not."""
    servers, service = max(0, pods - survive) * slots, tenths / 10
    erlangs = required() / 180 * calls * service / 0.9
    late = _late(erlangs, servers, milliseconds / 1000, service)
    assume(abs(late - (1 - level)) > 1e-6)
    environment = ("spec", "template", "spec", "containers", 0, "env")
    changes: list[Document] = [
        {"with": ["tools"]},
        {"at": ["tools", "spec", "replicas"], "to": pods},
        {"at": ["tools", *environment, 0, "value"], "to": str(slots)},
        {"at": ["tools", *environment, 1, "value"], "to": str(milliseconds)},
        claim("tools", "survive", survive),
        claim("tools", "calls-per-session", calls),
        claim("tools", "call-seconds", service),
        claim("tools", "service-level", level),
    ]
    assert refused("tools-cover-burst", changes, tmp_path) == (late > 1 - level)


@QUIET
@given(
    tenants=st.lists(st.tuples(st.integers(0, 40), st.integers(1, 300), st.booleans()), min_size=1, max_size=4),
    millions=st.integers(1, 60),
)
def test_caps_by_seating_tenants(tmp_path: Path, tenants: list[tuple[int, int, bool]], millions: int) -> None:
    """Tenants with a guarantee are seated first, at their whole caps; the rest gets eleven seats for ten of what is left."""
    seats = millions * 1_000_000 // 6000
    for number, cap, guaranteed in tenants:
        seats -= number * cap * guaranteed
    wanted = sum(number * cap for number, cap, guaranteed in tenants if not guaranteed)
    plans = {
        f"plan-{index}": {"tenants": number, "cap": cap, "guaranteed": int(guaranteed)}
        for index, (number, cap, guaranteed) in enumerate(tenants)
    }
    changes: list[Document] = [
        {"add": {"type": "headroom:plan:Sold", "name": "sold", "props": {"plans": plans}}},
        {"at": ["model", "primary", "tokensPerMinute"], "to": millions * 1_000_000},
    ]
    assert refused("caps-within-the-account", changes, tmp_path) == (seats < 0 or wanted * 10 > max(0, seats) * 11)


@QUIET
@given(
    gigabytes=st.integers(1, 96),
    weights=st.integers(0, 60),
    session=st.integers(1, 3000),
    streams=st.integers(1, 60),
    measured=st.integers(1, 60),
    gpus=st.integers(1, 12),
    thousandths=st.integers(1, 60),
)
def test_gpus_by_filling_them(  # noqa: PLR0917  # the figures of a GPU
    tmp_path: Path, gigabytes: int, weights: int, session: int, streams: int, measured: int, gpus: int, thousandths: int
) -> None:
    """Streams are put into nine tenths of a GPU's memory one by one; one GPU is gone, a tenth of the streams is kept free."""
    free, held = Fraction(9, 10) * gigabytes * 1000 - weights * 1000, 0
    fits = free >= 0
    for _ in range(streams):
        free -= session
        fits = fits and free >= 0
    while (held + 1) * 10 <= streams * 9:
        held += 1
    short = required() * thousandths / 1000 > (gpus - 1) * held
    changes: list[Document] = [
        {"with": ["gpu"]},
        {"at": ["gpu-asr-deployment", "spec", "replicas"], "to": gpus},
        *(
            {"at": ["gpu-asr-deployment", "spec", "template", "spec", "containers", 0, "env", index, "value"], "to": str(value)}
            for index, value in enumerate((streams, session * 1_000_000, 0))
        ),
        claim("gpu-asr-deployment", "gpu-memory-bytes", gigabytes * 10**9),
        claim("gpu-asr-deployment", "weights-bytes", weights * 10**9),
        claim("gpu-asr-deployment", "workspace-bytes", 0),
        claim("gpu-asr-deployment", "streams", measured),
        claim("gpu-asr-deployment", "share", thousandths / 1000),
    ]
    expected = not fits or streams > measured or short
    assert refused("gpu-memory-covers-sessions", changes, tmp_path) == expected


@QUIET
@given(
    cap=st.integers(1, 3000), done=st.integers(0, 2000), payload=st.integers(1, 5000), maximum=st.integers(1_000_000, 30_000_000)
)
def test_a_queues_memory_by_adding_jobs(tmp_path: Path, cap: int, done: int, payload: int, maximum: int) -> None:
    """Waiting jobs are counted twice (a fork), kept ones once, until the cap: does the memory last?"""
    used = done * (payload + 1024)
    for _ in range(cap):
        used += 2 * (payload + 1024)
    settings_file = {
        "queue": "after-hours",
        "depthCap": cap,
        "defaultJobOptions": {"removeOnComplete": {"count": done}, "removeOnFail": {"count": 0}},
        "worker": {"concurrency": 10},
    }
    config = f"maxmemory {maximum}\nmaxmemory-policy noeviction\nappendonly yes\nauto-aof-rewrite-percentage 100\n"
    changes: list[Document] = [
        {"with": ["queue"]},
        {"at": ["queue-settings", "data", "bullmq.json"], "to": json.dumps(settings_file)},
        {"at": ["queue-config", "data", "redis.conf"], "to": config},
        claim("queue-server", "payload-bytes", payload),
    ]
    assert refused("queue-cap-below-memory", changes, tmp_path) == (used > maximum)


@QUIET
@given(busy=st.integers(1, 40), quiet=st.integers(0, 20), pods=st.integers(0, 6), minutes=st.integers(1, 60))
def test_a_queue_by_its_seconds(tmp_path: Path, busy: int, quiet: int, pods: int, minutes: int) -> None:
    """Jobs come and go second by second: what is left after the busy stretch fits the cap, and what drains later."""
    grown = 2 ** (28 / 91)
    served = pods * 10 / 8
    waiting, drained = 0.0, 0.0
    for _ in range(minutes * 60):
        waiting += busy / 10 * 1.5 * grown - served
    for _ in range(7200):
        drained += served - quiet / 10 * grown
    changes: list[Document] = [
        {"with": ["queue"]},
        {"at": ["after-hours-deployment", "spec", "replicas"], "to": pods},
        claim("queue-server", "busy-jobs-per-second", busy / 10),
        claim("queue-server", "quiet-jobs-per-second", quiet / 10),
        claim("queue-server", "busy-seconds", minutes * 60),
    ]
    held = min(1000.0, max(0.0, drained)) * 0.9
    if abs(max(0.0, waiting) - held) > 1e-6:
        assert refused("backlog-covers-arrivals", changes, tmp_path) == (max(0.0, waiting) > held)


@QUIET
@given(
    left=st.integers(0, 5),
    messages=st.integers(1000, 60_000),
    cap=st.integers(1, 900),
    storage=st.integers(100_000_000, 9 * 10**9),
)
def test_the_bus_by_its_calls(tmp_path: Path, left: int, messages: int, cap: int, storage: int) -> None:
    """Every call sends 50 messages a second and may leave its cap waiting, three times on disk, a tenth of all kept free."""
    sessions = required(verticals=("sales",))
    config = (
        "max_payload: 1MB, jetstream { max_file_store: 2000g }, max_connections: 1000, "
        f'accounts {{ "sales" {{ jetstream {{ max_file: {storage} }}, '
        "limits { max_connections: 100, max_payload: 1000 } } }"
    )
    stream = {
        "storage": "file",
        "num_replicas": 3,
        "max_msgs_per_subject": cap,
        "max_msg_size": 1000,
        "max_bytes": 10**12,
        "discard": "new",
        "discard_new_per_subject": True,
    }
    changes: list[Document] = [
        {"with": ["bus"]},
        {"at": ["bus-servers", "spec", "replicas"], "to": left + 1},
        {"at": ["bus-config", "data", "nats.conf"], "to": config},
        {"at": ["bus-servers", "spec", "volumeClaimTemplates", 0, "spec", "resources", "requests", "storage"], "to": "2T"},
        {"at": ["bus-sales-stream", "data", "stream.json"], "to": json.dumps(stream)},
        claim("bus-servers", "messages-per-second", messages),
    ]
    expected = (
        sessions * 50 > left * messages * 0.9
        or cap < 50 * 10
        or sessions / 0.9 * cap * 1000 * 3 > storage
        or left * 1000 < 9  # containers of sales at its maximum
    )
    assert refused("bus-limits-cover-burst", changes, tmp_path) == expected


@QUIET
@given(channels=st.integers(1000, 8000), starts=st.integers(1, 80), seconds=st.integers(20, 600))
def test_a_carrier_by_summing_chances(tmp_path: Path, channels: int, starts: int, seconds: int) -> None:
    """A busy second is the least number that one second in a thousand passes, by adding up Poisson's chances exactly."""
    mean, chance, total, busiest = required() / seconds, math.exp(-required() / seconds), 0.0, 0
    while total + chance < 0.999:
        total, busiest = total + chance, busiest + 1
        chance *= mean / busiest
    changes: list[Document] = [
        {"with": ["carrier"]},
        {"at": ["carrier", "channels"], "to": channels},
        {"at": ["carrier", "startsPerSecond"], "to": starts},
        *(claim(f"{name}-deployment", "mean-call-seconds", seconds) for name in PEAKS),
    ]
    expected = required() > channels * 0.9 or busiest > starts * 0.9
    assert refused("carrier-rate-covers-arrivals", changes, tmp_path) == expected


@QUIET
@given(channels=st.integers(3714, 9000), lead=st.integers(0, 400), today=st.integers(0, 28))
def test_lead_times_day_by_day(tmp_path: Path, channels: int, lead: int, today: int) -> None:
    """Two years are walked day by day; the order for the first short day must not lie before today."""
    first = next((day for day in range(731) if required(day) > channels * 0.9), None)
    late = first is not None and first > 28 and first - lead < today
    changes: list[Document] = [
        {"with": ["carrier"]},
        {"at": ["as_of"], "to": (DATA_END + timedelta(days=today)).isoformat()},
        {"at": ["model", "primary", "tokensPerMinute"], "to": 10**12},
        {"at": ["carrier", "channels"], "to": channels},
        {"at": ["carrier", "startsPerSecond"], "to": 10**6},
        {"at": ["carrier", "leadSeconds"], "to": lead * 86_400},
    ]
    assert refused("lead-times-met", changes, tmp_path) == late


@QUIET
@given(held=st.integers(0, 30), more=st.integers(0, 10))
def test_a_forecast_by_every_way_to_hold(tmp_path: Path, held: int, more: int) -> None:
    """How likely so few or fewer hold, by exact fractions over all ways in which they can."""
    origins = held + more
    if origins == 0:
        return
    each = Fraction(95, 100)
    chance = sum(math.comb(origins, number) * each**number * (1 - each) ** (origins - number) for number in range(held + 1))
    test = {"weeks": 40, "first_origin": "2026-05-04", "origins": origins, "held": held, "candidates": [], "chosen": "x"}
    changes: list[Document] = [{"at": ["lock", "verticals", "sales", "backtest"], "to": test}]
    assert refused("forecast-claims-what-it-measured", changes, tmp_path) == (chance < Fraction(1, 100))


@pytest.mark.parametrize(("mean", "number"), [(0.0, 0), (0.5, 4), (5.0, 13), (50.0, 73), (500.0, 571)])
def test_a_busy_second_as_tables_say(mean: float, number: int) -> None:
    """The 99.9% quantile of Poisson."""
    assert poisson_quantile(mean) == number


def test_where_the_normal_law_takes_over_nothing_jumps() -> None:
    """Beyond 100,000 the sum of chances would take too long; both laws agree there to a few in a thousand."""
    assert poisson_quantile(100_001.0) - poisson_quantile(99_999.0) == pytest.approx(2, abs=3)


def test_the_days_are_those_of_the_base() -> None:
    """The oracle counts from the base's own day."""
    assert date(2026, 11, 2) == DATA_END
