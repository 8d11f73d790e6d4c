"""What the HorizontalPodAutoscaler does at one look, and what the pre-scale job does to its floor.

The controller's law: Kubernetes 1.36, `pkg/controller/podautoscaler` (`calcPlainMetricReplicas`,
`stabilizeRecommendationWithBehaviors`, `convertDesiredReplicasWithBehaviorRate`); its steps and its tolerance agree with what the
real controller was seen to do. The job's law: `components/workloads/prescale.py`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from capacity.simulation.day import Autoscaler, Policy

_Steps = list[tuple[float, int]]


@dataclass
class Memory:
    """What the controller remembers from look to look; `next_replicas` writes it."""

    recommended: _Steps = field(default_factory=list)
    added: _Steps = field(default_factory=list)
    removed: _Steps = field(default_factory=list)


def next_replicas(rule: Autoscaler, memory: Memory, now: float, *, replicas: int, floor: int, ready: int, sessions: int) -> int:
    """Return the replicas that the controller sets now.

    `sessions` are those on the `ready` pods; pods on their way out count nowhere. Below the floor or above the maximum the bound
    is set at once, without a look at the load, a policy or the past: that is why a floor that is taken back lets pods go as
    soon as the load allows it, whatever the stabilisation says.
    """
    if not memory.recommended:
        memory.recommended.append((now, replicas))
    if replicas > rule.maximum:
        wanted = rule.maximum
    elif replicas < floor:
        wanted = floor
    else:
        raw = recommended_replicas(rule, replicas=replicas, ready=ready, sessions=sessions)
        stable = _stabilised(rule, memory, now, replicas, raw)
        wanted = _within_policies(rule, memory, now, replicas, max(stable, floor))
    if wanted > replicas:
        memory.added.append((now, wanted - replicas))
    elif wanted < replicas:
        memory.removed.append((now, replicas - wanted))
    return wanted


def recommended_replicas(rule: Autoscaler, *, replicas: int, ready: int, sessions: int) -> int:
    """Return the replicas that the load asks for: sessions / target, unless their ratio is within the tolerance of 1.

    Pods that are not ready give no metric: they count as idle where the others are above the target and as being at it where they
    are below, and may not turn the direction. Without any metric the replicas stay.
    """
    if not ready:
        return replicas
    ratio = sessions / (ready * rule.target_sessions)
    counted = sessions + (replicas - ready) * rule.target_sessions if ratio < 1 else float(sessions)
    overall = counted / (replicas * rule.target_sessions)
    turned = (ratio - 1) * (overall - 1) < 0
    # As the controller compares: 110 on a target of 100 is within a tenth, though 1.1 - 1 > 0.1 in binary fractions.
    if turned or 1 - rule.tolerance <= overall <= 1 + rule.tolerance:
        return replicas
    wanted = math.ceil(counted / rule.target_sessions - 1e-9)
    return max(wanted, replicas) if overall > 1 else min(wanted, replicas)


def next_floor(rule: Autoscaler, *, scheduled: int, current: int, replicas: int, ready: int, sessions: int) -> int:
    """Return the floor that the pre-scale job sets: up at once, down only as far as the load itself holds the replicas."""
    if scheduled >= current:
        return scheduled
    if not ready:
        return current
    held = math.ceil(sessions / ready * replicas / rule.target_sessions - 1e-9)
    return min(current, max(scheduled, held))


def _stabilised(rule: Autoscaler, memory: Memory, now: float, replicas: int, raw: int) -> int:
    """Return the recommendation after both windows: up no further than the least of its window, down than the greatest."""
    least = min([raw, *_since(memory.recommended, now - rule.up.stabilisation_seconds)])
    greatest = max([raw, *_since(memory.recommended, now - rule.down.stabilisation_seconds)])
    longest = max(rule.up.stabilisation_seconds, rule.down.stabilisation_seconds)
    memory.recommended = [(at, count) for at, count in memory.recommended if at > now - longest]
    memory.recommended.append((now, raw))
    return min(max(replicas, least), greatest)


def _within_policies(rule: Autoscaler, memory: Memory, now: float, replicas: int, wanted: int) -> int:
    """Return what the policies of the direction leave of a change; each counts from where its period began."""

    def period_start(policy: Policy) -> int:
        since = now - policy.period_seconds
        return replicas - sum(_since(memory.added, since)) + sum(_since(memory.removed, since))

    if wanted > replicas:
        allowed = [_raised(period_start(policy), policy) for policy in rule.up.policies]
        limit = max(allowed) if rule.up.select == "Max" else min(allowed)
        wanted = min(wanted, rule.maximum, max(replicas, limit))
    elif wanted < replicas:
        allowed = [_lowered(period_start(policy), policy) for policy in rule.down.policies]
        limit = min(allowed) if rule.down.select == "Max" else max(allowed)
        wanted = max(wanted, min(replicas, limit))
    longest = max(policy.period_seconds for behaviour in (rule.up, rule.down) for policy in behaviour.policies)
    memory.added = [step for step in memory.added if step[0] > now - longest]
    memory.removed = [step for step in memory.removed if step[0] > now - longest]
    return wanted


def _raised(start: int, policy: Policy) -> int:
    return start + policy.value if policy.kind == "Pods" else math.ceil(start * (100 + policy.value) / 100)


def _lowered(start: int, policy: Policy) -> int:
    return start - policy.value if policy.kind == "Pods" else math.floor(start * (100 - policy.value) / 100)


def _since(steps: Sequence[tuple[float, int]], cutoff: float) -> list[int]:
    return [count for at, count in steps if at > cutoff]
