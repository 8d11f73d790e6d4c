"""A real redis-server that reads the rendered configuration; only paths, ports and passwords are this machine's."""

import hashlib
import json
import os
import re
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import redis

from capacity.sizing.queue import Queue
from components.queue.config import PORT, TLS_FOLDER, USERS_FOLDER, bullmq_settings, redis_config, users_template
from headroom.ports import free_ports
from tests.waiting import until

QUEUE = "after-hours"
SCRIPT = Path(__file__).with_name("bullmq.js")


@dataclass
class Server:
    """A running server, and where its files are."""

    folder: Path
    queue: Queue
    port: int
    process: subprocess.Popen[bytes]
    environment: Mapping[str, str]

    def client(self, user: str, **changes: Any) -> redis.Redis:
        """Return a client of one of its users."""
        return redis.Redis(port=self.port, username=user, password=f"{user}-password", decode_responses=True, **changes)

    def info(self, section: str) -> dict[str, Any]:
        """Return what it says of itself."""
        said: dict[str, Any] = self.client("exporter").info(section)
        return said

    def waiting(self) -> int:
        """Return the jobs that wait."""
        return int(self.client("exporter").llen(f"bull:{QUEUE}:wait"))

    def bullmq(self, *arguments: object) -> list[dict[str, Any]]:
        """Return what BullMQ says until it is done."""
        finished = subprocess.run(self._command(*arguments), capture_output=True, check=True, text=True, timeout=300)
        return [json.loads(line) for line in finished.stdout.splitlines()]

    def stream(self, output: TextIO) -> subprocess.Popen[str]:
        """Return a BullMQ that adds one job after another and writes down when each is acknowledged."""
        return subprocess.Popen(self._command("stream", self.queue.payload), stdout=output, text=True)

    def restarted(self) -> None:
        """Start it again after its end."""
        self.process = _start(self.folder, self.port, self.environment)

    def _command(self, *arguments: object) -> list[str]:
        return ["node", str(SCRIPT), str(self.folder / "bullmq.json"), *(str(argument) for argument in arguments)]


@contextmanager
def serving(
    queue: Queue, folder: Path, changed: Callable[[str], str] = str, environment: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """Run a server with the configuration of a queue, and end it. `changed` sabotages the configuration."""
    (port,) = free_ports(1)
    (folder / "data").mkdir()
    here = {USERS_FOLDER: str(folder), TLS_FOLDER: str(folder), "dir /data": f"dir {folder / 'data'}"}
    text = redis_config(queue).replace(f"port {PORT}", f"port {port}").replace("bind * -::*", "bind 127.0.0.1")
    for there, path in here.items():
        text = text.replace(there, path)
    (folder / "redis.conf").write_text(changed(text))
    users = re.sub(
        r"<sha256 of the password of (\w+)>",
        lambda user: hashlib.sha256(f"{user[1]}-password".encode()).hexdigest(),
        users_template(QUEUE),
    )
    (folder / "users.acl").write_text(users)
    settings = bullmq_settings(QUEUE, queue, "127.0.0.1")
    settings["connection"]["port"] = port
    (folder / "bullmq.json").write_text(json.dumps(settings))
    around = {**os.environ, **(environment or {})}
    server = Server(folder, queue, port, _start(folder, port, around), around)
    try:
        yield server
    finally:
        server.process.kill()
        server.process.wait()


def _start(folder: Path, port: int, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    with (folder / "log").open("ab") as log:
        command = ["redis-server", str(folder / "redis.conf")]
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    until(lambda: process.poll() is not None or _listens(port), f"redis-server listens; its log is {folder / 'log'}")
    assert process.poll() is None, (folder / "log").read_text()
    return process


def _listens(port: int) -> bool:
    with socket.socket() as door:
        return door.connect_ex(("127.0.0.1", port)) == 0
