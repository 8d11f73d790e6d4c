"""The queue gateway as processes: gateways and workers on a real redis-server, and producers that offer callbacks."""

import fcntl
import json
import os
import signal
import subprocess
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import redis

from capacity.plan import QueuePlan
from capacity.sizing.queue import Queue
from components.queue.callbacks import gateway_settings
from headroom.ports import free_ports
from tests.environments import planned
from tests.parts.queue.redis_server import QUEUE, Server
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[3]
PACKAGE = ROOT / "components" / "queue" / "gateway"
HERE = Path(__file__).parent
TOKEN = "the-token-of-the-edge"  # noqa: S105  # of these tests
WAITING = {"wait": "llen", "active": "llen", "prioritized": "zcard", "delayed": "zcard"}
"""What counts as in the queue, and how it is counted."""
NEEDS = [
    pytest.mark.needs("redis-server", "apt-get install redis-server"),
    pytest.mark.needs("npm", "apt-get install nodejs npm"),
]


def install_packages() -> None:
    """Install the gateway's packages by their lock file where they are absent; tests may run side by side."""
    with (PACKAGE / "package-lock.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (PACKAGE / "node_modules" / ".package-lock.json").exists():
            subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--silent"], cwd=PACKAGE, check=True, timeout=300)


def queue_plan(environment: str) -> QueuePlan:
    """Return the plan of an environment's queue."""
    (made,) = [one for one in planned(environment).verticals if isinstance(one, QueuePlan)]
    return made


def queue_of(environment: str, **changes: Any) -> Queue:
    """Return an environment's queue with some figures changed."""
    queue = queue_plan(environment).queue
    assert queue is not None
    return queue.model_copy(update=changes)


def settings_of(server: Server, environment: str, **changes: Any) -> dict[str, Any]:
    """Return what the stack tells a gateway of a server's queue, with this machine's addresses."""
    section = queue_plan(environment).spec.queue
    assert section is not None
    assert section.gateway is not None
    told = gateway_settings(queue_plan(environment), server.queue, section.gateway, "127.0.0.1")
    told["connection"]["port"] = server.port
    port, probes_port = free_ports(2)
    return told | {"port": port, "probesPort": probes_port, "address": "127.0.0.1"} | changes


@dataclass
class Answer:
    """What a gateway answered."""

    status: int
    body: Any
    headers: Mapping[str, str]


@dataclass
class Gateway:
    """A gateway's process, which can be killed and started again."""

    settings: Mapping[str, Any]
    folder: Path
    twins: Mapping[str, str] = field(default_factory=dict)
    """Modules that are replaced, by file name, with the sabotaged ones."""
    password: str = "producer-password"  # noqa: S105  # of these tests
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it takes callbacks."""
        return f"http://127.0.0.1:{self.settings['port']}"

    def start(self) -> None:
        """Start it, and wait until it is ready."""
        self.launch()
        until(lambda: self.asked("/readyz").status == 200, f"the gateway is ready; its log is {self.folder / 'gateway.log'}")

    def launch(self) -> None:
        """Start it."""
        environment = {
            **os.environ,
            "HEADROOM_SETTINGS": json.dumps(self.settings),
            "HEADROOM_SECRETS": str(_secrets(self.folder, self.password)),
            "INSTEAD": json.dumps({name: str(HERE / "sabotage" / twin) for name, twin in self.twins.items()}),
        }
        sabotage = ["--import", str(HERE / "sabotage" / "instead.mjs")] if self.twins else []
        with (self.folder / "gateway.log").open("ab") as log:
            command = ["node", *sabotage, str(PACKAGE / "src" / "main.js")]
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)

    def kill(self) -> None:
        """End it as the kernel does when memory is short."""
        _kill(self.process)

    def asked(self, path: str) -> Answer:
        """Return what it answers on its port of probes; status 0 where nobody answers."""
        return _asked(f"http://127.0.0.1:{self.settings['probesPort']}{path}")

    def offered(self, body: object, *, token: str = TOKEN, path: str = "/callbacks") -> Answer:
        """Return what it answers to a callback; a body that is no text is sent as JSON."""
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        return _asked(f"{self.url}{path}", data, headers)

    def dead_letters(self) -> list[dict[str, Any]]:
        """Return the jobs that failed for good, as it lists them."""
        answer = _asked(f"{self.url}/dead-letters?count=1000", headers={"authorization": f"Bearer {TOKEN}"})
        assert answer.status == 200, answer
        found: list[dict[str, Any]] = answer.body
        return found


@dataclass
class Workers:
    """A process that works callbacks off, and what it and its like have written down."""

    server: Server
    folder: Path
    ledger: str = "ledger.mjs"
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it."""
        for name in ("ledger", "seen"):
            (self.folder / name).mkdir(exist_ok=True)
        told = json.loads((self.server.folder / "bullmq.json").read_text())
        # Seconds instead of half a minute, so that a test sees what happens to the jobs of a dead worker.
        told["worker"] |= {"lockDuration": 2000, "stalledInterval": 1000}
        given = {"folder": str(self.folder), "settings": told, "milliseconds": 20}
        environment = {**os.environ, "INSTEAD": json.dumps({"ledger.mjs": str(HERE / "sabotage" / self.ledger)})}
        sabotage = [] if self.ledger == "ledger.mjs" else ["--import", str(HERE / "sabotage" / "instead.mjs")]
        with (self.folder / "worker.log").open("ab") as log:
            command = ["node", *sabotage, str(HERE / "worker.mjs"), json.dumps(given)]
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)

    def kill(self) -> None:
        """End it as the kernel does when memory is short."""
        _kill(self.process)

    def written(self, name: str) -> Counter[str]:
        """Return how often each job stands in one of its files: attempts, or recorded."""
        file = self.folder / name
        return Counter(file.read_text().splitlines()) if file.exists() else Counter()


@contextmanager
def running(*processes: Gateway | Workers) -> Iterator[None]:
    """Start processes, and end those that are left."""
    with ExitStack() as ends:
        for one in processes:
            ends.callback(one.kill)
            one.start()
        yield


@dataclass
class Producers:
    """Processes that offer callbacks, each to all gateways in turn."""

    files: Sequence[Path]
    processes: Sequence[subprocess.Popen[bytes]]

    def answers(self) -> list[dict[str, Any]]:
        """Return what they were answered so far."""
        # A line may be half written.
        lines = (line for file in self.files for line in file.read_text().split("\n")[:-1])
        return [json.loads(line) for line in lines]

    def done(self) -> bool:
        """Return whether all of them have ended."""
        return all(process.poll() is not None for process in self.processes)


@contextmanager
def producing(
    gateways: Sequence[Gateway], folder: Path, *, producers: int, each: int, until_acknowledged: bool = False, in_flight: int = 16
) -> Iterator[Producers]:
    """Start producers that offer so many callbacks each, and end those that are left."""
    files = [folder / f"producer-{number}" for number in range(producers)]
    processes = []
    for number, file in enumerate(files):
        given = {
            "urls": [gateway.url for gateway in gateways],
            "token": TOKEN,
            "tenant": "tenant",
            "from": number * each,
            "count": each,
            "inFlight": in_flight,
            "until": until_acknowledged,
        }
        with file.open("wb") as output:
            processes.append(subprocess.Popen(["node", str(HERE / "offers.mjs"), json.dumps(given)], stdout=output))
    try:
        yield Producers(files, processes)
    finally:
        for process in processes:
            _kill(process)


def depth(server: Server) -> int:
    """Return the jobs in the queue, by Redis' own count; at once, for jobs move from one place to another."""
    with server.client("worker").pipeline(transaction=True) as counts:
        for name, count in WAITING.items():
            getattr(counts, count)(f"bull:{QUEUE}:{name}")
        return sum(counts.execute())


def dead(server: Server) -> set[str]:
    """Return the ids of the jobs that failed for good, by Redis' own word."""
    return {str(one) for one in server.client("worker").zrange(f"bull:{QUEUE}:failed", 0, -1)}


def kill_redis(server: Server) -> None:
    """End the server as the kernel does, and start it again from its files."""
    server.process.kill()
    server.process.wait()
    server.restarted()
    until(lambda: _loaded(server), "its file is loaded")


def _loaded(server: Server) -> bool:
    try:
        return bool(server.info("persistence")["loading"] == 0)
    except redis.exceptions.BusyLoadingError:
        return False


def _secrets(folder: Path, password: str) -> Path:
    """Return a folder with the Secrets as they are mounted."""
    made = folder / "secrets"
    values = {"callbacks-token/tokens": f"{TOKEN}\n", "queue-producer/password": password}
    if (folder / "ca.crt").exists():
        values["queue-ca/ca.crt"] = (folder / "ca.crt").read_text()
    for file, value in values.items():
        (made / file).parent.mkdir(parents=True, exist_ok=True)
        (made / file).write_text(value)
    return made


def _kill(process: subprocess.Popen[bytes] | None) -> None:
    if process is not None:
        process.send_signal(signal.SIGKILL)
        process.wait()


def _asked(url: str, data: bytes | None = None, headers: Mapping[str, str] | None = None) -> Answer:
    asked = urllib.request.Request(url, data, dict(headers or {}))  # noqa: S310  # this machine's own
    try:
        with urllib.request.urlopen(asked, timeout=15) as answer:  # noqa: S310
            return Answer(answer.status, _read(answer.read()), dict(answer.headers))
    except urllib.error.HTTPError as refused:
        with refused:
            return Answer(refused.code, _read(refused.read()), dict(refused.headers))
    except OSError:
        return Answer(0, None, {})


def _read(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode()
