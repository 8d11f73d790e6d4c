"""Rules on how many pods may be gone at once, and how soon the next ones come."""

from collections.abc import Iterator

import yaml

from policies.autoscaler import AUTOSCALERS, HORIZONTAL, scale_up, tolerance_of, week_of
from policies.evidence import Context, usable
from policies.figures import exceeds
from policies.fleet import DEPLOYMENT, LIVE_KINDS, autoscaler_of
from policies.margins import TOLERANCE, margins
from policies.rule import Finding, Rule, each
from policies.services import pod_labels
from policies.stack import Place, Resource, Stack, field, optional, optional_annotation
from policies.workloads import config_maps_with, of_kind

_BUDGET = "kubernetes:policy/v1:PodDisruptionBudget"
_SHARED = ("asr", "bus", "gateway", "llm", "queue", "queue-gateway", "tools", "tts", "tunnel", "turn", "watch")
_PERIOD_SECONDS = 15
"""Kubernetes' own rate of growth, which the scaling lag is planned with: double, or four pods, whichever is more, each 15 s."""
_RATES = {"Percent": 100, "Pods": 4}
METRIC = "active_sessions_per_pod"
_SESSIONS = "voice_active_sessions"
_SERVED = {
    "rules": [
        {
            "seriesQuery": f'{_SESSIONS}{{namespace!="",pod!=""}}',
            "resources": {"overrides": {name: {"resource": name} for name in ("namespace", "pod")}},
            "name": {"as": METRIC},
            "metricsQuery": "sum by (<<.GroupBy>>) (<<.Series>>{<<.LabelMatchers>>})",
        }
    ]
}
"""What the adapter is configured by: a second rule of the metric, a filter or a factor would show autoscalers other sessions."""
_RENDER = "deploy what the program renders"


def _few_gone_at_once(stack: Stack, _context: Context) -> Iterator[Finding]:
    workloads = list(of_kind(stack, *_SHARED, *sorted(LIVE_KINDS)))
    yield from each(workloads, lambda workload: workload.name, lambda workload: _evicted_one_by_one(stack, workload))
    deployments = [workload for workload in workloads if workload.type == DEPLOYMENT]
    yield from each(deployments, lambda workload: workload.name, _rolled_one_by_one)


def _evicted_one_by_one(stack: Stack, workload: Resource) -> Iterator[Finding]:
    if _standing(stack, workload) < 2:  # noqa: PLR2004  # one pod alone can only be moved by taking it
        return
    most = _may_go(workload)
    budgets = [budget for budget in stack.of_type(_BUDGET) if _is_for(budget, workload)]
    if not budgets:
        yield Finding(workload.name, "no PodDisruptionBudget keeps its pods: a drain of nodes takes them all at once", _RENDER)
    for budget in budgets:
        gone = field(budget, "spec.maxUnavailable").count(at_least=1)
        if gone > most:
            yield Finding(budget.name, f"it lets {gone} pods go at once", f"set maxUnavailable to {most}", most, gone, "pods")


def _standing(stack: Stack, workload: Resource) -> int:
    scaler, replicas = autoscaler_of(stack, workload), optional(workload, "spec.replicas")
    if scaler is not None:
        return week_of(scaler).baseline
    return 1 if replicas is None else replicas.count()


def _is_for(budget: Resource, workload: Resource) -> bool:
    if field(budget, "metadata.namespace").text() != field(workload, "metadata.namespace").text():
        return False
    wanted = field(budget, "spec.selector.matchLabels").texts()
    return bool(wanted) and wanted.items() <= pod_labels(workload).items()


def _may_go(workload: Resource) -> int:
    claim = optional_annotation(workload, "survive")
    return max(1, 1 if claim is None else claim.count())


def _rolled_one_by_one(workload: Resource) -> Iterator[Finding]:
    strategy = field(workload, "spec").get("strategy")
    if strategy is None:
        return
    if strategy["type"].text() != "RollingUpdate":
        message = "a rollout takes all of its pods before the new ones stand"
        yield Finding(workload.name, message, "set its strategy to RollingUpdate")
        return
    kind = optional_annotation(workload, "kind")
    most = 0 if kind is not None and kind.text() in LIVE_KINDS else _may_go(workload)
    gone, more = (strategy["rollingUpdate"][name].count() for name in ("maxUnavailable", "maxSurge"))
    if gone > most:
        message = f"a rollout takes {gone} of its pods at once"
        yield Finding(workload.name, message, f"set maxUnavailable to {most}", most, gone, "pods")
    if gone + more == 0:
        yield Finding(workload.name, "a rollout can neither take a pod nor add one", "set maxSurge to 1")


def _scales_up_at_once(stack: Stack, context: Context) -> Iterator[Finding]:
    scalers = list(stack.of_type(HORIZONTAL))
    yield from each(scalers, lambda scaler: scaler.name, _starts_at_its_floor)
    every = list(stack.of_type(*AUTOSCALERS))
    yield from each(every, lambda scaler: scaler.name, lambda scaler: _grows_fast(stack, context, scaler))
    adapters = list(config_maps_with(stack, "adapter.yaml"))
    yield from each(adapters, lambda config_map: config_map.name, _serves_the_metric)


def _starts_at_its_floor(scaler: Resource) -> Iterator[Finding]:
    least, baseline = field(scaler, "spec.minReplicas").count(), week_of(scaler).baseline
    if least < baseline:
        message = f"it starts with a floor of {least} pods; the week's lowest is {baseline}"
        yield Finding(scaler.name, message, f"set minReplicas to {baseline}", baseline, least, "replicas")


def _grows_fast(stack: Stack, context: Context, scaler: Resource) -> Iterator[Finding]:
    if (up := scale_up(scaler)) is None:
        return  # Kubernetes' own behaviour
    waits, chosen, policies = up.get("stabilizationWindowSeconds"), up.get("selectPolicy"), up.get("policies")
    if waits is not None and waits.number() > 0:
        yield Finding(scaler.name, "it waits before it adds pods", "set scaleUp.stabilizationWindowSeconds to 0")
    if chosen is not None and chosen.text() != "Max":
        yield Finding(scaler.name, "of its policies it does not take the fastest", "set scaleUp.selectPolicy to Max")
    planned, borne = max(margins(stack, usable(context.floors)).tolerance, TOLERANCE), tolerance_of(scaler)
    if exceeds(borne, planned):
        message = f"it bears a tolerance of {borne:g} before it adds pods; its target is planned with {planned:g}"
        yield Finding(scaler.name, message, f"set scaleUp.tolerance to {planned:g}", planned, borne)
    for kind, least in _RATES.items() if policies is not None else ():
        given = [_rate(policy) for policy in policies.items() if policy["type"].text() == kind]  # type: ignore[union-attr]
        if max(given, default=0.0) < least / _PERIOD_SECONDS:
            message = f"its {kind} policies add less than {least} each {_PERIOD_SECONDS} s, with which the scaling lag is planned"
            yield Finding(scaler.name, message, f"let it add {least} each {_PERIOD_SECONDS} s")


def _rate(policy: Place) -> float:
    return policy["value"].count(at_least=1) / policy["periodSeconds"].count(at_least=1)


def _serves_the_metric(config_map: Resource) -> Iterator[Finding]:
    text = field(config_map, "data")["adapter.yaml"].text()
    try:
        served = yaml.safe_load(text)
    except yaml.YAMLError:
        served = None
    if served != _SERVED:
        yield Finding(config_map.name, f"it does not serve {METRIC}, alone, as the sum of {_SESSIONS} of a pod", _RENDER)


RULES = (
    Rule(
        name="few-gone-at-once",
        condition="Of everything that calls, jobs and figures pass, with more than one pod, a PodDisruptionBudget lets no more "
        "pods go at once than may be gone, and neither does a rollout; a rollout takes no live pod before another stands.",
        why="A drain of nodes, or a rollout, that takes every pod at once ends every call, on a day like any other.",
        reads="PodDisruptionBudgets and their selectors; the rollout strategy of Deployments; the claim `survive`.",
        remedy="A budget of one pod; RollingUpdate with maxUnavailable 0, or what may be gone.",
        check=_few_gone_at_once,
    ),
    Rule(
        name="scales-up-at-once",
        condition="An autoscaler starts at the week's lowest floor or above, adds pods without waiting and at least as fast as "
        "the lag was planned with; the metrics adapter serves the metric that it scales on, as it is, and no other.",
        why="Every second before the next pod is one in which those that stand fill up.",
        reads="minReplicas and the week of HorizontalPodAutoscalers; behavior.scaleUp of theirs and of ScaledObjects; "
        "`adapter.yaml`.",
        remedy="Kubernetes' own rate of growth, without a window.",
        check=_scales_up_at_once,
    ),
)
