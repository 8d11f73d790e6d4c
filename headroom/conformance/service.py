"""A running service: what its probes port answers, and calls that are placed at it."""

import asyncio
import errno
import http.client
import urllib.error
import urllib.request
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from headroom.conformance.contract import ALIVE, CALL, PLAN, SCRAPE, TENANT, TRY_LATER
from headroom.conformance.errors import ServiceFailed
from headroom.conformance.scrape import Scrape, read_scrape
from headroom.located import BadInput, Problem

OWN = {"tenant": "headroom-conformance", "plan": "conformance"}
"""The labels of the calls that are placed here."""
PROBE_SECONDS = 10.0
"""Longer than the kubelet waits: whether the machine is slow is not judged here."""
SETTLE_SECONDS = 0.5
"""A refusal after the upgrade comes within it."""
ANSWER_SECONDS = 10.0
AT_ONCE = 50
"""Calls that are placed side by side; more are a storm, which is not what is tried here."""


@dataclass(frozen=True)
class Answer:
    """What a probe got."""

    status: int
    text: str


@dataclass(frozen=True)
class Refusal:
    """A call that got no session."""

    how: str
    proper: bool
    """Whether it was refused as the contract says."""


@dataclass(frozen=True)
class Call:
    """A call that has a session."""

    name: str
    connection: ClientConnection

    async def lives(self) -> bool:
        """Return whether the service still answers on its socket."""
        try:
            await asyncio.wait_for(await self.connection.ping(), PROBE_SECONDS)
        except (ConnectionClosed, TimeoutError):
            return False
        return True


@dataclass(frozen=True)
class Service:
    """One process or pod of a workload: the URL of its calls, and that of its probes port."""

    calls: str
    probes: str

    def __post_init__(self) -> None:
        for option, url, schemes in (("URL", self.calls, ("ws", "wss")), ("--probes", self.probes, ("http", "https"))):
            parts = urlsplit(url)
            if parts.scheme not in schemes or not parts.hostname:
                message = f"expected a URL such as {schemes[0]}://127.0.0.1:8080, got {url!r}"
                raise BadInput([Problem(option, None, "", message)])

    async def ask(self, path: str, within: float = PROBE_SECONDS) -> Answer | None:
        """Return what the probes port answers, or None where nobody does."""
        return await asyncio.to_thread(_get, self.probes.rstrip("/") + path, within)

    async def scrape(self) -> Scrape:
        """Return what /metrics says; nothing where it says nothing that Prometheus reads."""
        answer = await self.ask(SCRAPE)
        try:
            return Scrape() if answer is None or answer.status != 200 else read_scrape(answer.text)  # noqa: PLR2004
        except ValueError:
            return Scrape()

    async def place(self, calls: int) -> list[Call | Refusal]:
        """Return what became of some calls."""
        outcomes: list[Call | Refusal] = []
        while len(outcomes) < calls:
            batch = min(AT_ONCE, calls - len(outcomes))
            outcomes += await asyncio.gather(*(self._place() for _ in range(batch)))
        return outcomes

    async def _place(self) -> Call | Refusal:
        name = f"conformance-{uuid.uuid4()}"
        headers = {CALL: name, TENANT: OWN["tenant"], PLAN: OWN["plan"]}
        try:
            # Nothing is read in between: an unbounded queue keeps answers to pings coming.
            connection = await connect(
                self.calls, additional_headers=headers, proxy=None, compression=None, max_queue=None, max_size=None
            )
        except InvalidStatus as refused:
            status, after = refused.response.status_code, refused.response.headers.get("Retry-After")
            proper = status == 503 and after is not None and after.isdigit()  # noqa: PLR2004
            return Refusal(f"HTTP {status}, {f'Retry-After: {after}' if after else 'no Retry-After'}", proper)
        except (OSError, WebSocketException) as failed:
            if getattr(failed, "errno", None) in (errno.EMFILE, errno.ENFILE):
                raise ServiceFailed("this command may open too few files to fill the service: raise `ulimit -n`") from None
            return Refusal(f"no connection ({failed or type(failed).__name__})", proper=False)
        try:
            await asyncio.wait_for(connection.wait_closed(), SETTLE_SECONDS)
        except TimeoutError:
            return Call(name, connection)
        code = connection.close_code
        return Refusal(f"the upgrade, then close code {code}", code == TRY_LATER)


async def reached(service: Service) -> None:
    """Return where something answers; raises ServiceFailed where nothing does."""
    if await service.ask(ALIVE) is None:
        message = f"nothing answers at {service.probes.rstrip('/')}{ALIVE}: does the service run, and is --probes right?"
        raise ServiceFailed(message)


async def hang_up(calls: Sequence[Call]) -> None:
    """End calls as callers do."""
    await asyncio.gather(*(call.connection.close() for call in calls))


def _get(url: str, within: float) -> Answer | None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a pod is reached directly
    try:
        with opener.open(url, timeout=within) as answer:
            return Answer(answer.status, answer.read().decode(errors="replace"))
    except urllib.error.HTTPError as refused:
        with refused:
            return Answer(refused.code, refused.read().decode(errors="replace"))
    except (OSError, http.client.HTTPException):
        return None
