"""The rendered coturn, run: it relays, and refuses what is over a quota or not to be reached."""

import os
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from capacity.sizing.turn import Relay
from components.turn.config import CONFIG_FOLDER, RUN_FOLDER, SECRET_FOLDER, TLS_FOLDER, turn_config
from components.turn.render import turn_resources
from headroom.ports import free_ports
from stacks.reading import read_spec
from tests.environments import planned
from tests.parts.queue.certificate import write_certificate
from tests.parts.turn.stun import TurnClient, credentials
from tests.waiting import until

pytestmark = pytest.mark.needs("turnserver", "apt-get install coturn")
OVER_QUOTA, NO_PORT, UNAUTHORISED, DENIED = 486, 508, 401, 403
SECRETS = ("the-secret-of-today", "the-secret-of-tomorrow")


@dataclass
class Server:
    """A running server."""

    relay: Relay
    port: int
    log: Path

    def client(self, user: str, secret: str = SECRETS[0]) -> TurnClient:
        """Return a client of a user whose password was made with a secret."""
        return TurnClient(("127.0.0.1", self.port), *credentials(secret, user))

    def allocated(self, user: str, count: int = 1) -> list[int]:
        """Return how each of some allocations of one user was answered."""
        return [self.client(user).allocate() for _ in range(count)]


@contextmanager
def serving(folder: Path, **changes: object) -> Iterator[Server]:
    """Run a server with the configuration of stack prod, some figures changed, and end it."""
    relay = read_spec("prod").turn
    assert relay is not None
    port, tls_port = free_ports(2)
    relay = relay.model_copy(update={"listening_port": port, "tls_port": tls_port, **changes})
    text = turn_config(relay)
    # Debian's build has no Prometheus.
    assert "prometheus\n" in text
    lines = [line for line in text.splitlines() if not line.startswith("prometheus")]
    text = "\n".join([*lines, *(f"static-auth-secret={secret}" for secret in SECRETS)])
    (folder / "turnserver.conf").write_text(text.replace(RUN_FOLDER, str(folder)).replace(TLS_FOLDER, str(folder)))
    command = ["turnserver", "-c", str(folder / "turnserver.conf"), "--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    server = Server(relay, port, folder / "log")
    try:
        until(lambda: "admin thread" in server.log.read_text(), "coturn runs all its threads")
        yield server
    finally:
        process.kill()
        process.wait()


def test_it_understands_every_line(tmp_path: Path) -> None:
    """Coturn goes on where it does not know an option; the rendered file has none of that kind."""
    with serving(tmp_path) as server:
        said = server.log.read_text()
        assert "Bad configuration" not in said
        assert "ERROR" not in said


def test_it_gives_the_public_address_of_its_machine(tmp_path: Path) -> None:
    """A relay's address is the public one of the machine on which it is, and its port is of the spec's range."""
    with serving(tmp_path, public_addresses={"127.0.0.1": "203.0.113.7", "10.0.3.12": "203.0.113.12"}) as server:
        client = server.client("caller")
        assert client.allocate() == 0
        assert client.relayed is not None
        address, port = client.relayed
        assert address == "203.0.113.7"
        assert server.relay.first_port <= port <= server.relay.last_port


@pytest.mark.parametrize("listed", ["127.0.0.1", "127.0.0.10"])
def test_it_starts_on_a_machine_with_a_public_address_alone(tmp_path: Path, listed: str) -> None:
    """The rendered command runs it where the machine's address is listed, and else says which is not."""
    plan = planned("prod")
    assert plan.stack.turn is not None
    relay = plan.stack.turn.model_copy(update={"listening_port": free_ports(1)[0], "public_addresses": {listed: "203.0.113.7"}})
    resources = turn_resources(replace(plan, stack=plan.stack.model_copy(update={"turn": relay})), parent="x")
    servers = next(one.props for one in resources if one.name == "turn-servers")
    *shell, start = servers["spec"]["template"]["spec"]["containers"][0]["command"]
    for folder, name in ((SECRET_FOLDER, "secret"), (RUN_FOLDER, "run"), (CONFIG_FOLDER, "config")):
        (tmp_path / name).mkdir()
        start = start.replace(folder, str(tmp_path / name))
    text = "\n".join(line for line in turn_config(relay).splitlines() if not line.startswith("prometheus"))
    (tmp_path / "secret" / "auth.conf").write_text(f"static-auth-secret={SECRETS[0]}\n")
    (tmp_path / "config" / "turnserver.conf").write_text(f"{text.replace(RUN_FOLDER, str(tmp_path))}\n")
    environment = {**os.environ, "HOST_ADDRESS": "127.0.0.1"}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([*shell, start], stdout=log, stderr=log, env=environment)
    try:
        if listed == "127.0.0.1":
            until(lambda: "admin thread" in (tmp_path / "log").read_text(), "coturn runs all its threads")
        else:
            assert process.wait(timeout=10) == 1
            assert "no address of this machine, 127.0.0.1" in (tmp_path / "log").read_text()
    finally:
        process.kill()
        process.wait()


def test_who_has_no_password_of_the_secrets_gets_nothing(tmp_path: Path) -> None:
    """Both secrets hold while one replaces the other; a password of a third one does not."""
    with serving(tmp_path) as server:
        answers = [server.client("caller", secret).allocate() for secret in (*SECRETS, "another")]
        assert answers == [0, 0, UNAUTHORISED]


def test_a_user_gets_his_quota_and_no_more(tmp_path: Path) -> None:
    """The ninth allocation of one user is refused, and another user gets his."""
    with serving(tmp_path) as server:
        quota = server.relay.user_quota
        assert server.allocated("greedy", quota + 2) == [0] * quota + [OVER_QUOTA] * 2
        assert server.allocated("other") == [0]


def test_a_server_gives_its_quota_and_no_more(tmp_path: Path) -> None:
    """Beyond total_quota everybody is refused."""
    with serving(tmp_path, total_quota=12) as server:
        assert [server.allocated(f"caller-{number}")[0] for number in range(15)] == [0] * 12 + [OVER_QUOTA] * 3


def test_a_server_gives_out_its_bandwidth_and_no_more(tmp_path: Path) -> None:
    """Ten allocations share the bandwidth of five relayed calls, as the plan counts them."""
    with serving(tmp_path, bandwidth=5 * 200_000) as server:
        assert server.relay.calls_per_server == 5
        assert [server.allocated(f"caller-{number}")[0] for number in range(12)] == [0] * 10 + [OVER_QUOTA] * 2


def test_a_server_has_the_ports_that_the_plan_counts(tmp_path: Path) -> None:
    """As many allocations as ports; the next one finds none."""
    with serving(tmp_path, first_port=50000, last_port=50009) as server:
        assert server.relay.ports == 10
        assert [server.allocated(f"caller-{number}")[0] for number in range(12)] == [0] * 10 + [NO_PORT] * 2


@pytest.mark.parametrize(
    ("peer", "answer"),
    [
        ("198.51.100.9", 0),
        *((peer, DENIED) for peer in ("10.42.0.7", "10.43.0.1", "169.254.169.254", "127.0.0.1", "192.168.1.1", "172.31.255.255")),
        *((peer, DENIED) for peer in ("100.64.0.1", "0.1.2.3", "224.0.0.1", "255.255.255.255")),
    ],
)
def test_it_reaches_the_world_and_nothing_within(tmp_path: Path, peer: str, answer: int) -> None:
    """Pods, services, metadata, neighbours and the machine itself are denied; an address of the Internet is not."""
    with serving(tmp_path, public_addresses={}) as server:
        client = server.client("caller")
        assert client.allocate() == 0
        assert client.permit(peer) == answer


def test_a_named_media_server_is_reached_though_its_range_is_denied(tmp_path: Path) -> None:
    """What `allowed_peers` names may be relayed to, its neighbour may not."""
    with serving(tmp_path, allowed_peers=("10.0.9.0/31",), public_addresses={}) as server:
        client = server.client("caller")
        assert client.allocate() == 0
        assert [client.permit(peer) for peer in ("10.0.9.1", "10.0.9.2")] == [0, DENIED]


def test_with_tls_it_has_a_port_for_it(tmp_path: Path) -> None:
    """With `tls` the certificate of the Secret is read and the port of TLS is open."""
    write_certificate(tmp_path)
    with serving(tmp_path, tls=True) as server:
        trusting = ssl.create_default_context(cafile=str(tmp_path / "ca.crt"))
        with (
            socket.create_connection(("127.0.0.1", server.relay.tls_port), timeout=10) as plain,
            trusting.wrap_socket(plain, server_hostname="localhost") as door,
        ):
            assert door.version() in {"TLSv1.2", "TLSv1.3"}
