"""The calls of one process: who has a place, who is turned away, and what each of them used."""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass


@dataclass(frozen=True)
class Caller:
    """Whose call it is, as the edge says it."""

    call: str
    tenant: str
    plan: str


@dataclass(eq=False)
class Session:
    """One call that has a place."""

    caller: Caller
    began: float
    tokens: int = 0


@dataclass(frozen=True)
class Usage:
    """What a call that has ended used."""

    caller: Caller
    seconds: float
    tokens: int


class Refused(Exception):
    """A call that gets no place; its reason is `capacity` or `draining`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Sessions:
    """The places of this process. Nothing awaits between the count and the place that it gives."""

    def __init__(self, capacity: int, ended: Callable[[Usage], None], clock: Callable[[], float] = time.monotonic) -> None:
        self.capacity = capacity
        self.draining = False
        self.offered = 0
        self.rejected: Counter[str] = Counter()
        self.full = 0
        """Times that the last place was taken."""
        self._sessions: set[Session] = set()
        self._past_seconds: dict[tuple[str, str], float] = defaultdict(float)
        self._ended = ended
        self._clock = clock
        self._empty = asyncio.Event()
        self._empty.set()

    def begin(self, caller: Caller) -> Session:
        """Return the place of a call; raises Refused where there is none."""
        self.offered += 1
        if self.draining:
            raise self._refused("draining")
        if self.active() >= self.capacity:
            raise self._refused("capacity")
        session = Session(caller, self._clock())
        self._sessions.add(session)
        self._empty.clear()
        self.full += self.active() == self.capacity
        return session

    def end(self, session: Session) -> None:
        """Give the place of a call back, and tell what it used: once, however often it is ended."""
        if session not in self._sessions:
            return
        self._sessions.remove(session)
        seconds = self._clock() - session.began
        self._past_seconds[session.caller.tenant, session.caller.plan] += seconds
        self._ended(Usage(session.caller, seconds, session.tokens))
        if not self._sessions:
            self._empty.set()

    def active(self) -> int:
        """Return the calls that have a place."""
        return len(self._sessions)

    def by_tenant(self) -> Counter[tuple[str, str]]:
        """Return the calls that have a place, by tenant and plan."""
        return Counter((session.caller.tenant, session.caller.plan) for session in self._sessions)

    def seconds(self) -> dict[tuple[str, str], float]:
        """Return the seconds of all calls so far, those under way included, by tenant and plan."""
        now, seconds = self._clock(), self._past_seconds.copy()
        for session in self._sessions:
            seconds[session.caller.tenant, session.caller.plan] += now - session.began
        return seconds

    async def drain(self, within: float) -> int:
        """Take no new calls; return the calls that are left when the last has ended or the time is up."""
        self.draining = True
        with suppress(TimeoutError):
            await asyncio.wait_for(self._empty.wait(), within)
        return self.active()

    def _refused(self, reason: str) -> Refused:
        self.rejected[reason] += 1
        return Refused(reason)
