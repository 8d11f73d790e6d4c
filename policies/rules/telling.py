"""Rules on who sees the fleet: the autoscalers see its sessions, and people are told of what is wrong."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from policies.autoscaler import HORIZONTAL
from policies.edge import HOST
from policies.evidence import Context
from policies.figures import count
from policies.fleet import LIVE_KINDS, Live, live_deployments
from policies.margins import ROOT
from policies.relabelling import pods_found
from policies.rule import Finding, Rule, each
from policies.rules.alerts import NEEDED
from policies.stack import Place, Resource, Stack, Unreadable, WrongField, annotation, field, identity, optional
from policies.traffic import API_SERVICE
from policies.workload_types import POD_SPECS
from policies.workloads import beside_each_other, configuration, container_of, has_container, of_kind, pod_of, watchers

_RBAC = "kubernetes:rbac.authorization.k8s.io/v1"
_METRICS = "custom.metrics.k8s.io"
_READ = ("get", "list", "watch")
_CONTROLLER = ("kube-system", "horizontal-pod-autoscaler")
_LABELS = ("job", "namespace", "pod", "vertical")
"""Of a session's figures: the adapter asks by namespace and pod, KEDA and the alerts by the vertical."""
_OF_A_JOB = frozenset(
    {"job_name", "honor_labels", "kubernetes_sd_configs", "relabel_configs", "scrape_interval", "scrape_timeout"}
)
_OF_A_GROUP = frozenset({"interval", "name", "rules"})
_OF_A_ROUTE = frozenset({"continue", "group_by", "matchers", "receiver", "routes"})
_PORTS = ("probes", "metrics")
_RENDER = "deploy what the program renders"
_OF_ADAPTER = {"": ("namespaces", "pods")}
_OF_STATE_METRICS = {"": ("nodes", "pods"), "autoscaling": ("horizontalpodautoscalers",), "batch": ("cronjobs",)}
"""What kube-state-metrics tells of, which alerts speak of, by the group of its API."""
_MATCHER = re.compile(r'(vertical|severity)(=|=~)"([^"]+)"')
_SEVERITIES = frozenset({"page", "ticket"})
_WAKE_NOBODY = frozenset({"ticket", "phi-ticket"})
"""Receivers of what can wait."""
_Account = tuple[str, str]


def _autoscalers_see_sessions(stack: Stack, _context: Context) -> Iterator[Finding]:
    if not watchers(stack, "prometheus"):
        return  # planned-parts-stand knows whether it must be there
    yield from each(live_deployments(stack), lambda live: live.deployment.name, lambda live: _is_measured(stack, live))
    yield from each([_watcher(stack, "prometheus")], lambda one: one.name, lambda one: _may(stack, one, {"": ("pods",)}, _READ))
    if any(stack.of_type(HORIZONTAL)):
        adapter = _watcher(stack, "adapter")
        yield from each([adapter], lambda one: one.name, lambda one: _may(stack, one, _OF_ADAPTER, _READ))
        yield from each([adapter], lambda one: one.name, lambda one: _serves(stack, one))


def _watcher(stack: Stack, name: str) -> Resource:
    found = watchers(stack, name)
    if len(found) != 1:
        raise Unreadable("observability", f"{len(found)} workloads that watch have a container {name}", _RENDER)
    return found[0]


def _is_measured(stack: Stack, live: Live) -> Iterator[Finding]:
    prometheus = _watcher(stack, "prometheus")
    config = stack.once(_of_prometheus)
    found = [(job, labels) for job in config.listed("scrape_configs") for labels in pods_found(job, live.deployment)]
    if not found:
        yield Finding(live.deployment.name, "no job of Prometheus finds its pods: nobody sees their sessions", _RENDER)
    lag = field(stack.the_one(ROOT), "lagSeconds").number()
    for job, labels in found:
        if missing := [name for name in _LABELS if name not in labels]:
            message = f"Prometheus knows no {' and no '.join(missing)} of its sessions"
            yield Finding(live.deployment.name, message, _RENDER)
        elif labels["vertical"] != live.vertical:
            yield Finding(live.deployment.name, f"Prometheus counts its sessions as those of {labels['vertical']}", _RENDER)
        if unknown := sorted(job.names() - _OF_A_JOB):
            message = f"{job.path}.{unknown[0]} may change or drop figures of sessions"
            yield Finding(prometheus.name, message, f"leave {unknown[0]} out")
        every = _seconds(job.get("scrape_interval") or config["global"]["scrape_interval"])
        if every > lag:
            message = f"it sees sessions each {count(every)} s; new pods are to answer within {count(lag)} s"
            yield Finding(prometheus.name, message, "set scrape_interval to 15s", lag, every, "seconds")


def _may(stack: Stack, workload: Resource, asked: Mapping[str, tuple[str, ...]], verbs: tuple[str, ...]) -> Iterator[Finding]:
    """Yield where a workload's account may not read what it must, or its pods do not have the account's token."""
    pod = pod_of(workload)
    token = pod.get("automountServiceAccountToken")
    if token is not None and token.value is not True:
        yield Finding(workload.name, "its pods have no token of their account", "set automountServiceAccountToken to true")
    account = (identity(workload).namespace, pod["serviceAccountName"].text())
    for group, resources in asked.items():
        for resource in resources:
            if not any(_grants(rule, group, resource, verbs) for rule in _rules_of(stack, account)):
                message = f"no ClusterRole lets its account {', '.join(verbs)} {resource}: it sees none"
                yield Finding(workload.name, message, _RENDER)


def _rules_of(stack: Stack, account: _Account) -> Iterator[Place]:
    """Yield what an account may do everywhere."""
    roles = {field(role, "metadata.name").text(): role for role in stack.of_type(f"{_RBAC}:ClusterRole")}
    for name in _bound(stack, "ClusterRoleBinding", account):
        if name in roles:
            yield from field(roles[name], "rules").items()


def _bound(stack: Stack, kind: str, account: _Account) -> set[str]:
    """Return the roles that bindings of a kind give to an account."""
    return {
        field(binding, "roleRef.name").text()
        for binding in stack.of_type(f"{_RBAC}:{kind}")
        for subject in field(binding, "subjects").items()
        if subject["kind"].text() == "ServiceAccount" and (subject["namespace"].text(), subject["name"].text()) == account
        if field(binding, "roleRef.kind").text() in ("ClusterRole", "Role")
        if kind == "ClusterRoleBinding" or identity(binding).namespace == "kube-system"
    }


def _grants(rule: Place, group: str, resource: str, verbs: tuple[str, ...]) -> bool:
    if rule.get("nonResourceURLs") is not None or rule.get("resourceNames") is not None:
        return False
    groups, resources, given = ([one.value for one in rule[key].items()] for key in ("apiGroups", "resources", "verbs"))
    return (
        group in groups and (resource in resources or "*" in resources) and ("*" in given or all(verb in given for verb in verbs))
    )


def _serves(stack: Stack, adapter: Resource) -> Iterator[Finding]:
    """Yield what keeps the API server from asking the adapter for sessions, or the autoscalers from asking the API server."""
    served = [api for api in stack.of_type(API_SERVICE) if field(api, "spec.group").text() == _METRICS]
    if len(served) != 1:
        yield Finding(
            adapter.name, f"{len(served)} APIServices lead to it, for {_METRICS}: no autoscaler sees a session", _RENDER
        )
    for api in served:
        if field(api, "metadata.name").text() != f"{field(api, 'spec.version').text()}.{_METRICS}":
            yield Finding(api.name, "its name is not its version and group", _RENDER)
        skips = optional(api, "spec.insecureSkipTLSVerify")
        if (skips is None or skips.value is not True) and optional(api, "spec.caBundle") is None:
            yield Finding(api.name, "the API server trusts no certificate of it", "set caBundle, or insecureSkipTLSVerify")
    account = (identity(adapter).namespace, pod_of(adapter)["serviceAccountName"].text())
    for kind, role in (
        ("ClusterRoleBinding", "system:auth-delegator"),
        ("RoleBinding", "extension-apiserver-authentication-reader"),
    ):
        if role not in _bound(stack, kind, account):
            yield Finding(
                adapter.name, f"its account is not bound to {role}: it cannot tell who asks, and answers nobody", _RENDER
            )
    if not any(_grants(rule, _METRICS, "*", ("get", "list")) for rule in _rules_of(stack, _CONTROLLER)):
        yield Finding(adapter.name, "no ClusterRole lets the autoscalers' controller ask it", _RENDER)


def _operators_are_told(stack: Stack, _context: Context) -> Iterator[Finding]:
    if not watchers(stack, "prometheus"):
        return
    prometheus, alertmanager = _watcher(stack, "prometheus"), _watcher(stack, "alertmanager")
    yield from each([prometheus], lambda one: one.name, lambda _: _reads_all(stack))
    yield from each([prometheus], lambda one: one.name, lambda one: _reads_nodes(stack, one))
    told = watchers(stack, "state-metrics")
    yield from each(told, lambda one: one.name, lambda one: _tells_of_all(stack, one))
    yield from each(watchers(stack, "collector"), lambda one: one.name, lambda one: _hands_on(stack, one))
    yield from each([prometheus], lambda one: one.name, lambda one: _sends(stack, one, alertmanager))
    yield from each([alertmanager], lambda one: one.name, lambda one: _passes_on(stack, one))


def _reads_all(stack: Stack) -> Iterator[Finding]:
    """Yield the workloads, and the edge, whose figures nobody reads."""
    jobs = stack.once(_of_prometheus).listed("scrape_configs")
    for workload in stack.of_type(*POD_SPECS):
        ports = [port.get("name") for one in beside_each_other(pod_of(workload)) for port in one.listed("ports")]
        if any(name is not None and name.text() in _PORTS for name in ports):
            found = [job for job in jobs if any(pods_found(job, workload))]
            if not found:
                yield Finding(workload.name, "no job of Prometheus finds its pods: nobody sees their figures", _RENDER)
            elif has_container(workload, "state-metrics") and not all(job.value.get("honor_labels") is True for job in found):
                message = "what it says of other pods is read as if it were of its own"
                yield Finding(workload.name, message, "set honor_labels to true")
    targets = {target.text() for job in jobs for static in job.listed("static_configs") for target in static.listed("targets")}
    for host in stack.of_type(HOST):
        if field(host, "hostname").text() not in targets:
            yield Finding(host.name, "no job of Prometheus asks it: nobody sees whom the edge refuses", _RENDER)


def _reads_nodes(stack: Stack, prometheus: Resource) -> Iterator[Finding]:
    """Yield where it may not find the machines that it is to ask, or not ask them."""
    jobs = stack.once(_of_prometheus).listed("scrape_configs")
    if any(one["role"].text() == "node" for job in jobs for one in job.listed("kubernetes_sd_configs")):
        yield from _may(stack, prometheus, {"": ("nodes",)}, _READ)
        yield from _may(stack, prometheus, {"": ("nodes/metrics",)}, ("get",))
        account = (identity(prometheus).namespace, pod_of(prometheus)["serviceAccountName"].text())
        urls = [rule for rule in _rules_of(stack, account) if rule.get("nonResourceURLs") is not None]
        if not any("/metrics" in rule["nonResourceURLs"].value and "get" in rule["verbs"].value for rule in urls):
            yield Finding(prometheus.name, "no ClusterRole lets its account get /metrics of the servers", _RENDER)


def _tells_of_all(stack: Stack, state_metrics: Resource) -> Iterator[Finding]:
    yield from _may(stack, state_metrics, _OF_STATE_METRICS, ("list", "watch"))
    args = [one.text() for one in container_of(state_metrics, "state-metrics").listed("args")]
    given = {name for one in args if one.startswith("--resources=") for name in one.removeprefix("--resources=").split(",")}
    missing = {name for resources in _OF_STATE_METRICS.values() for name in resources} - given
    if missing:
        yield Finding(state_metrics.name, f"it tells nothing of {', '.join(sorted(missing))}", _RENDER)


def _hands_on(stack: Stack, collector: Resource) -> Iterator[Finding]:
    """Yield where the figures that pods push do not come to every Prometheus."""
    config = _config(stack, collector, "collector.yaml")
    way = config["service"]["pipelines"]["metrics"]
    receivers, processors, exporters = (
        [one.text() for one in way.listed(key)] for key in ("receivers", "processors", "exporters")
    )
    listens = config["receivers"]["otlp"]["protocols"]["http"]["endpoint"].text().rpartition(":")[2]
    ports = [str(port["containerPort"].value) for port in container_of(collector, "collector").listed("ports")]
    sent = {name: config["exporters"][name].get("endpoint") for name in config["exporters"].names()}
    within = [name for name, endpoint in sent.items() if endpoint is not None and ".svc:" in endpoint.text()]
    if "otlp" not in receivers or not within or not set(within) <= set(exporters) or listens not in ports:
        yield Finding(collector.name, "it does not hand the figures that pods push to every Prometheus", _RENDER)
    if unknown := sorted(set(processors) - {"memory_limiter", "batch"}):
        yield Finding(collector.name, f"its processor {unknown[0]} may drop figures", f"leave {unknown[0]} out")


def _sends(stack: Stack, prometheus: Resource, alertmanager: Resource) -> Iterator[Finding]:
    config = stack.once(_of_prometheus)
    folder = _folder(stack, prometheus, "prometheus", "rules.yaml")
    if f"{folder}/rules.yaml" not in {one.text() for one in config.listed("rule_files")}:
        yield Finding(prometheus.name, f"it does not read {folder}/rules.yaml: there is no alert", _RENDER)
    args = [one.text() for one in container_of(prometheus, "prometheus").listed("args")]
    if f"--config.file={folder}/prometheus.yaml" not in args:
        yield Finding(prometheus.name, f"it does not read {folder}/prometheus.yaml", _RENDER)
    yield from _looks_often(stack, prometheus, config["global"]["evaluation_interval"])
    alerting = config.get("alerting")
    receivers = [] if alerting is None else alerting.listed("alertmanagers")
    if not any(any(pods_found(one, alertmanager)) for one in receivers):
        yield Finding(prometheus.name, "it finds no pod of Alertmanager: it tells nobody of an alert", _RENDER)
    if alerting is not None and alerting.get("alert_relabel_configs") is not None:
        yield Finding(prometheus.name, "alert_relabel_configs may drop alerts", "leave it out")


def _looks_often(stack: Stack, prometheus: Resource, usually: Place) -> Iterator[Finding]:
    """Yield which alerts are looked for seldom, or not all of them."""
    lag = field(stack.the_one(ROOT), "lagSeconds").number()
    groups = _config(stack, prometheus, "rules.yaml")["groups"].items()
    for place in [usually, *(said for group in groups if (said := group.get("interval")) is not None)]:
        if (every := _seconds(place)) > lag:
            message = f"by {place.path} it looks for alerts each {count(every)} s"
            yield Finding(prometheus.name, message, "set it to 15s", lag, every, "seconds")
    for group in groups:
        for key in sorted(group.names() - _OF_A_GROUP):
            yield Finding(prometheus.name, f"{group.path}.{key} may hold back an alert", "leave it out")


def _passes_on(stack: Stack, alertmanager: Resource) -> Iterator[Finding]:
    config = _config(stack, alertmanager, "alertmanager.yaml")
    folder = _folder(stack, alertmanager, "alertmanager", "alertmanager.yaml")
    args = [one.text() for one in container_of(alertmanager, "alertmanager").listed("args")]
    if f"--config.file={folder}/alertmanager.yaml" not in args:
        yield Finding(alertmanager.name, f"it does not read {folder}/alertmanager.yaml", _RENDER)
    mounts = [one["mountPath"].text() for one in container_of(alertmanager, "alertmanager").listed("volumeMounts")]
    reached = {one["name"].text(): _url_files(one) for one in config["receivers"].items()}
    if config["route"].get("matchers") is not None:
        yield Finding(alertmanager.name, "its first route does not take what no other takes", "leave its matchers out")
    for route in _routes(config["route"]):
        name = route["receiver"].text()
        # The operator's Secret has a key a receiver.
        if not {f"{mount}/{name}" for mount in mounts} & set(reached.get(name, [])):
            message = f"{route.path} sends to {name}, which has no file of its own with a URL among its mounts: nobody is told"
            yield Finding(alertmanager.name, message, _RENDER)
        yield from _matches(stack, alertmanager, route)
        for key in sorted(route.names() - _OF_A_ROUTE):
            yield Finding(alertmanager.name, f"{route.path}.{key} may hold back an alert", "leave it out")
    yield from _wakes(stack, alertmanager, config["route"])
    for rule in config.listed("inhibit_rules"):
        silenced = [re.fullmatch(r'alertname="(\w+)"', one.text()) for one in rule["target_matchers"].items()]
        names = {match[1] for match in silenced if match is not None}
        if not names or names & NEEDED:
            message = f"{rule.path} silences {' and '.join(sorted(names)) or 'more than one alert by its name'}"
            yield Finding(alertmanager.name, message, _RENDER)


def _wakes(stack: Stack, alertmanager: Resource, first: Place) -> Iterator[Finding]:
    """Yield whose pages reach nobody whom they wake: who takes those alone that are a vertical's may be called anything."""
    for vertical in ("", *sorted(_verticals(stack))):
        receivers = list(_reached(first, {"severity": "page", "vertical": vertical}))
        woken = [name for name in receivers if name == "page" or (vertical and name not in _WAKE_NOBODY)]
        if not woken:
            whose = f"of {vertical}" if vertical else "of no vertical"
            message = f"pages {whose} go to {' and '.join(sorted(set(receivers)))}: nobody is woken"
            yield Finding(alertmanager.name, message, _RENDER)


def _reached(route: Place, labels: Mapping[str, str]) -> Iterator[str]:
    """Yield the receivers of an alert, as Alertmanager walks: into the first route that fits, and on where that says so."""
    found = False
    for inner in route.listed("routes"):
        if all(_fits(matcher, labels) for matcher in inner["matchers"].items()):
            found = True
            yield from _reached(inner, labels)
            goes_on = inner.get("continue")
            if goes_on is None or goes_on.value is not True:
                return
    if not found:
        yield route["receiver"].text()


def _fits(matcher: Place, labels: Mapping[str, str]) -> bool:
    match = _MATCHER.fullmatch(matcher.text())
    return match is not None and labels[match[1]] in (match[3].split("|") if match[2] == "=~" else [match[3]])


def _verticals(stack: Stack) -> set[str]:
    return {annotation(one, "vertical").text() for one in of_kind(stack, *LIVE_KINDS, "queue")}


def _matches(stack: Stack, alertmanager: Resource, route: Place) -> Iterator[Finding]:
    """Yield where a route is for alerts that there are not, and those that it was for go to another."""
    verticals = _verticals(stack)
    for matcher in route.listed("matchers"):
        match = _MATCHER.fullmatch(matcher.text())
        if match is None or not set(match[3].split("|")) <= (_SEVERITIES if match[1] == "severity" else verticals):
            yield Finding(alertmanager.name, f"{route.path} is for {matcher.text()}, which no alert has", _RENDER)


def _url_files(receiver: Place) -> list[str]:
    return [one["url_file"].text() for one in receiver.listed("webhook_configs")]


def _routes(route: Place) -> Iterator[Place]:
    """Yield a route and those below it; of these each is for some alerts."""
    yield route
    for inner in route.listed("routes"):
        inner["matchers"][0].text()
        yield from _routes(inner)


def _of_prometheus(stack: Stack) -> Place:
    return _config(stack, _watcher(stack, "prometheus"), "prometheus.yaml")


def _config(stack: Stack, workload: Resource, file: str) -> Place:
    """Return a configuration in YAML as values."""
    text = configuration(stack, workload, file)
    try:
        document: Any = yaml.safe_load(text.text())
    except yaml.YAMLError:
        document = None
    if not isinstance(document, dict):
        raise WrongField(text.resource.name, text.path, "a configuration in YAML")
    return Place(text.resource, text.path, document)


def _folder(stack: Stack, workload: Resource, container: str, file: str) -> str:
    """Return where a container finds the ConfigMap that has a file."""
    held = identity(configuration(stack, workload, file).resource).name
    volumes = {
        volume["name"].text()
        for volume in pod_of(workload).listed("volumes")
        if (named := volume.get("configMap")) is not None and named["name"].text() == held
    }
    found = [
        mount["mountPath"].text()
        for mount in container_of(workload, container).listed("volumeMounts")
        if mount["name"].text() in volumes and mount.get("subPath") is None
    ]
    if len(found) != 1:
        raise Unreadable(workload.name, f"{container} mounts the ConfigMap {held} {len(found)} times", _RENDER)
    return found[0]


def _seconds(place: Place) -> float:
    match = re.fullmatch(r"(\d{1,9})(ms|s|m|h|d)", place.text())
    if match is None:
        raise WrongField(place.resource.name, place.path, "a time such as 15s")
    return int(match[1]) * {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400}[match[2]]


RULES = (
    Rule(
        name="autoscalers-see-sessions",
        condition="Where the stack is watched, Prometheus finds every live pod, knows its namespace, name and vertical, and asks "
        "it at least once within the scaling lag; the adapter may read, is asked by the API server and tells who asks; the "
        "autoscalers' controller may ask.",
        why="An autoscaler that sees no session adds no pod, whatever its maximum is.",
        reads="`prometheus.yaml`, labels and ports of pods; roles and bindings of the accounts of Prometheus, of the adapter and "
        "of the autoscalers' controller; the APIService custom.metrics.k8s.io; the claim `lagSeconds`.",
        remedy="Deploy what the program renders, whole.",
        check=_autoscalers_see_sessions,
    ),
    Rule(
        name="operators-are-told",
        condition="Where the stack is watched, Prometheus reads every pod that has figures and the edge, has its alerts and "
        "looks for them at least once within the scaling lag; it sends them to Alertmanager, which passes each on to a receiver "
        "with a URL, what wakes people to one that does, and silences none that must be there.",
        why="An alert that reaches nobody is none.",
        reads="`prometheus.yaml` and `alertmanager.yaml`, arguments and mounts of both; labels and ports of pods; custom "
        "domains.",
        remedy="Deploy what the program renders, whole.",
        check=_operators_are_told,
    ),
)
