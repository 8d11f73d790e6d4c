"""claims-match-lock: what the stack says about its load is what the forecast lock says."""

from collections.abc import Iterator

from policies.evidence import Context, usable
from policies.figures import count, exceeds
from policies.fleet import Live, live_deployments, pod_ceiling
from policies.lock import Lock
from policies.margins import ROOT
from policies.rule import Finding, Rule, each
from policies.rules.forecast import FORECAST, LOCK
from policies.stack import Resource, Stack, annotation, field

_RENDER = "deploy what the program renders from this lock"


def _claims_match_lock(stack: Stack, context: Context) -> Iterator[Finding]:
    lock = usable(context.lock)
    yield from _lock_is_whole(lock)
    yield from each(stack.of_type(ROOT), lambda root: root.name, lambda root: _root_matches(lock, root))
    yield from each(["verticals"], str, lambda _: _peaks_match(lock, stack))
    yield from each(live_deployments(stack), lambda live: live.name, lambda live: _copy_matches(live, context))


def _lock_is_whole(lock: Lock) -> Iterator[Finding]:
    if lock.claimed_digest != lock.actual_digest:
        yield Finding(LOCK, "its digest is not that of its content: it was edited by hand", FORECAST)


def _root_matches(lock: Lock, root: Resource) -> Iterator[Finding]:
    facts = {
        "environment": lock.environment,
        "lockDigest": lock.actual_digest,
        "lockKind": lock.kind,
        "dataEnd": lock.data_end.isoformat(),
        "validUntil": lock.valid_until.isoformat(),
    }
    for name, fact in facts.items():
        claim = field(root, name).text()
        if claim != fact:
            yield Finding(root.name, f"{name} is {claim}; the lock says {fact}", _RENDER)
    lag = field(root, "lagSeconds").number()
    for vertical, load in sorted(lock.verticals.items()):
        if exceeds(lag, load.lag_seconds):
            known = f"the lock knows the growth of {vertical} within {count(load.lag_seconds)} s"
            message = f"pods answer {count(lag)} s after the load; {known}"
            yield Finding(root.name, message, "make the forecast with this lag", lag, load.lag_seconds, "seconds")


def _peaks_match(lock: Lock, stack: Stack) -> Iterator[Finding]:
    claims: dict[str, float] = dict.fromkeys(lock.verticals, 0.0)
    for live in live_deployments(stack):
        if live.vertical not in lock.verticals:
            message = f"it holds sessions of {live.vertical}, of which the lock knows nothing"
            yield Finding(live.deployment.name, message, f"forecast {live.vertical}")
            continue
        claims[live.vertical] += annotation(live.deployment, "forecast-peak").number()
    for vertical, claim in sorted(claims.items()):
        peak = lock.verticals[vertical].peak
        if claim != peak:
            message = f"its Deployments claim a peak of {count(claim)} sessions together; the lock says {count(peak)}"
            yield Finding(vertical, message, _RENDER, peak, claim, "sessions")


def _copy_matches(live: Live, context: Context) -> Iterator[Finding]:
    if live.autoscaler is None:
        return
    hard = pod_ceiling(live, usable(context.floors)).hard
    copy = annotation(live.autoscaler, "hard-ceiling").number()
    if copy != hard:
        message = f"headroom.dev/hard-ceiling says {count(copy)} sessions a pod; the pod of {live.vertical} holds {count(hard)}"
        yield Finding(live.autoscaler.name, message, f"set it to {hard}", hard, copy, "sessions")


RULES = (
    Rule(
        name="claims-match-lock",
        condition="The lock is whole and the environment's own; peaks, ceilings, dates and the scaling lag of the stack are the "
        "lock's.",
        why="Every other rule counts on the load that the stack claims, so it must be that of an unaltered lock.",
        reads="the lock and its digest; the root's claims; the claims `forecast-peak` of live Deployments and `hard-ceiling` of "
        "their autoscalers.",
        remedy="Deploy what the program renders from a lock that `headroom forecast` wrote.",
        check=_claims_match_lock,
    ),
)
