"""A few calls: are they counted while they last, no longer when they have ended, and their use once?"""

import asyncio
import json
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from websockets.exceptions import ConnectionClosed

from headroom.conformance import contract
from headroom.conformance.contract import Finding, judged, not_judged
from headroom.conformance.errors import ServiceFailed
from headroom.conformance.scrape import Scrape
from headroom.conformance.service import ANSWER_SECONDS, OWN, Call, Refusal, Service, hang_up

CALLS = 3
HOLD_SECONDS = 2.0
RESOLUTION_SECONDS = 1.0
"""Seconds may be counted in whole ones."""
PATIENCE_SECONDS = 5.0
SCRAPES = 5
"""Asked one after another, so that another process of the same pod would show itself."""


@dataclass(frozen=True)
class Seconds:
    """An answer of /metrics, and between which instants it was given."""

    before: float
    scrape: Scrape
    after: float

    @property
    def counted(self) -> float:
        """The seconds of the calls that are placed here."""
        return self.scrape.value("voice_session_seconds_total", **OWN)


async def count_calls(service: Service, start: Scrape, say: str | None, log: Path | None) -> list[Finding]:
    """Return how the rules on counting fared; `start` is what was exposed before."""
    begun = time.monotonic()
    outcomes = await service.place(min(CALLS, start.capacity or CALLS))
    calls = [outcome for outcome in outcomes if isinstance(outcome, Call)]
    refused = [outcome for outcome in outcomes if isinstance(outcome, Refusal)]
    if refused:
        await hang_up(calls)
        raise ServiceFailed(f"{service.calls}: the first calls get no session: {refused[0].how}")
    admitted = time.monotonic()
    if say is not None:
        await _speak(calls, say)
    sessions, seconds, latencies = await _while_they_last(service, start, len(calls), say)
    ending = time.monotonic()
    # One of them vanishes, as callers do.
    calls[0].connection.transport.abort()
    await hang_up(calls[1:])
    ended = time.monotonic()
    least, most = (ending - admitted) * len(calls), (ended - begun) * len(calls)
    seconds = await _stands_still(service, start, seconds, least, most)
    fallen = await _fallen(service, start, len(calls))
    return [sessions, seconds, latencies, fallen, await _usage(service, start, calls, say, log)]


async def settled(service: Service, wanted: float, name: str, **labels: str) -> tuple[bool, float]:
    """Return whether a metric comes to be what is wanted, and what it was at the end."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (seen := (await service.scrape()).value(name, **labels)) != wanted:
        if time.monotonic() >= deadline:
            return False, seen
        await asyncio.sleep(0.1)
    return True, seen


def _absent(*names: str) -> str:
    return f"there is no {' and no '.join(names)}"


async def _speak(calls: Sequence[Call], say: str) -> None:
    """Say something in every call, and hear the answer to its end: nothing more within a second."""
    for call in calls:
        try:
            await call.connection.send(say)
            await asyncio.wait_for(call.connection.recv(), ANSWER_SECONDS)
        except (TimeoutError, ConnectionClosed):
            raise ServiceFailed(f"--say: no answer to {say!r} within {ANSWER_SECONDS:g} s") from None
    for call in calls:
        try:
            while True:
                await asyncio.wait_for(call.connection.recv(), 1.0)
        except TimeoutError:
            continue
        except ConnectionClosed:
            raise ServiceFailed(f"--say: {say!r} ended the call") from None


async def _timed(service: Service) -> Seconds:
    before = time.monotonic()
    scrape = await service.scrape()
    return Seconds(before, scrape, time.monotonic())


async def _while_they_last(service: Service, start: Scrape, calls: int, say: str | None) -> tuple[Finding, Finding, Finding]:
    """Return what is judged while the calls last: sessions, seconds, latencies."""
    shown = [await service.scrape() for _ in range(SCRAPES)]
    first = await _timed(service)
    await asyncio.sleep(HOLD_SECONDS)
    last = await _timed(service)
    return (
        _sessions(start, shown, calls),
        _seconds(start, first, last, calls),
        _latencies(start, last.scrape, calls, say),
    )


def _sessions(start: Scrape, shown: Sequence[Scrape], calls: int) -> Finding:
    names = ("voice_active_sessions", "voice_tenant_sessions")
    if missing := [name for name in names if name not in start.types]:
        return not_judged(contract.SESSIONS_COUNTED, _absent(*missing))
    active = [scrape.value(names[0]) for scrape in shown]
    own = [scrape.value(names[1], **OWN) for scrape in shown]
    seen = f"with {calls} calls {SCRAPES} scrapes show {_list(active)}; of the tenant {_list(own)}"
    return judged(contract.SESSIONS_COUNTED, {*active, *own} == {calls}, seen)


def _list(values: Collection[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)


def _seconds(start: Scrape, first: Seconds, last: Seconds, calls: int) -> Finding:
    name = "voice_session_seconds_total"
    if name not in start.types:
        return not_judged(contract.SECONDS_COUNTED, _absent(name))
    grown = last.counted - first.counted
    least = (last.before - first.after - RESOLUTION_SECONDS) * calls
    most = (last.after - first.before + RESOLUTION_SECONDS) * calls
    seen = f"{calls} calls of {OWN['tenant']} counted {grown:.1f} s in {last.before - first.after:.1f} s"
    return judged(contract.SECONDS_COUNTED, least <= grown <= most, seen)


async def _stands_still(service: Service, start: Scrape, so_far: Finding, least: float, most: float) -> Finding:
    """Return the finding on seconds, with what is counted when the calls have ended."""
    if so_far.verdict != "held":
        return so_far
    await asyncio.sleep(RESOLUTION_SECONDS)
    first = await _timed(service)
    await asyncio.sleep(RESOLUTION_SECONDS)
    last = await _timed(service)
    counted = last.counted - start.value("voice_session_seconds_total", **OWN)
    slack = RESOLUTION_SECONDS * CALLS
    still = last.counted == first.counted
    after = "stands still" if still else "grows"
    seen = f"{so_far.seen}; {counted:.1f} s in all for calls of {least:.1f} s together; it {after} after them"
    return judged(contract.SECONDS_COUNTED, still and least - slack <= counted <= most + slack, seen)


def _latencies(start: Scrape, last: Scrape, calls: int, say: str | None) -> Finding:
    names = [f"voice_first_{what}_seconds" for what in ("token", "audio")]
    if missing := [name for name in names if name not in start.types]:
        return not_judged(contract.LATENCIES_MEASURED, _absent(*missing))
    if say is None:
        return not_judged(contract.LATENCIES_MEASURED, "nothing was said: give --say MESSAGE, which the service answers")
    grown = [last.value(f"{name}_count") - start.value(f"{name}_count") for name in names]
    return judged(contract.LATENCIES_MEASURED, min(grown) >= calls, f"after {calls} answers they observed {_list(grown)} more")


async def _fallen(service: Service, start: Scrape, calls: int) -> Finding:
    name = "voice_active_sessions"
    if name not in start.types:
        return not_judged(contract.SESSIONS_FALL, _absent(name))
    fallen, seen = await settled(service, 0, name)
    when = "" if fallen else f"{PATIENCE_SECONDS:g} s "
    return judged(contract.SESSIONS_FALL, fallen, f"{when}after the last of {calls} calls it shows {seen:g}")


async def _usage(service: Service, start: Scrape, calls: Sequence[Call], say: str | None, log: Path | None) -> Finding:
    events, tokens = "voice_usage_events_total", "voice_session_tokens_total"
    if missing := [name for name in (events, tokens) if name not in start.types]:
        return not_judged(contract.USAGE_ONCE, _absent(*missing))
    await settled(service, start.value(events, **OWN) + len(calls), events, **OWN)
    await asyncio.sleep(RESOLUTION_SECONDS)  # a second one would come now
    end = await service.scrape()
    emitted, spent = (end.value(name, **OWN) - start.value(name, **OWN) for name in (events, tokens))
    seen = f"{emitted:g} events and {spent:g} tokens for {len(calls)} calls"
    held = emitted == len(calls) and (spent > 0 or say is None)
    if log is not None:
        lines = _logged(log, {call.name for call in calls})
        complete = [line for line in lines if {"tenant", "plan", "seconds", "tokens"} <= line.keys()]
        seen += f"; {len(lines)} lines in {log.name}, {len(complete)} of them complete"
        held = held and sorted(line["call"] for line in complete) == sorted(call.name for call in calls) and lines == complete
    return judged(contract.USAGE_ONCE, held, seen)


def _logged(log: Path, calls: Collection[str]) -> list[dict[str, Any]]:
    """Return the usage events of some calls in a log of one JSON document a line; other lines are nobody's."""
    found = []
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict) and event.get("event") == "usage" and event.get("call") in calls:
            found.append(event)
    return found
