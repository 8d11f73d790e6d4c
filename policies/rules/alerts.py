"""alerts-match-plan: the alerts that tell of a full fleet are there, and their thresholds are the stack's."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

import yaml

from policies.demand import Demand, demand_of
from policies.evidence import Context
from policies.fleet import admitted_sessions, live_deployments, pod_ceiling
from policies.jobs import jobs_of, queues
from policies.margins import Margins
from policies.rule import Finding, Rule, each
from policies.rules.latency import LATENCY
from policies.rules.limits import MODEL
from policies.stack import Place, Resource, Stack, WrongField, annotation, field
from policies.workloads import config_maps_with, of_kind

_FILE = "rules.yaml"
_LONGEST_HOLD_SECONDS = 600.0
"""How long ready pods may be too full before somebody is told (design, S4)."""
_CLOSE = 1e-6
_RENDER = "deploy what the program renders"
_Key = tuple[str, frozenset[tuple[str, str]]]


@dataclass(frozen=True)
class _Alert:
    """An alert that must be there."""

    name: str
    reads: str
    """What its expression must speak of."""


_ALWAYS = (
    _Alert("SessionUtilisationHigh", "vertical:alert_utilisation:plan"),
    _Alert("CallsBlocked", "voice_admission_rejected_total"),
    _Alert("SessionMetricsAbsent", "vertical:session_ceiling_per_pod:plan"),
    _Alert("AutoscalerAtMaximum", "vertical:pods_ceiling:max"),
    _Alert("ModelNearLimit", "model:limit:plan"),
    _Alert("ForecastLockEnds", "forecast:valid_until_timestamp_seconds:plan"),
)
_WITH_QUEUES = (_Alert("QueueDeep", "vertical:queue_depth_cap:plan"),)
_WITH_TUNNELS = (_Alert("TunnelReplicasMissing", "tunnel:replicas:plan"),)
_WITH_LATENCY = (
    _Alert("FirstTokenSlow", "latency:first_token_seconds:plan"),
    _Alert("FirstAudioSlow", "latency:first_audio_seconds:plan"),
)
NEEDED = frozenset(alert.name for alert in (*_ALWAYS, *_WITH_QUEUES, *_WITH_TUNNELS, *_WITH_LATENCY))
"""What nobody may silence."""
_CONSTANT = re.compile(r"vector\(([-+0-9.e]{1,40})\)")


def _alerts_match_plan(stack: Stack, context: Context) -> Iterator[Finding]:
    files = list(config_maps_with(stack, _FILE))
    if list(stack.of_type("headroom:observability:Observability")) and not files:
        yield Finding("observability", f"no ConfigMap has {_FILE}: nobody is told when the fleet is full", _RENDER)

    def check(config_map: Resource) -> Iterator[Finding]:
        place = field(config_map, "data")[_FILE]
        rules = _rules(place)
        yield from _are_there(stack, place, rules)
        demand = demand_of(stack, context)
        yield from _agree(place, _constants(rules), dict(_figures(stack, demand)))

    yield from each(files, lambda config_map: config_map.name, check)


def _are_there(stack: Stack, place: Place, rules: list[dict[str, Any]]) -> Iterator[Finding]:
    needed = (
        *_ALWAYS,
        *(_WITH_QUEUES if any(queues(stack)) else ()),
        *(_WITH_TUNNELS if any(of_kind(stack, "tunnel")) else ()),
        *(_WITH_LATENCY if any(stack.of_type(LATENCY)) else ()),
    )
    name = place.resource.name
    for alert in needed:
        found = [rule for rule in rules if rule.get("alert") == alert.name]
        if len(found) != 1:
            yield Finding(name, f"it has the alert {alert.name} {len(found)} times", _RENDER)
        elif alert.reads not in str(found[0].get("expr")):
            yield Finding(name, f"the alert {alert.name} does not look at {alert.reads}", _RENDER)
        elif _seconds(place, str(found[0].get("for", "0s"))) > _LONGEST_HOLD_SECONDS:
            yield Finding(name, f"the alert {alert.name} waits for more than {_LONGEST_HOLD_SECONDS:g} s", "shorten its `for`")


def _figures(stack: Stack, demand: Demand) -> Iterator[tuple[_Key, float]]:
    """Yield the figures that alerts compare with, as the gate knows them."""
    for live in live_deployments(stack):
        labels = {"vertical": live.vertical}
        yield _key("vertical:session_ceiling_per_pod:plan", labels), float(pod_ceiling(live, demand.floors).hard)
        yield _key("vertical:admitted_per_pod:plan", labels), float(admitted_sessions(live))
        yield _key("vertical:alert_utilisation:plan", labels), _alert_utilisation(live.autoscaler, demand.kept)
    for server in queues(stack):
        jobs = jobs_of(stack, server)
        yield _key("vertical:queue_depth_cap:plan", {"vertical": jobs.vertical}), float(jobs.depth_cap)
    tunnels = list(of_kind(stack, "tunnel"))
    if tunnels:
        yield _key("tunnel:replicas:plan", {}), sum(field(tunnel, "spec.replicas").number() for tunnel in tunnels)
    for latency in stack.of_type(LATENCY):
        yield _key("latency:first_token_seconds:plan", {}), field(latency, "firstTokenSeconds").number()
        yield _key("latency:first_audio_seconds:plan", {}), field(latency, "firstAudioSeconds").number()
    for model in stack.of_type(MODEL):
        tokens = field(model, "primary").get("tokensPerMinute")
        if tokens is not None:
            yield _key("model:limit:plan", {"limit": "tokens a minute"}), tokens.number()
    midnight = datetime.combine(demand.lock.valid_until + timedelta(days=1), time(), UTC)
    yield _key("forecast:valid_until_timestamp_seconds:plan", {}), midnight.timestamp()


def _alert_utilisation(autoscaler: Resource | None, kept: Margins) -> float:
    if autoscaler is None:
        return kept.alert_utilisation
    return min(kept.alert_utilisation, annotation(autoscaler, "alert-utilisation").number())


def _agree(place: Place, said: dict[_Key, float], real: dict[_Key, float]) -> Iterator[Finding]:
    for key, figure in sorted(real.items(), key=lambda item: (item[0][0], sorted(item[0][1]))):
        name, labels = key
        shown = name + (f"{{{', '.join(f'{label}={value}' for label, value in sorted(labels))}}}" if labels else "")
        if key not in said:
            yield Finding(place.resource.name, f"it does not record {shown}, which is {figure:,.6g}", _RENDER)
        elif abs(said[key] - figure) > _CLOSE * max(1.0, abs(figure)):
            message = f"it records {said[key]:,.12g} as {shown}, which is {figure:,.12g}"
            yield Finding(place.resource.name, message, _RENDER, figure, said[key])


def _key(name: str, labels: dict[str, str]) -> _Key:
    return name, frozenset(labels.items())


def _constants(rules: list[dict[str, Any]]) -> dict[_Key, float]:
    """Return the recorded figures that are constants; one that is recorded twice counts as none."""
    found: dict[_Key, float] = {}
    twice: set[_Key] = set()
    for rule in rules:
        labels = rule.get("labels") or {}
        match = _CONSTANT.fullmatch(str(rule.get("expr")))
        if "record" not in rule or match is None or not isinstance(labels, dict):
            continue
        key = _key(str(rule["record"]), {str(name): str(value) for name, value in labels.items()})
        if key in found:
            twice.add(key)
        try:
            found[key] = float(match[1])
        except ValueError:
            continue
    return {key: value for key, value in found.items() if key not in twice}


def _rules(place: Place) -> list[dict[str, Any]]:
    try:
        document = yaml.safe_load(place.text())
    except yaml.YAMLError:
        document = None
    groups = document.get("groups") if isinstance(document, dict) else None
    rules = (
        [rule for group in groups for rule in group.get("rules") or ()]
        if isinstance(groups, list) and _are_objects(groups)
        else None
    )
    if rules is None or not _are_objects(rules):
        raise WrongField(place.resource.name, place.path, "a file of Prometheus' rules")
    return rules


def _are_objects(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, dict) for one in value)


def _seconds(place: Place, text: str) -> float:
    match = re.fullmatch(r"(\d{1,9})(s|m|h)", text)
    if match is None:
        raise WrongField(place.resource.name, place.path, "a file of Prometheus' rules whose `for` are times such as 600s")
    return float(match[1]) * {"s": 1, "m": 60, "h": 3600}[match[2]]


RULES = (
    Rule(
        name="alerts-match-plan",
        condition="Where the stack is watched, the alerts that tell of a full fleet are there, once, look at what they should, "
        "and "
        "wait ten minutes at most; the figures that they compare with are those of the stack.",
        why="An alert with last month's threshold is silent in this month's burst.",
        reads="`rules.yaml` of Prometheus: alerts and recorded constants; ceilings, caps, replicas, budgets, limits and the "
        "lock's "
        "last valid day.",
        remedy="Deploy the rules that the program renders with the stack.",
        check=_alerts_match_plan,
    ),
)
