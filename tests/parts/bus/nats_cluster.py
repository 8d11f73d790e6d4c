"""Real nats-servers that read the rendered configuration; only paths, ports and passwords are this machine's."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import nats
from nats.aio.client import Client
from nats.js.errors import NoStreamResponseError

from capacity.sizing.bus import BusSection
from components.bus.config import (
    CLIENT_PORT,
    CLUSTER_PORT,
    MONITOR_PORT,
    STREAM,
    administrator,
    nats_config,
    route_variables,
    stream_config,
    variable,
)
from headroom.ports import free_ports
from tests.waiting import until

PROGRAM = Path(sys.executable).with_name("nats-server")
SPEAKERS = ("real-estate", "other")
NO_PEERS = 10005
"""The servers' error code where a stream finds too few of them."""


@dataclass
class Cluster:
    """Running servers, and where their files are."""

    bus: BusSection
    folder: Path
    ports: list[int]
    """Of clients, by server."""
    monitors: list[int]
    environment: dict[str, str]
    processes: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    async def connect(self, user: str, server: int | None = None, **changes: Any) -> Client:
        """Return a connection of one user, to one server or to any."""
        ports = self.ports if server is None else [self.ports[server]]
        return await nats.connect(
            [f"nats://127.0.0.1:{port}" for port in ports], user=user, password=f"{user}-password", connect_timeout=10, **changes
        )

    async def make_stream(self) -> None:
        """Make the stream of the first account as its administrator does, and wait until every server knows of it."""
        administrating = await self.connect(administrator(SPEAKERS[0]))
        config = stream_config(self.bus, 3600).encode()
        # Who leads may not have heard of every peer yet; the Job that makes streams tries again too.
        for _ in range(100):
            answer = json.loads((await administrating.request(f"$JS.API.STREAM.CREATE.{STREAM}", config, timeout=30)).data)
            if answer.get("error", {}).get("err_code") != NO_PEERS:
                break
            await asyncio.sleep(0.3)
        assert "error" not in answer, answer["error"]
        for server in range(self.bus.servers):
            client = await self.connect(SPEAKERS[0], server)
            while not await _reached(client):  # noqa: ASYNC110  # another program's state sets no event
                await asyncio.sleep(0.05)
            await client.close()
        await administrating.jetstream(timeout=30).purge_stream(STREAM)
        await administrating.close()

    def start(self, server: int) -> None:
        """Start a server."""
        place = self.folder / str(server)
        place.mkdir(exist_ok=True)
        environment = {**os.environ, **self.environment, "POD_NAME": f"bus-{server}"}
        with (place / "log").open("ab") as log:
            started = subprocess.Popen([PROGRAM, "-c", place / "nats.conf"], env=environment, stdout=log, stderr=log)
        self.processes[server:] = [started, *self.processes[server + 1 :]]

    def kill(self, server: int) -> None:
        """Kill a server as a lost node does."""
        self.processes[server].kill()
        self.processes[server].wait()

    def has_leader(self, server: int) -> bool:
        """Return whether a server knows who leads JetStream."""
        return "metadata leader" in self.log(server)

    def log(self, server: int) -> str:
        """Return what a server wrote."""
        return (self.folder / str(server) / "log").read_text()


async def _reached(client: Client) -> bool:
    try:
        await client.jetstream(timeout=30).publish("call.first", b"")
    except NoStreamResponseError:
        return False
    return True


@contextmanager
def running(bus: BusSection, folder: Path) -> Iterator[Cluster]:
    """Run a cluster with the configuration of a bus, and end it."""
    numbers = iter(free_ports(3 * bus.servers))
    ports, monitors, routes = (list(islice(numbers, bus.servers)) for _ in range(3))
    users = [user for name in SPEAKERS for user in (name, administrator(name))]
    environment = {variable(user): f"{user}-password" for user in ("route", *users)}
    for name, port in zip(route_variables(bus), routes, strict=True):
        environment[name] = f"nats://route:route-password@127.0.0.1:{port}"
    cluster = Cluster(bus, folder, ports, monitors, environment)
    text = nats_config(bus, SPEAKERS)
    for server in range(bus.servers):
        place = folder / str(server)
        place.mkdir()
        here = {
            f"\nport: {CLIENT_PORT}": f"\nlisten: 127.0.0.1:{ports[server]}",
            f"\nhttp_port: {MONITOR_PORT}": f"\nhttp: 127.0.0.1:{monitors[server]}",
            f"\n  port: {CLUSTER_PORT}": f"\n  listen: 127.0.0.1:{routes[server]}",
            "/data": str(place / "data"),
            "/run/nats/": f"{place}/",
        }
        changed = text
        for there, value in here.items():
            assert there in changed
            changed = changed.replace(there, value)
        (place / "nats.conf").write_text(changed)
    try:
        for server in range(bus.servers):
            cluster.start(server)
        for server in range(bus.servers):
            until(partial(cluster.has_leader, server), f"server {server} knows who leads")
        yield cluster
    finally:
        for process in cluster.processes:
            process.kill()
            process.wait()
