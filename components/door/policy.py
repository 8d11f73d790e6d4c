"""What the door refuses, in CEL: a change that leaves an object short of its figure, and shorter than it was.

The text is the same for every plan but for the figures, which stand in it. They are no parameters: an API server that has seen
the last binding with ConfigMaps as parameters go reads none again until it is restarted (kubernetes/kubernetes#130887). An object
that is left as it was passes, so that a raised plan may be written figure first, object after.
"""

import json
from collections.abc import Iterator
from typing import Any

from components.door.figures import POOL, SESSIONS, Figures
from components.kubernetes import DOMAIN
from components.workloads.scaling import KUBERNETES_TOLERANCE, METRIC


def door_policy(figures: Figures) -> dict[str, Any]:
    """Return the specification of the ValidatingAdmissionPolicy that holds objects to some figures."""
    return {
        "failurePolicy": "Fail",
        "matchConstraints": {
            "resourceRules": [
                _watched("autoscaling", "v2", "CREATE UPDATE DELETE", "horizontalpodautoscalers"),
                _watched("keda.sh", "v1alpha1", "CREATE UPDATE DELETE", "scaledobjects"),
                _watched("batch", "v1", "CREATE UPDATE DELETE", "cronjobs"),
                _watched(
                    "apps", "v1", "CREATE UPDATE", "deployments statefulsets daemonsets deployments/scale statefulsets/scale"
                ),
            ]
        },
        # A preview asks with a dry run, before the figures of its plan are written. Nothing comes of it.
        "matchConditions": [{"name": "writes", "expression": "request.dryRun != true"}],
        "variables": [{"name": name, "expression": expression} for name, expression in _variables(figures).items()],
        "validations": list(_validations()),
    }


def _watched(group: str, version: str, operations: str, resources: str) -> dict[str, list[str]]:
    return {
        "apiGroups": [group],
        "apiVersions": [version],
        "operations": operations.split(),
        "resources": resources.split(),
    }


def _variables(figures: Figures) -> dict[str, str]:
    """Return what the validations speak of; one is evaluated only where it is asked for.

    An expression has at most 100 000 characters: each namespace's figures are one. What JSON writes of texts, CEL reads alike.
    `now` and `before` are untyped: the objects are of several kinds.
    """
    spaces = {space: f"of_{space.replace('-', '_')}" for space in sorted(figures)}
    by_space = ", ".join(f"'{space}': variables.{name}" for space, name in spaces.items())
    return {name: json.dumps(figures[space], ensure_ascii=False, indent=1, sort_keys=True) for space, name in spaces.items()} | {
        "figures": f"{{{by_space}}}[?request.namespace].orValue({{}})",
        "now": "request.operation == 'DELETE' ? dyn(null) : dyn(object)",
        "before": "request.operation == 'CREATE' ? dyn(null) : dyn(oldObject)",
        "named": "(variables.now == null ? variables.before : variables.now).metadata.?name.orValue('')",
        "who": "request.namespace + '/' + variables.named",
        "own": "variables.figures[?request.resource.resource + '/' + variables.named].orValue({})",
        "written": "variables.now != null",
        "created": "variables.before == null",
        "scale": "request.?subResource.orValue('') != ''",
        "most": _maximum("now"),
        "most_before": _maximum("before"),
        "least": _minimum("now"),
        "least_before": _minimum("before"),
        "pods": "variables.now.spec.?replicas.orValue(0)",
        "pods_before": "variables.before.spec.?replicas.orValue(0)",
        "aims": _aims("now"),
        "aims_before": _aims("before"),
        "week": _week("now"),
        "week_before": _week("before"),
        "target": "variables.now.spec.scaleTargetRef",
        "scaled": "variables.figures[?variables.target.?kind.orValue('Deployment').lowerAscii() + 's/' + variables.target.name]"
        ".orValue({})",
        "scalers": "[request.kind.kind + '/' + variables.named]"
        " + variables.now.metadata.?ownerReferences.orValue([]).map(o, o.kind + '/' + o.name)",
        "up": _up("now"),
        "up_before": _up("before"),
        "growth": _growth("now", "variables.up"),
        "growth_before": _growth("before", "variables.up_before"),
        "tolerance": _tolerance("variables.up"),
        "tolerance_before": _tolerance("variables.up_before"),
        "runs": _runs("now"),
        "runs_before": _runs("before"),
        "pod": _pod("now"),
        "pod_before": _pod("before"),
        "admits": _admits("pod"),
        "admits_before": _admits("pod_before"),
        "containers": "variables.pod.?containers.orValue([]) + variables.pod.?initContainers.orValue([])",
        "short": "variables.own[?'resources'].orValue('').split('\\n')"
        ".filter(l, l != '').map(l, l.split(' '))"
        ".filter(l, !variables.containers.exists(c, c.name == l[0] && c.?resources[?l[1]][?l[2]]"
        ".optMap(q, quantity(string(q)).compareTo(quantity(l[3])) >= 0).orValue(false)))",
        "pool": f"variables.pod.?nodeSelector[?'{POOL}'].orValue('')",
        "claims": _claims("now"),
        "claims_before": _claims("before"),
    }


def _maximum(when: str) -> str:
    return f"variables.{when}.spec.?maxReplicas.or(variables.{when}.spec.?maxReplicaCount).orValue(100)"


def _minimum(when: str) -> str:
    return f"variables.{when}.spec.?minReplicas.or(variables.{when}.spec.?minReplicaCount).orValue(0)"


def _aims(when: str) -> str:
    """Return the sessions a pod that an autoscaler aims at: by its metric, or by its query of Prometheus."""
    query = "'sum(voice_active_sessions{vertical=\"' + request.namespace + '\"})'"
    return (
        f"variables.{when}.spec.?metrics.orValue([]).filter(m, m.type == 'Pods' && m.pods.metric.name == '{METRIC}')"
        ".map(m, m.pods.target.?averageValue.orValue(''))"
        f" + variables.{when}.spec.?triggers.orValue([])"
        f".filter(t, t.type == 'prometheus' && t.metadata.?query.orValue('') == {query})"
        ".map(t, t.metadata.?threshold.orValue(''))"
    )


def _week(when: str) -> str:
    return (
        f"variables.{when}.spec.?triggers.orValue([]).filter(t, t.type == 'cron')"
        ".map(t, [t.metadata.timezone, t.metadata.start, t.metadata.end, t.metadata.desiredReplicas].join('|')).join('\\n')"
    )


def _up(when: str) -> str:
    """Return how an autoscaler adds pods."""
    behavior = f"variables.{when}.spec.?behavior.or(variables.{when}.spec.?advanced.?horizontalPodAutoscalerConfig.?behavior)"
    return f"{behavior}.?scaleUp.orValue({{}})"


def _growth(when: str, up: str) -> str:
    """Return how fast an autoscaler adds pods: whether it waits, which policy it takes, the policies a line each."""
    paused = [f"autoscaling.keda.sh/paused{what}" for what in ("", "-replicas", "-scale-out")]
    first = f"string({up}.?stabilizationWindowSeconds.orValue(0)) + ' ' + string({up}.?selectPolicy.orValue('Max'))"
    rates = "map(p, string(p.type) + ' ' + string(p.value) + ' ' + string(p.periodSeconds))"
    return (
        f"variables.{when}.metadata.?annotations.orValue({{}}).exists(k, k in {paused}) ? 'paused' :"
        f" ([{first}] + {up}.?policies.orValue([]).{rates}).join('\\n')"
    )


def _tolerance(up: str) -> str:
    return f"quantity(string({up}.?tolerance.orValue('{KUBERNETES_TOLERANCE:g}')))"


def _runs(when: str) -> str:
    return f"variables.{when}.spec.?suspend.orValue(false) ? 'suspended' : variables.{when}.spec.?schedule.orValue('')"


def _pod(when: str) -> str:
    spec = f"variables.{when}.spec"
    return f"{spec}.?template.?spec.or({spec}.?jobTemplate.?spec.?template.?spec).orValue({{}})"


def _admits(pod: str) -> str:
    """Return the sessions that a pod admits, by container."""
    return (
        f"variables.{pod}.?containers.orValue([]).map(c, c.?env.orValue([]).filter(e, e.name == '{SESSIONS}'))"
        ".filter(l, l.size() > 0).map(l, l.map(e, e.?value.orValue('')).join(','))"
    )


def _claims(when: str) -> str:
    annotations = f"variables.{when}.metadata.?annotations.orValue({{}})"
    return f"{annotations}.filter(k, k.startsWith('{DOMAIN}/')).map(k, k + '=' + {annotations}[k].replace('\\n', ' '))"


def _validations() -> Iterator[dict[str, str]]:
    yield _held(
        "sessions-cover-burst",
        "maximum",
        enough="variables.most >= quantity(f).asInteger()",
        kept="variables.most >= variables.most_before",
        message="'an autoscaler that stops at ' + string(variables.most) + ' pods does not let them hold what is required:"
        " set its maximum to ' + f",
    )
    yield _held(
        "lag-floor-held",
        "floor",
        enough="variables.least >= quantity(f).asInteger()",
        kept="variables.least >= variables.least_before",
        message="'a floor of ' + string(variables.least) + ' pods is below the lowest of the week: set it to ' + f",
    )
    yield _held(
        "scaling-target-leaves-lag-growth",
        "target",
        enough="variables.aims.size() > 0 && variables.aims.all(a, isQuantity(a) && quantity(a).compareTo(quantity(f)) <= 0)",
        kept="variables.aims == variables.aims_before",
        message="'it must aim at ' + f + ' sessions a pod or fewer, or what comes before the next pod answers finds no room'",
    )
    yield _held(
        "prescale-covers-known-peaks",
        "week",
        enough="variables.week == f",
        kept="variables.week == variables.week_before",
        message="'its cron triggers must be those of the plan: ' + f.replace('\\n', ', ')",
    )
    yield _refusal(
        "workloads-are-known",
        "!variables.written || !has(variables.now.spec.scaleTargetRef)"
        " || !('maximum' in variables.own || 'resources' in variables.scaled)"
        " || variables.scaled[?'scaled-by'].orValue('') in variables.scalers",
        "variables.target.name + ' must be scaled by ' + variables.scaled[?'scaled-by'].orValue('no autoscaler')"
        " + ' and by nothing else'",
    )
    yield _held(
        "scales-up-at-once",
        "growth",
        enough="variables.growth == f",
        kept="variables.growth == variables.growth_before",
        message="'it must add pods as the plan counts on: ' + f.replace('\\n', ', ')",
    )
    yield _held(
        "scales-up-at-once",
        "tolerance",
        enough="variables.tolerance.compareTo(quantity(f)) <= 0",
        kept="variables.tolerance.compareTo(variables.tolerance_before) <= 0",
        message="'it must bear ' + f + ' above its target or less before it adds pods'",
    )
    yield _held(
        "prescale-covers-known-peaks",
        "schedule",
        enough="variables.runs == f",
        kept="variables.runs == variables.runs_before",
        message="'it must run at ' + f + ', or no floor stands before a known peak'",
    )
    yield _kept(
        "sessions-cover-burst", "maximum", "without its autoscaler it cannot grow to what is required: it goes with its plan"
    )
    yield _kept(
        "prescale-covers-known-peaks", "schedule", "without it no floor stands before a known peak: it goes with its plan"
    )
    yield _held(
        "lag-floor-held",
        "standing",
        # A Deployment is made before its autoscaler is there.
        enough="variables.created || variables.pods >= quantity(f).asInteger()",
        kept="variables.pods >= variables.pods_before",
        message="string(variables.pods) + ' pods are below the lowest floor of the week: at least ' + f + ' must stand'",
    )
    yield _held(
        RULE,
        "replicas",
        enough="variables.pods >= quantity(f).asInteger()",
        kept="variables.pods >= variables.pods_before",
        message="'the plan has ' + f + ' pods, and ' + string(variables.pods) + ' are fewer'",
    )
    yield _held(
        "pod-limits-cover-sessions",
        "resources",
        enough="variables.scale || variables.short.size() == 0",
        kept="variables.pod == variables.pod_before",
        message="'container ' + variables.short[0][0] + ' must have ' + variables.short[0][1] + ' of '"
        " + variables.short[0][2] + ' of at least ' + variables.short[0][3]",
    )
    yield _held(
        "pod-limits-cover-sessions",
        "sessions",
        enough="variables.scale || variables.admits == [f]",
        kept="variables.admits == variables.admits_before",
        message=f"'a pod must admit ' + f + ' sessions, which it holds and the plan counts on: set {SESSIONS} to ' + f",
    )
    yield _held(
        "nodes-cover-maximum",
        "pool",
        enough="variables.scale || variables.pool == f",
        kept="variables.pod == variables.pod_before",
        message=f"'its place among the nodes is counted on pool ' + f + ': leave the node selector {POOL} as it is'",
    )
    yield _held(
        "claims-match-lock",
        "claims",
        enough="variables.scale || sets.equivalent(variables.claims, f.split('\\n').filter(l, l != ''))",
        kept="sets.equivalent(variables.claims, variables.claims_before)",
        message=f"'annotations {DOMAIN}/* say what the plan counts on, and change with it alone'",
    )


RULE = "door-matches-plan"
"""The rule of the gate that holds the door to the plan; what it refuses for no other rule is refused in its name."""


def _held(rule: str, figure: str, *, enough: str, kept: str, message: str) -> dict[str, str]:
    """Return a refusal of what is written of an object that has the figure: it must be enough, or no less than it was.

    Expressions read the figure as `f`.
    """
    found = f"variables.own[?'{figure}']"
    return _refusal(
        rule,
        f"!variables.written || {found}.optMap(f, !variables.created && {kept} || {enough}).orValue(true)",
        f"{found}.optMap(f, {message}).orValue('')",
    )


def _kept(rule: str, figure: str, message: str) -> dict[str, str]:
    """Return a refusal to delete what has a figure, but for a namespace that goes as a whole."""
    kept = f"variables.written || !('{figure}' in variables.own) || has(namespaceObject.metadata.deletionTimestamp)"
    return _refusal(rule, kept, f"'{message}'")


def _refusal(rule: str, condition: str, message: str) -> dict[str, str]:
    return {"expression": condition, "messageExpression": f"'{rule}: ' + variables.who + ': ' + {message}"}
