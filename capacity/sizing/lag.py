"""How long it takes until new pods answer: after the load has risen, and after a node has died."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from pydantic import Field

from capacity.figures import Frozen, Source
from capacity.sizing.claims import Span, said
from capacity.sizing.poisson import UNLIKELY, poisson_quantile
from capacity.sizing.result import Sizing, lasting, load, whole_up
from capacity.sizing.stages import Stage, budgeted
from capacity.units import Seconds

SCALE_UP_POLICY = "scale-up policy"
"""The stage in which an autoscaler may not add all at once."""
_READ = date(2026, 11, 22)


class ScaleUpPolicy(Frozen):
    """How many replicas an autoscaler may add within a period."""

    kind: Literal["percent", "pods"]
    value: int = Field(gt=0)
    period: Seconds


class ScaleUp(Source):
    """The scale-up behaviour of an autoscaler."""

    policies: tuple[ScaleUpPolicy, ...] = Field(min_length=1)
    select: Literal["max", "min"] = "max"
    """Which policy counts where several allow a change."""


class NodeLoss(Source):
    """How long a cluster waits before it replaces the pods of a silent node."""

    grace: Seconds = 50.0
    """The controller manager's node-monitor-grace-period."""
    toleration: Seconds = 300.0
    """tolerationSeconds of the pods for not-ready and unreachable nodes."""


KUBERNETES_SYNC = Span.model_validate(
    {
        "value": "15s",
        "basis": "declared",
        "source": "Kubernetes 1.36.3: --horizontal-pod-autoscaler-sync-period",
        "date": _READ,
    }
)
KUBERNETES_SCALE_UP = ScaleUp.model_validate(
    {
        "policies": (
            {"kind": "percent", "value": 100, "period": "15s"},
            {"kind": "pods", "value": 4, "period": "15s"},
        ),
        "basis": "declared",
        "source": "Kubernetes 1.36.3: pkg/apis/autoscaling/v2/defaults.go",
        "date": _READ,
    }
)
KUBERNETES_NODE_LOSS = NodeLoss.model_validate(
    {
        "basis": "declared",
        "source": "Kubernetes 1.36.3: node lifecycle controller (40 s in older releases) and DefaultTolerationSeconds",
        "date": _READ,
    }
)


class ScalingLag(Frozen):
    """The stages from load rise to ready pod, each with its source."""

    metric: Span
    """Until the metric shows the load: scrape interval, and the window and refresh of the adapter."""
    sync: Span = KUBERNETES_SYNC
    """Until the autoscaler looks at it."""
    scale_up: ScaleUp = KUBERNETES_SCALE_UP
    scheduling: Span
    node: Span | None = None
    """Until a node is there; left out: nodes stand ready."""
    image: Span | None = None
    """Until the image is pulled; left out: it is on the nodes."""
    start: Span
    """From container start to ready."""


@dataclass(frozen=True)
class ScaleStep:
    """The replicas that an autoscaler asks for from an instant on."""

    seconds: float
    """After its first look at the higher load."""
    replicas: int


def scale_up_steps(before: int, after: int, scale_up: ScaleUp, sync_seconds: float) -> tuple[ScaleStep, ...]:
    """Return the steps in which an autoscaler goes up; none where nothing is to be added.

    At each sync a policy allows ceil(replicas at the start of its period x (1 + percent)), or that many plus its pods. What was
    added within the period is not in its start (kubernetes, pkg/controller/podautoscaler/horizontal.go).

    Raises:
        ValueError: there is no replica to begin with, or the sync period is not above 0.

    >>> [step.replicas for step in scale_up_steps(2, 15, KUBERNETES_SCALE_UP, 15.0)]
    [6, 12, 15]
    """
    if before < 1:
        raise ValueError(f"an autoscaler goes up from at least 1 replica, got {before!r}")
    if not sync_seconds > 0:
        raise ValueError(f"sync_seconds must be above 0, got {sync_seconds!r}")
    select = max if scale_up.select == "max" else min
    steps: list[ScaleStep] = []
    added: list[tuple[float, int]] = []
    now, replicas = 0.0, before
    while replicas < after:
        allowed = select(_allowed(policy, replicas, added, now) for policy in scale_up.policies)
        if allowed > replicas:
            reached = min(after, allowed)
            added.append((now, reached - replicas))
            replicas = reached
            steps.append(ScaleStep(now, replicas))
        now += sync_seconds
    return tuple(steps)


def scaling_stages(lag: ScalingLag, before: int, after: int) -> tuple[Stage, ...]:
    """Return the stages until the last of the pods that were added answers.

    Raises:
        ValueError: there is no replica to begin with.
    """
    steps = scale_up_steps(before, after, lag.scale_up, lag.sync.value)
    policy = steps[-1].seconds if steps else 0.0
    return (
        Stage("metric", lag.metric.value, said(lag.metric)),
        Stage("sync", lag.sync.value, said(lag.sync)),
        Stage(SCALE_UP_POLICY, policy, said(lag.scale_up)),
        *_new_pod(lag),
    )


def replacement_stages(loss: NodeLoss, lag: ScalingLag) -> tuple[Stage, ...]:
    """Return the stages until the pods of a dead node answer elsewhere: until then their sessions are gone and not replaced."""
    return (
        Stage("detection", loss.grace, said(loss)),
        Stage("toleration", loss.toleration, said(loss)),
        *_new_pod(lag),
    )


def size_lag(stages: Sequence[Stage], forecast_seconds: float, *, scope: str = "scaling.lag") -> Sizing:
    """Return the lag within which a forecast measured the growth, against the stages from load rise to ready pod.

    Raises:
        ValueError: the forecast's lag is negative or not finite.
    """
    law = "stages from load rise to ready pod, on the lag within which the forecast measured the growth"

    def remedy(over: float) -> str:
        return f"make the forecast with a lag of {lasting(forecast_seconds + over)}, or shorten {scope}"

    return budgeted("lag", scope, forecast_seconds, stages, law=law, remedy=remedy)


def size_replacement(loss: NodeLoss, lag: ScalingLag, *, allowed_seconds: float, scope: str = "scaling.node_loss") -> Sizing:
    """Return how long a dead node's sessions may be without pods against the time until they have them again.

    Raises:
        ValueError: the allowed time is negative or not finite.
    """

    def remedy(over: float) -> str:
        if over < loss.toleration:
            return f"lower {scope}.toleration from {lasting(loss.toleration)} to {math.floor(loss.toleration - over)}s"
        return (
            f"allow {lasting(allowed_seconds + over)} without the node's sessions, or keep pods that can hold them on other nodes"
        )

    law = "stages from a node's death to ready pods elsewhere, on the time that is allowed"
    return budgeted("replacement", scope, allowed_seconds, replacement_stages(loss, lag), law=law, remedy=remedy)


def arrivals_within(starts_per_second: float, lag_seconds: float, probability: float = UNLIKELY) -> int:
    """Return the sessions that hardly ever more than begin within the lag; growth is below it, for some sessions end meanwhile.

    The quantile of Poisson(starts x lag), where the mean would be too little every other time.

    Raises:
        ValueError: a load is negative or not finite, or the probability not above 0 and at most 0.999999.

    >>> arrivals_within(2.0, 180.0), arrivals_within(1.0, 30.0)
    (420, 48)
    """
    return poisson_quantile(load("starts_per_second", starts_per_second) * load("lag_seconds", lag_seconds), probability)


def _new_pod(lag: ScalingLag) -> tuple[Stage, ...]:
    stages = (("scheduling", lag.scheduling), ("node", lag.node), ("image", lag.image), ("start", lag.start))
    return tuple(Stage(name, span.value, said(span)) for name, span in stages if span is not None)


def _allowed(policy: ScaleUpPolicy, replicas: int, added: list[tuple[float, int]], now: float) -> int:
    start = replicas - sum(count for when, count in added if when > now - policy.period)
    return start + policy.value if policy.kind == "pods" else whole_up(start * (1 + policy.value / 100))
