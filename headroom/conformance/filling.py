"""A full service: who gets in, who does not, and what it says of itself meanwhile."""

import time

from headroom.conformance import contract
from headroom.conformance.contract import ALIVE, READY, Finding, judged, not_judged
from headroom.conformance.counting import PATIENCE_SECONDS, settled
from headroom.conformance.scrape import Scrape
from headroom.conformance.service import OWN, Call, Refusal, Service, hang_up
from headroom.conformance.standing import is_ok, shown

BEYOND = 3
_RULES = (
    contract.ADMITS_CAPACITY,
    contract.OFFERED_COUNTED,
    contract.REFUSES_BEYOND,
    contract.REFUSALS_COUNTED,
    contract.READY_AT_CAPACITY,
    contract.ROOM_AGAIN,
)


async def fill(service: Service) -> list[Finding]:
    """Return how the rules at the ceiling fared."""
    start, ready_before = await service.scrape(), is_ok(await service.ask(READY))
    capacity = start.capacity
    if capacity < 1:
        return [not_judged(rule, "voice_session_capacity says no number") for rule in _RULES]
    inside, turned_away = _parted(await service.place(capacity))
    if turned_away:
        await hang_up(inside)
        seen = f"{len(inside)} of {capacity} got in; the next: {turned_away[0].how}"
        unjudged = [not_judged(rule, "the service does not fill up") for rule in _RULES[1:]]
        return [judged(contract.ADMITS_CAPACITY, held=False, seen=seen), *unjudged]
    beyond, refusals = _parted(await service.place(BEYOND))
    full = await service.scrape()
    alive, ready = await service.ask(ALIVE), await service.ask(READY)
    findings = [
        judged(contract.ADMITS_CAPACITY, held=True, seen=f"{capacity} of {capacity} got in"),
        _offered(start, full, capacity + BEYOND),
        _refused(beyond, refusals),
        _counted(start, full, len(refusals)),
        judged(
            contract.READY_AT_CAPACITY,
            is_ok(alive) and is_ok(ready),
            f"with {capacity} calls {READY} answers {shown(ready)}, {ALIVE} {shown(alive)}",
        )
        if ready_before
        else not_judged(contract.READY_AT_CAPACITY, "it is not ready without a call either"),
    ]
    await hang_up([inside.pop(), *beyond])
    again, seen = await _one_more(service)
    findings.append(judged(contract.ROOM_AGAIN, again is not None, seen))
    await hang_up([*inside, *([again] if again else [])])
    await settled(service, 0, "voice_tenant_sessions", **OWN)
    return findings


def _parted(outcomes: list[Call | Refusal]) -> tuple[list[Call], list[Refusal]]:
    calls = [outcome for outcome in outcomes if isinstance(outcome, Call)]
    return calls, [outcome for outcome in outcomes if isinstance(outcome, Refusal)]


def _offered(start: Scrape, full: Scrape, calls: int) -> Finding:
    name = "voice_calls_offered_total"
    if name not in start.types:
        return not_judged(contract.OFFERED_COUNTED, f"there is no {name}")
    grown = full.value(name) - start.value(name)
    return judged(contract.OFFERED_COUNTED, grown == calls, f"{calls} calls are counted as {grown:g}")


def _refused(beyond: list[Call], refusals: list[Refusal]) -> Finding:
    if beyond:
        return judged(contract.REFUSES_BEYOND, held=False, seen=f"{len(beyond)} of {BEYOND} calls beyond it got in")
    seen = "; ".join(dict.fromkeys(refusal.how for refusal in refusals))
    return judged(contract.REFUSES_BEYOND, all(refusal.proper for refusal in refusals), seen)


def _counted(start: Scrape, full: Scrape, refusals: int) -> Finding:
    rejected, spells = "voice_admission_rejected_total", "voice_full_total"
    if refusals == 0:
        return not_judged(contract.REFUSALS_COUNTED, "no call was refused")
    if rejected not in start.types or spells not in start.types:
        return not_judged(contract.REFUSALS_COUNTED, f"there is no {rejected} or no {spells}")
    counted = full.value(rejected, reason="capacity") - start.value(rejected, reason="capacity")
    became = full.value(spells) - start.value(spells)
    seen = f"{refusals} refusals counted as {counted:g}, one spell as {became:g}"
    return judged(contract.REFUSALS_COUNTED, (counted, became) == (refusals, 1), seen)


async def _one_more(service: Service) -> tuple[Call | None, str]:
    """Return the call that gets the place that became free."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        (outcome,) = await service.place(1)
        if isinstance(outcome, Call):
            return outcome, "the next call got in"
        if time.monotonic() >= deadline:
            return None, f"{PATIENCE_SECONDS:g} s after a call had ended: {outcome.how}"
