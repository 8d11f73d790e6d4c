"""Rules on scaling: the autoscaler, and the lowest floor, leave room for what comes before a new pod answers."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from policies.autoscaler import scaling_target, tolerance_of, week_of
from policies.evidence import Context, usable
from policies.figures import TINY, count, counts, exceeds, needed, whole
from policies.fleet import (
    Live,
    admitted_sessions,
    forecast_share,
    live_deployments,
    load_of,
    pod_ceiling,
)
from policies.margins import growth, margins
from policies.rule import Finding, Rule, each
from policies.stack import Stack, annotation

_LARGER_PODS = "give its pods more memory and processor time"


@dataclass(frozen=True)
class _Clause:
    """One condition that fails, and the change that cures it."""

    message: str
    remedy: str
    required: float
    provided: float


def _scaling_target_leaves_lag_growth(stack: Stack, context: Context) -> Iterator[Finding]:
    lock, floors = usable(context.lock), usable(context.floors)
    kept = margins(stack, floors)

    def check(live: Live) -> Iterator[Finding]:
        if live.autoscaler is None:
            return
        load = load_of(lock, live)
        ceiling, admitted = pod_ceiling(live, floors), admitted_sessions(live)
        alert = min(kept.alert_utilisation, annotation(live.autoscaler, "alert-utilisation").number())
        target = scaling_target(live.autoscaler, live.vertical)
        bounds = {"it holds": ceiling.hard, "its requests guarantee": ceiling.guaranteed, "it admits": admitted}
        clauses = list(_target(target, load.lag_ratio, bounds, alert, max(kept.tolerance, tolerance_of(live.autoscaler))))
        if clauses:
            first = clauses[0]
            message = f"{live.vertical}: " + "; ".join(clause.message for clause in clauses)
            remedies = dict.fromkeys(clause.remedy for clause in clauses)
            yield Finding(live.autoscaler.name, message, " and ".join(remedies), first.required, first.provided, "sessions")

    yield from each(live_deployments(stack), lambda live: live.name, check)


def _target(target: float, ratio: float, bounds: Mapping[str, int], alert: float, tolerance: float) -> Iterator[_Clause]:
    unnoticed = target * (1 + tolerance)
    grown = unnoticed * ratio
    hard = bounds["it holds"]
    threshold = alert * hard
    highest = min(
        whole(min(bounds.values()) / (1 + tolerance) / ratio),
        math.ceil(threshold / (1 + tolerance) - TINY) - 1,
    )
    remedy = f"set the target to {highest}" if highest >= 1 else _LARGER_PODS
    passed = [(real, holds) for holds, real in bounds.items() if exceeds(grown, real)]
    if passed:
        real, holds = passed[0]
        must, have = counts(grown, real)
        factors = f"{target:g} x {1 + tolerance:g} tolerance x {ratio:g} growth within the lag"
        message = f"a pod at its target reaches {must} sessions ({factors}), above the {have} that {holds}"
        yield _Clause(message, remedy, grown, real)
    if not exceeds(threshold, unnoticed):
        must, have = counts(unnoticed, threshold)
        stands = f"a pod at its target stands at {must} sessions ({target:g} x {1 + tolerance:g} tolerance)"
        message = f"{stands}, not below the alert at {have} ({alert:.1%} of {count(hard)})"
        yield _Clause(message, remedy, unnoticed, threshold)


def _lag_floor_held(stack: Stack, context: Context) -> Iterator[Finding]:
    lock, floors = usable(context.lock), usable(context.floors)
    later = growth(lock, lock.valid_until, margins(stack, floors))

    def check(live: Live) -> Iterator[Finding]:
        if live.autoscaler is None:
            return
        load, baseline = load_of(lock, live), week_of(live.autoscaler).baseline
        pod_sessions = min(pod_ceiling(live, floors).guaranteed, admitted_sessions(live))
        quiet, held = load.quiet_sessions * later * forecast_share(live, load.peak), baseline * pod_sessions
        if exceeds(quiet, held):
            must, have = counts(quiet, held)
            comes = f"{must} can come within {count(load.lag_seconds)} s of a quiet minute"
            message = f"{live.vertical}: its lowest floor of {baseline} pods holds {have} sessions; {comes}"
            remedy = f"raise the schedule's baseline to {needed(quiet, pod_sessions)}" if pod_sessions else _LARGER_PODS
            yield Finding(live.autoscaler.name, message, remedy, quiet, held, "sessions")

    yield from each(live_deployments(stack), lambda live: live.name, check)


RULES = (
    Rule(
        name="scaling-target-leaves-lag-growth",
        condition="A pod at the autoscaler's target, tolerance included, holds what comes within the scaling lag, and stands "
        "below the alert.",
        why="Load grows on for as long as a new pod takes to answer; the pods that stand must carry that, without an alert.",
        reads="the target of the metric active_sessions_per_pod, the tolerance of scaleUp and the root's, "
        "`headroom.dev/alert-utilisation`, ceilings by limits and requests, HEADROOM_MAX_SESSIONS; the lag's growth in the lock.",
        remedy="A lower target: the highest that is right is named.",
        check=_scaling_target_leaves_lag_growth,
    ),
    Rule(
        name="lag-floor-held",
        condition="The lowest floor of the week holds what can come within the scaling lag of a quiet minute.",
        why="At night few pods stand, and a small load can multiply before the first new one answers.",
        reads="the week of the autoscaler, ceilings by requests, HEADROOM_MAX_SESSIONS; quiet_sessions of the lock's lag, grown.",
        remedy="A higher baseline: the number is named.",
        check=_lag_floor_held,
    ),
)
