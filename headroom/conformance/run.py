"""The probes in an order in which none disturbs the next: the drain, which ends the service, comes last."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from headroom.conformance import contract
from headroom.conformance.contract import Finding, not_judged
from headroom.conformance.counting import count_calls
from headroom.conformance.draining import RULES as DRAINING
from headroom.conformance.draining import drain
from headroom.conformance.errors import ServiceFailed
from headroom.conformance.filling import fill
from headroom.conformance.service import Service, reached
from headroom.conformance.standing import look
from headroom.conformance.starting import start_below_plan


@dataclass(frozen=True)
class Probing:
    """What a person allows beside the calls that are always placed."""

    say: str | None = None
    """A text message that the service answers."""
    log: Path | None = None
    """Where its usage events are written, a JSON document a line."""
    start: str | None = None
    """The command that starts it."""
    drain: bool = False
    """Whether it may be ended."""


async def conformance(service: Service, probing: Probing, progress: Callable[[str], None]) -> list[Finding]:
    """Return how every rule of the contract fared, in the order in which they were tried.

    Raises ServiceFailed where nothing answers, where the service holds calls of others, or where it takes no call at all.
    """
    await reached(service)
    start = await service.scrape()
    if active := start.value("voice_active_sessions"):
        message = f"voice_active_sessions is {active:g} before the first call: probe a pod that nobody else calls"
        raise ServiceFailed(f"{service.probes}: {message}")
    findings = await look(service, start)
    progress("a few calls ...")
    findings += await count_calls(service, start, probing.say, probing.log)
    progress("as many calls as it takes ...")
    findings += await fill(service)
    if probing.start is None:
        why = "give --start COMMAND, which starts the service on this machine"
        findings.append(not_judged(contract.STARTS_AS_PLANNED, why))
    else:
        progress("starts with less than the plan counts on ...")
        findings.append(start_below_plan(probing.start))
    if probing.drain:
        progress("drain ...")
        findings += await drain(service)
    else:
        findings += [not_judged(rule, "give --drain; the service ends by it") for rule in DRAINING]
    return findings
