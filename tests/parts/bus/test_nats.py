"""The rendered bus, run on three servers: caps are exact, what is acknowledged stays, and no account takes another's share."""

import asyncio
import json
import subprocess
import urllib.request
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import nats.errors
import pytest
from nats.aio.client import Client
from nats.js.errors import APIError, ServiceUnavailableError

from capacity.sizing.bus import BusSection
from components.bus.config import STREAM
from stacks.reading import read_spec
from tests.parts.bus.nats_cluster import PROGRAM, SPEAKERS, Cluster, running
from tests.waiting import until

SPEAKER, OTHER = SPEAKERS
SUBJECT_FULL = 10077
Answer = TypeVar("Answer")
TOO_LARGE = 10054


def _bus() -> BusSection:
    bus = read_spec("local").bus
    assert bus is not None
    return bus


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """Three servers with the configuration of stack local."""
    with running(_bus(), tmp_path) as made:
        yield made


async def _offer(client: Client, subject: str, payload: bytes, headers: dict[str, str] | None = None) -> int | None:
    """Return the error with which a message was refused; None where it was acknowledged."""
    try:
        await client.jetstream(timeout=30).publish(subject, payload, headers=headers)
    except APIError as refused:
        return refused.err_code
    return None


async def _asked(ask: Callable[[], Awaitable[Answer]]) -> Answer:
    """Return an answer of JetStream; while nobody leads, a question is lost and must be put again."""
    for _ in range(10):
        try:
            return await ask()
        except (nats.errors.TimeoutError, ServiceUnavailableError):
            await asyncio.sleep(0.5)
    return await ask()


def test_the_cap_of_a_call_is_exact_and_no_other_call_notices(cluster: Cluster) -> None:
    """Of 1,500 messages offered at once on three connections just as many wait as the cap says; a read one makes room for one."""

    async def offered() -> None:
        await cluster.make_stream()
        clients = [await cluster.connect(SPEAKER, server) for server in range(cluster.bus.servers)]
        answers = await asyncio.gather(*(_offer(clients[n % len(clients)], "call.one", b"%d" % n) for n in range(1500)))
        cap = cluster.bus.cap_per_session
        assert Counter(answers) == {None: cap, SUBJECT_FULL: 1500 - cap}
        assert await _offer(clients[0], "call.two", b"first") is None
        reading = await _asked(lambda: clients[1].jetstream().pull_subscribe("call.one", durable="reader"))
        (first,) = await _asked(lambda: reading.fetch(1, timeout=10))
        await first.ack_sync(timeout=30)
        while (answer := await _offer(clients[2], "call.one", b"more")) is not None:  # the servers remove it in their own time
            assert answer == SUBJECT_FULL
            await asyncio.sleep(0.05)
        assert await _offer(clients[2], "call.one", b"one more") == SUBJECT_FULL

    asyncio.run(offered())


def test_a_large_message_is_refused_and_its_connection_stays(cluster: Cluster) -> None:
    """A message above the spec's is refused by its stream; the next one goes through on the same connection."""

    async def offered() -> None:
        await cluster.make_stream()
        client = await cluster.connect(SPEAKER)
        assert await _offer(client, "call.one", b"x" * (2 * cluster.bus.message)) == TOO_LARGE
        assert await _offer(client, "call.one", b"x" * (cluster.bus.message // 2)) is None
        assert client.stats["reconnects"] == 0

    asyncio.run(offered())


def test_a_killed_server_loses_nothing_acknowledged(cluster: Cluster) -> None:
    """The stream's leader is killed amid publishing: every acknowledged message is there once, though senders tried again."""

    async def published() -> None:
        await cluster.make_stream()
        client = await cluster.connect(SPEAKER, max_reconnect_attempts=-1, reconnect_time_wait=0.1)
        acknowledged: list[str] = []

        async def sending(call: int) -> None:
            for number in range(80):
                name = f"{call}-{number}"
                while True:
                    try:
                        await client.jetstream(timeout=3).publish(f"call.{call}", name.encode(), headers={"Nats-Msg-Id": name})
                    except (nats.errors.Error, APIError):
                        await asyncio.sleep(0.1)
                    else:
                        acknowledged.append(name)
                        break

        senders = [asyncio.create_task(sending(call)) for call in range(10)]
        while len(acknowledged) < 200:  # noqa: ASYNC110  # ten senders, no one of which is the last
            await asyncio.sleep(0.01)
        info = await _asked(lambda: client.jetstream().stream_info(STREAM))
        assert info.cluster is not None
        assert info.cluster.leader is not None
        cluster.kill(int(info.cluster.leader.removeprefix("bus-")))
        await asyncio.gather(*senders)
        assert sorted(acknowledged) == sorted(f"{call}-{number}" for call in range(10) for number in range(80))
        reader = await _asked(lambda: client.jetstream().pull_subscribe("call.*", durable="reader"))
        found: Counter[str] = Counter()
        while sum(found.values()) < len(acknowledged):
            for message in await _asked(lambda: reader.fetch(100, timeout=10)):
                found[message.data.decode()] += 1
                await message.ack_sync(timeout=30)
        assert found == Counter(acknowledged)
        assert await _left(client) == 0

    asyncio.run(published())


async def _left(client: Client) -> int:
    """Return the messages of the stream; its servers agree on what is taken off a little after the acknowledgement."""
    for _ in range(100):
        kept = await _asked(lambda: client.jetstream().stream_info(STREAM))
        if kept.state.messages == 0:
            return 0
        await asyncio.sleep(0.1)
    return kept.state.messages


def test_an_account_has_so_many_connections_and_no_more(cluster: Cluster) -> None:
    """The limit counts over all servers; one more is refused, and another vertical's account still has all of its own."""

    async def connected() -> None:
        limit = cluster.bus.account.connections
        kept = [await cluster.connect(SPEAKER, number % cluster.bus.servers) for number in range(limit)]
        until(lambda: _connections(cluster) >= limit, "the servers have told each other")
        for server in range(cluster.bus.servers):
            with pytest.raises(nats.errors.Error, match="maximum account active connections exceeded"):
                await cluster.connect(SPEAKER, server, allow_reconnect=False, max_reconnect_attempts=0)
        other = await cluster.connect(OTHER)
        await asyncio.gather(*(client.close() for client in [*kept, other]))

    asyncio.run(connected())


def _connections(cluster: Cluster) -> int:
    return sum(_said(port, "connz?limit=0")["total"] for port in cluster.monitors)


def _said(port: int, page: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/{page}", timeout=10) as answer:
        said: dict[str, Any] = json.load(answer)
        return said


def test_callers_do_not_lift_their_cap(cluster: Cluster) -> None:
    """A caller may use its stream and neither make, change, empty nor delete one; another account does not see it at all."""

    async def tried() -> None:
        await cluster.make_stream()
        errors: list[str] = []

        async def heard(error: Exception) -> None:
            errors.append(str(error))

        client = await cluster.connect(SPEAKER, error_cb=heard)
        for call in ("CREATE", "UPDATE", "PURGE", "DELETE"):
            with pytest.raises(nats.errors.TimeoutError):
                await client.request(f"$JS.API.STREAM.{call}.{STREAM}", b"{}", timeout=0.5)
        assert [error for error in errors if "permissions violation" in error.lower()] == errors
        assert len(errors) == 4
        other = await cluster.connect(OTHER)
        with pytest.raises(APIError) as unknown:
            await other.jetstream(timeout=10).stream_info(STREAM)
        assert unknown.value.err_code == 10059

    asyncio.run(tried())


def test_a_server_that_is_to_go_stays_for_its_lame_duck_time(cluster: Cluster) -> None:
    """The rendered hook, and the signal to end right after it: the server waits with its clients instead of ending at once."""

    async def gone() -> None:
        client = await cluster.connect(SPEAKER, 0)
        subprocess.run([PROGRAM, f"-sl=ldm={cluster.folder / '0' / 'nats.pid'}"], check=True, capture_output=True)  # noqa: ASYNC221
        until(lambda: "Entering lame duck mode" in cluster.log(0), "lame duck mode")
        cluster.processes[0].terminate()
        with pytest.raises(subprocess.TimeoutExpired):
            cluster.processes[0].wait(timeout=3)
        assert client.is_connected
        await client.close()

    asyncio.run(gone())


def test_a_server_says_that_it_is_healthy(cluster: Cluster) -> None:
    """The pages that the probes ask answer ok, once the servers have found each other."""
    for page in ("healthz?js-enabled-only=true", "healthz?js-server-only=true"):
        until(partial(_healthy, cluster, page), page)


def _healthy(cluster: Cluster, page: str) -> bool:
    try:
        return all(_said(port, page) == {"status": "ok"} for port in cluster.monitors)
    except urllib.error.HTTPError:
        return False
