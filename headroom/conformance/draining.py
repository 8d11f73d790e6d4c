"""A service that drains: no new calls, no call cut, and its end after the last one."""

import asyncio
import time

from headroom.conformance import contract
from headroom.conformance.contract import ALIVE, DRAIN, READY, Finding, judged, not_judged
from headroom.conformance.counting import HOLD_SECONDS, PATIENCE_SECONDS
from headroom.conformance.service import Answer, Call, Service, hang_up
from headroom.conformance.standing import is_ok, shown

CALLS = 2
DRAIN_SECONDS = 30.0
"""Longer than all that is tried while it waits."""
RULES = (
    contract.DRAIN_ENDS_READINESS,
    contract.DRAIN_REFUSES,
    contract.DRAIN_KEEPS,
    contract.DRAIN_WAITS,
    contract.DRAIN_ENDS,
)


async def drain(service: Service) -> list[Finding]:
    """Return how the rules on draining fared; the service ends by it."""
    outcomes = await service.place(min(CALLS, (await service.scrape()).capacity or CALLS))
    calls = [outcome for outcome in outcomes if isinstance(outcome, Call)]
    if len(calls) < len(outcomes):
        await hang_up(calls)
        return [not_judged(rule, "the service takes no calls that could end") for rule in RULES]
    asked = asyncio.create_task(service.ask(DRAIN, DRAIN_SECONDS))
    findings = [await _unready(service), await _refuses(service)]
    alive = await service.ask(ALIVE)
    lives = [await call.lives() for call in calls]
    await asyncio.sleep(HOLD_SECONDS)
    lives += [await call.lives() for call in calls]
    kept = all(lives)
    seen = f"{sum(lives[len(calls) :])} of {len(calls)} calls live after {HOLD_SECONDS:g} s; {ALIVE} answers {shown(alive)}"
    findings.append(judged(contract.DRAIN_KEEPS, kept and is_ok(alive), seen))
    early = asked.done()
    await hang_up(calls)
    findings.append(await _waited(asked, early=early, kept=kept))
    findings.append(await _ended(service))
    asked.cancel()
    return findings


async def _unready(service: Service) -> Finding:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while is_ok(answer := await service.ask(READY)):
        if time.monotonic() >= deadline:
            seen = f"{PATIENCE_SECONDS:g} s later {READY} still answers {shown(answer)}"
            return judged(contract.DRAIN_ENDS_READINESS, held=False, seen=seen)
        await asyncio.sleep(0.1)
    return judged(contract.DRAIN_ENDS_READINESS, held=True, seen=f"{READY} answers {shown(answer)}")


async def _refuses(service: Service) -> Finding:
    name, reason = "voice_admission_rejected_total", {"reason": "draining"}
    before = await service.scrape()
    (outcome,) = await service.place(1)
    after = await service.scrape()
    if isinstance(outcome, Call):
        await hang_up([outcome])
        return judged(contract.DRAIN_REFUSES, held=False, seen="a new call got in")
    if not outcome.proper and await service.ask(ALIVE) is None:
        return not_judged(contract.DRAIN_REFUSES, "the process has ended already")
    if name not in before.types or name not in after.types:  # it has no such metric, or has ended meanwhile
        return judged(contract.DRAIN_REFUSES, outcome.proper, outcome.how)
    counted = after.value(name, **reason) - before.value(name, **reason)
    seen = f"{outcome.how}; counted as draining: {counted:g}"
    return judged(contract.DRAIN_REFUSES, outcome.proper and counted == 1, seen)


async def _waited(asked: "asyncio.Task[Answer | None]", *, early: bool, kept: bool) -> Finding:
    if not kept:
        return not_judged(contract.DRAIN_WAITS, "calls were cut")
    if early:
        return judged(contract.DRAIN_WAITS, held=False, seen=f"{DRAIN} answered while calls were under way")
    try:
        answer = await asyncio.wait_for(asyncio.shield(asked), PATIENCE_SECONDS)
    except TimeoutError:
        seen = f"{PATIENCE_SECONDS:g} s after the last call {DRAIN} has not answered"
        return judged(contract.DRAIN_WAITS, held=False, seen=seen)
    return judged(contract.DRAIN_WAITS, is_ok(answer), f"{DRAIN} answered {shown(answer)} after the last call")


async def _ended(service: Service) -> Finding:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while await service.ask(ALIVE) is not None:
        if time.monotonic() >= deadline:
            return judged(contract.DRAIN_ENDS, held=False, seen=f"{PATIENCE_SECONDS:g} s later it still answers")
        await asyncio.sleep(0.1)
    return judged(contract.DRAIN_ENDS, held=True, seen="it answers no more")
