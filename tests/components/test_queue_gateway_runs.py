"""The queue gateway on a real redis-server, in short: what it takes and refuses, and how it ends; tests/edge/queue is longer."""

import json
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.edge.queue.gateway import (
    HERE,
    NEEDS,
    PACKAGE,
    Gateway,
    Workers,
    depth,
    install_packages,
    kill_redis,
    producing,
    queue_of,
    running,
    settings_of,
)
from tests.parts.queue.certificate import write_certificate
from tests.parts.queue.redis_server import QUEUE, Server, serving
from tests.waiting import until

pytestmark = NEEDS
CALL = {"call": "call-1", "tenant": "tenant-1", "vertical": "sales", "plan": "growth", "reference": "number-of-call-1"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the configuration of stack local."""
    install_packages()
    with serving(queue_of("local", depth_cap=5), tmp_path_factory.mktemp("redis")) as made:
        yield made


@pytest.fixture(scope="module")
def gateway(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway of that server."""
    made = Gateway(settings_of(server, "local"), tmp_path_factory.mktemp("gateway"))
    with running(made):
        yield made


@pytest.fixture(autouse=True)
def empty(server: Server) -> None:
    """No job is there when a test begins."""
    worker = server.client("worker")
    keys = [f"bull:{QUEUE}:{name}" for name in ("wait", "active", "prioritized", "delayed", "failed", "completed")]
    worker.delete(*keys, *worker.scan_iter(f"bull:{QUEUE}:tenant*"))


def _call(number: int, **changes: Any) -> dict[str, Any]:
    return CALL | {"call": f"call-{number}"} | changes


def test_its_types_hold() -> None:
    """The compiler finds nothing in the gateway's modules."""
    subprocess.run([str(PACKAGE / "node_modules" / ".bin" / "tsc"), "--project", str(PACKAGE)], check=True)


def test_its_parts_hold() -> None:
    """What needs no server is tested by Node's own runner."""
    subprocess.run(["node", "--test", str(HERE / "units.test.mjs")], check=True, capture_output=True)


def test_a_callback_is_taken_once(gateway: Gateway, server: Server) -> None:
    """Offered again it is known, also when the queue is full; another tenant's call of the same name is another."""
    assert [gateway.offered(CALL).status for _ in range(3)] == [202, 200, 200]
    assert gateway.offered(CALL | {"tenant": "tenant-2"}).status == 202
    assert [gateway.offered(_call(number)).status for number in range(2, 7)] == [202, 202, 202, 503, 503]
    assert gateway.offered(CALL).body == {"status": "known"}
    assert depth(server) == 5


def test_a_full_queue_says_when_to_come_again(gateway: Gateway) -> None:
    """503 with the spec's Retry-After, as a header and in the body."""
    for number in range(5):
        gateway.offered(_call(number))
    refused = gateway.offered(_call(6))
    assert (refused.status, refused.body, refused.headers["retry-after"]) == (
        503,
        {"error": "full", "retryAfterSeconds": 30},
        "30",
    )


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (CALL | {"phone": "+15550100"}, 422, {"error": "unknown-field", "field": "phone"}),
        (CALL | {"transcript": ["..."]}, 422, {"error": "unknown-field", "field": "transcript"}),
        ({name: CALL[name] for name in CALL if name != "reference"}, 422, {"error": "missing-field", "field": "reference"}),
        (CALL | {"call": "a/b"}, 422, {"error": "wrong-field", "field": "call"}),
        (CALL | {"call": 7}, 422, {"error": "wrong-field", "field": "call"}),
        (CALL | {"tenant": ""}, 422, {"error": "wrong-field", "field": "tenant"}),
        (CALL | {"tenant": "a:b"}, 422, {"error": "wrong-field", "field": "tenant"}),
        (CALL | {"vertical": "healthcare"}, 422, {"error": "wrong-field", "field": "vertical"}),
        (CALL | {"reference": "of two\nlines"}, 422, {"error": "wrong-field", "field": "reference"}),
        ([CALL], 422, {"error": "wrong-field", "field": ""}),
        ("{", 400, {"error": "FST_ERR_CTP_INVALID_JSON_BODY"}),
        ("x" * 2001, 413, {"error": "FST_ERR_CTP_BODY_TOO_LARGE"}),
    ],
)
def test_what_is_no_callback_is_refused_by_its_field(
    gateway: Gateway, server: Server, body: object, status: int, said: dict[str, str]
) -> None:
    """Only the five known fields get in, and only for the verticals that it serves."""
    answer = gateway.offered(body)
    assert (answer.status, answer.body) == (status, said)
    assert depth(server) == 0


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=40),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*CALL, "phone", "__proto__"]), inner, max_size=6)
    ),
    max_leaves=8,
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=ANYTHING | st.builds(lambda name, value: CALL | {name: value}, st.sampled_from([*CALL, "phone"]), ANYTHING))
def test_whatever_is_sent_only_callbacks_get_in(gateway: Gateway, body: object) -> None:
    """No body makes it fail, and none is taken whose fields are not the five, all of them texts of their kind."""
    answer = gateway.offered(body if not isinstance(body, str) else json.dumps(body))
    good = (
        isinstance(body, dict)
        and body.keys() == CALL.keys()
        and all(isinstance(value, str) for value in body.values())
        and all(re.fullmatch(r"[A-Za-z0-9._~-]{1,128}", body[name]) for name in ("call", "tenant", "plan"))
        and body["vertical"] in gateway.settings["verticals"]
        and re.fullmatch(r"[!-~]{1,256}", body["reference"]) is not None
    )
    assert answer.status in ((200, 202, 503) if good else (400, 413, 422))
    assert good or answer.body["error"] not in ("full", "unavailable")


def test_floods_of_headers_are_refused(gateway: Gateway) -> None:
    """More than 16 KiB of headers end the connection before anything is read; the gateway goes on."""
    assert gateway.offered(CALL, token="x" * 20_000).status in (0, 431)
    assert gateway.offered(CALL).status == 202


def test_nobody_gets_in_without_a_token(gateway: Gateway) -> None:
    """Neither callbacks nor dead letters; what was sent is not looked at."""
    for token in ("", "another", "the-token-of-the-edg"):
        for path in ("/callbacks", "/dead-letters", "/nowhere"):
            assert gateway.offered("x" * 5000, token=token, path=path).status == 401


def test_references_to_health_data_name_nobody(server: Server, tmp_path: Path) -> None:
    """Numbers and addresses are refused where the queue is of health data, whatever they are written with."""
    health = Gateway(settings_of(server, "local", opaque=True), tmp_path)
    with running(health):
        for reference in ("+15550100", "5550100555010055", "a@b.example-of-the-hospital", "short", "a b c d e f g h i j k"):
            assert health.offered(CALL | {"reference": reference}).body == {"error": "wrong-field", "field": "reference"}
        assert health.offered(CALL | {"reference": "f5c1c1f0-3d2a-4a0e-9d59-0d3c9a8f1b77"}).status == 202


def test_plans_are_called_back_in_their_order(gateway: Gateway, server: Server) -> None:
    """By the spec's priorities; within a plan first come, first served; a plan that is new comes last."""
    plans = ("new", "starter", "growth", "starter", "growth")
    for number, plan in enumerate(plans):
        gateway.offered(_call(number, plan=plan))
    order = server.client("worker").zrange(f"bull:{QUEUE}:prioritized", 0, -1)
    assert order == [f"tenant-1/call-{number}" for number in (2, 4, 1, 3, 0)]


def test_prometheus_reads_what_the_rules_ask_for(gateway: Gateway) -> None:
    """Jobs by state, the age of the oldest one, and what became of callbacks, by the names of the catalogue."""
    gateway.offered(CALL)
    text = gateway.asked("/metrics").body
    assert f'bullmq_job_count{{queue="{QUEUE}", state="prioritized"}} 1' in text
    (age,) = [float(line.split()[1]) for line in text.splitlines() if line.startswith("voice_queue_oldest_job_seconds{")]
    assert 0 < age < 60
    assert 'queue_gateway_callbacks_total{outcome="accepted"}' in text
    assert "queue_gateway_depth_cap 5" in text
    for path in ("/livez", "/healthz", "/readyz"):
        assert gateway.asked(path).status == 200


def test_dead_letters_are_listed_and_put_back(gateway: Gateway, server: Server, tmp_path: Path) -> None:
    """After its last attempt a job is a dead letter with its reason; put back it has all attempts again, where there is room."""
    patient = Gateway(settings_of(server, "local") | {"defaultJobOptions": {"attempts": 2, "backoff": 100}}, tmp_path)
    doomed = _call(40)  # the tests' worker never reaches it
    worker = Workers(server, tmp_path)
    with running(patient, worker):
        patient.offered(doomed)
        patient.offered(_call(41))
        until(patient.dead_letters, "it is a dead letter")
        until(lambda: depth(server) == 0, "the other one is done")
        (letter,) = patient.dead_letters()
        assert letter.items() >= (doomed | {"reason": "nobody answers", "attempts": 2}).items()
        assert worker.written("recorded") == {"tenant-1/call-41": 1}
        worker.kill()
        again = patient.offered({}, path="/dead-letters/tenant-1/call-40")
        assert (again.status, patient.dead_letters(), depth(server)) == (202, [], 1)
        assert patient.offered({}, path="/dead-letters/tenant-1/call-41").status == 404
    for number in range(5):
        gateway.offered(_call(number))
    server.client("worker").zadd(f"bull:{QUEUE}:failed", {"tenant-1/call-0": 1})
    assert gateway.offered({}, path="/dead-letters/tenant-1/call-0").status == 503


def test_without_redis_it_says_so_and_with_it_again_goes_on(gateway: Gateway, server: Server) -> None:
    """While Redis is gone it refuses at once, is not ready, and its metrics claim nothing of the queue; then it goes on."""
    server.process.kill()
    server.process.wait()
    refused = gateway.offered(CALL)
    assert (refused.status, refused.body["error"], refused.headers["retry-after"]) == (503, "unavailable", "30")
    assert gateway.asked("/readyz").status == 503
    assert gateway.asked("/livez").status == 200
    assert "bullmq_job_count" not in gateway.asked("/metrics").body
    kill_redis(server)
    until(lambda: gateway.offered(CALL).status in (200, 202), "it takes callbacks again")


def test_it_starts_before_redis_and_waits(server: Server, tmp_path: Path) -> None:
    """It is alive and not ready, says once why, and takes callbacks as soon as Redis answers."""
    told = settings_of(server, "local")
    server.process.kill()
    server.process.wait()
    early = Gateway(told, tmp_path)
    early.launch()
    try:
        until(lambda: early.asked("/livez").status == 200, "it is alive")
        assert early.asked("/readyz").status == 503
        assert "queue_gateway_depth_cap 5" in early.asked("/metrics").body
        until(lambda: "ECONNREFUSED" in (tmp_path / "gateway.log").read_text(encoding="utf-8"), "it says why")
        kill_redis(server)
        until(lambda: early.offered(CALL).status == 202, "it takes callbacks")
        assert (tmp_path / "gateway.log").read_text(encoding="utf-8").count("ECONNREFUSED") == 1
    finally:
        early.kill()


def test_a_login_that_redis_refuses_is_said(server: Server, tmp_path: Path) -> None:
    """The log has Redis' own words, and no password."""
    stranger = Gateway(settings_of(server, "local"), tmp_path, password="of-another-queue")  # noqa: S106  # of no login
    stranger.launch()
    try:
        until(lambda: "WRONGPASS" in (tmp_path / "gateway.log").read_text(encoding="utf-8"), "it says why")
        assert stranger.asked("/readyz").status == 503
        assert "of-another-queue" not in (tmp_path / "gateway.log").read_text(encoding="utf-8")
    finally:
        stranger.kill()


def test_it_drains_at_the_signal(server: Server, tmp_path: Path) -> None:
    """Asked to drain it is not ready and still takes callbacks; at the signal it answers what it took, and ends with 0."""
    made = Gateway(settings_of(server, "local", settleMilliseconds=100), tmp_path)
    with running(made):
        assert made.process is not None
        assert made.asked("/drain").body == {"status": "drained"}
        assert made.asked("/readyz").status == 503
        with producing([made], tmp_path, producers=1, each=400, in_flight=8) as producers:
            until(lambda: len(producers.answers()) > 20, "callbacks come in")
            made.process.terminate()
            assert made.process.wait(timeout=30) == 0
            until(producers.done, "every callback is answered, or nobody was there")
        taken = {answer["call"] for answer in producers.answers() if answer["status"] == 202}
    lying = server.client("worker").zrange(f"bull:{QUEUE}:prioritized", 0, -1)
    assert {f"tenant/{call}" for call in taken} == set(lying)


def test_it_speaks_tls_with_a_queue_that_speaks_nothing_else(tmp_path: Path) -> None:
    """It trusts whom the Secret of the authority names."""
    write_certificate(tmp_path)
    with serving(queue_of("local", tls=True), tmp_path) as secured:
        told = settings_of(secured, "local")
        told["connection"]["host"] = "localhost"  # of the certificate
        made = Gateway(told, tmp_path)
        with running(made):
            assert made.offered(CALL).status == 202


def test_two_gateways_take_as_many_as_fit(tmp_path: Path) -> None:
    """1,200 callbacks by 4 producers to two gateways, and a cap of 1,000: exactly 1,000 are acknowledged."""
    with serving(queue_of("local", depth_cap=1000), tmp_path) as fresh:
        gateways = [Gateway(settings_of(fresh, "local"), tmp_path) for _ in range(2)]
        with running(*gateways), producing(gateways, tmp_path, producers=4, each=300) as producers:
            until(producers.done, "every callback is answered")
        assert Counter(answer["status"] for answer in producers.answers()) == {202: 1000, 503: 200}
        assert depth(fresh) == 1000


def test_a_ledger_in_redis_records_once(server: Server) -> None:
    """Of eight that record an effect at once one is the first; the entry ends by itself."""
    program = f"""
        import {{ Redis }} from "ioredis";
        import {{ redisLedger }} from "./src/ledger.js";
        const client = new Redis({{ port: {server.port}, username: "worker", password: "worker-password" }});
        const ledger = redisLedger(client, {{ queue: "{QUEUE}", seconds: 60 }});
        const first = await Promise.all(Array.from({{ length: 8 }}, (_, n) => ledger.record("tenant/once", String(n))));
        const there = await Promise.all(["tenant/once", "tenant/other"].map(ledger.has));
        console.log(JSON.stringify([first.filter(Boolean).length, ...there]));
        client.disconnect();
    """
    command = ["node", "--input-type=module", "--eval", program]
    said = subprocess.run(command, cwd=PACKAGE, check=True, capture_output=True, text=True).stdout
    assert json.loads(said) == [1, True, False]
    lives = server.client("worker").ttl(f"bull:{QUEUE}:effect:tenant/once")
    assert 0 < int(str(lives)) <= 60
