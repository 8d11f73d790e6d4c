"""Rules on the way of a call: whoever is called by name is there, on that port, and nothing stands between."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from policies import documents
from policies.documents import WrongDocument
from policies.evidence import Context
from policies.fleet import LIVE_KINDS
from policies.rule import Finding, Rule, each
from policies.stack import (
    Identity,
    Place,
    Resource,
    Stack,
    Unreadable,
    field,
    find_object,
    identity,
    optional,
    optional_annotation,
)
from policies.traffic import Space, on_some, rules_of, spaces_of, speaks_of, texts_of
from policies.workload_types import POD_SPECS
from policies.workloads import CONFIG_MAP, of_kind, pod_of

_SERVICE = "kubernetes:core/v1:Service"
_ACCOUNT = "kubernetes:core/v1:ServiceAccount"
_ROUTES = "cloudflare:index/zeroTrustTunnelCloudflaredConfig:ZeroTrustTunnelCloudflaredConfig"
_RECORD = "cloudflare:index/dnsRecord:DnsRecord"
_SCRIPT = "cloudflare:index/workersScript:WorkersScript"
_CALLED = re.compile(r"\b(?:[a-z0-9-]+\.)?([a-z0-9-]+)\.([a-z0-9-]+)\.svc\b(?:\.cluster\.local)?(?::(\d{1,5}))?")
_DNS = 53
_BEYOND = {"tunnel": 7844, "prescale": 6443} | dict.fromkeys(LIVE_KINDS, 443)
"""What kinds of workload must reach outside of the cluster's pods: Cloudflare, the API server, the model's provider."""
_READ = ("probes", "metrics")
"""Ports that Prometheus reads: also the sessions that the autoscaler counts."""
_RENDER = "deploy what the program renders"


def _calls_find_their_way(stack: Stack, _context: Context) -> Iterator[Finding]:
    yield from each(_speakers(stack), lambda found: found[0].name, lambda found: _is_answered(stack, *found))
    yield from each(stack.of_type(_SERVICE), lambda service: service.name, lambda service: _leads_somewhere(stack, service))
    workloads = [resource for resource in stack.resources if resource.type in POD_SPECS]
    yield from each(workloads, lambda workload: workload.name, lambda workload: _reaches_beyond(stack, workload))
    yield from each(workloads, lambda workload: workload.name, lambda workload: _is_read(stack, workload))
    yield from each(stack.of_type(_SCRIPT), lambda script: script.name, lambda script: _has_origins(stack, script))


def _speakers(stack: Stack) -> Iterator[tuple[Resource, Any, str]]:
    """Yield everything that names a Service: the resource, its text, and the namespace that it speaks from."""
    for resource in stack.resources:
        if resource.type in POD_SPECS:
            yield resource, pod_of(resource).value, field(resource, "metadata.namespace").text()
    for config_map in stack.of_type(CONFIG_MAP):
        if config_map.props.get("data") is not None:
            yield config_map, field(config_map, "data").value, field(config_map, "metadata.namespace").text()
    for tunnel in of_kind(stack, "tunnel"):
        for routes in stack.of_type(_ROUTES):
            yield routes, field(routes, "config").value, identity(tunnel).namespace


def _is_answered(stack: Stack, speaker: Resource, text: Any, namespace: str) -> Iterator[Finding]:
    spaces = spaces_of(stack)
    texts = [one for one in texts_of(text) if ".svc" in one]
    for name, place, port in sorted({match.groups(default="") for one in texts for match in _CALLED.finditer(one)}):
        if place in ("default", "kube-system"):
            continue
        service = find_object(stack, _SERVICE, Identity(place, name))
        if service is None:
            yield Finding(speaker.name, f"it calls {name}.{place}.svc, and the stack has no such Service", _RENDER)
            continue
        offered = _offered(service) | _own_ports(stack, service)
        if port and int(port) not in offered:
            yield Finding(speaker.name, f"it calls port {port} of {place}/{name}, which the Service does not have", _RENDER)
            continue
        ports = [offered[int(port)]] if port else list(offered.values())
        numbers = frozenset(number for target in ports for number in _numbers(stack, service, target))
        caller, called = spaces.get(namespace), spaces.get(place)
        if caller is not None and called is not None:
            yield from _may_pass(speaker, caller, called, numbers)


def _offered(service: Resource) -> dict[int, Any]:
    """Return the ports of a Service, each with the port of its pods, by name or number."""
    found: dict[int, Any] = {}
    for port in field(service, "spec.ports").items():
        target = port.get("targetPort")
        found[port["port"].count(at_least=1)] = port["port"].value if target is None else target.value
    return found


def _own_ports(stack: Stack, service: Resource) -> dict[int, Any]:
    """Return the ports of a headless Service's pods: they are called by their own names, on any port."""
    address = field(service, "spec").get("clusterIP")
    if address is None or address.value != "None":
        return {}
    return {number: number for workload in _behind(stack, service) for _, number in _listening(workload)}


def _behind(stack: Stack, service: Resource) -> list[Resource]:
    """Return the workloads whose pods a Service leads to."""
    wanted = field(service, "spec")["selector"]
    labels = {key: wanted[key].text() for key in wanted.value}
    standing = stack.once(_pods).get(identity(service).namespace, ())
    return [workload for workload, carried in standing if labels and labels.items() <= carried.items()]


def _pods(stack: Stack) -> Mapping[str, list[tuple[Resource, Mapping[str, Any]]]]:
    """Return the workloads of each namespace, with the labels of their pods."""
    found: dict[str, list[tuple[Resource, Mapping[str, Any]]]] = {}
    for workload in stack.of_type(*POD_SPECS):
        found.setdefault(field(workload, "metadata.namespace").text(), []).append((workload, _labels(workload)))
    return found


def _labels(workload: Resource) -> Mapping[str, Any]:
    labels = optional(workload, POD_SPECS[workload.type].removesuffix("spec") + "metadata.labels")
    return {} if labels is None else {key: labels[key].text() for key in labels.value}


def _listening(workload: Resource) -> Iterator[tuple[str, int]]:
    for container in pod_of(workload)["containers"].items():
        for port in container.listed("ports"):
            name = port.get("name")
            yield ("" if name is None else name.text()), port["containerPort"].count(at_least=1)


def _numbers(stack: Stack, service: Resource, target: Any) -> Iterator[int]:
    for workload in _behind(stack, service):
        yield from (number for name, number in _listening(workload) if target in (name, number))


def _leads_somewhere(stack: Stack, service: Resource) -> Iterator[Finding]:
    if field(service, "spec").get("selector") is None:
        return
    if not _behind(stack, service):
        yield Finding(service.name, "its selector fits the pods of no workload", "select the pods that answer")
        return
    for port, target in _offered(service).items():
        if not any(_numbers(stack, service, target)):
            yield Finding(service.name, f"its port {port} leads to {target}, where no container listens", _RENDER)


def _may_pass(speaker: Resource, caller: Space, called: Space, ports: frozenset[int]) -> Iterator[Finding]:
    where = f"{called.name}, port {' or '.join(map(str, sorted(ports)))}"
    if not _allows(caller, "egress", called, ports):
        yield Finding(speaker.name, f"no NetworkPolicy lets {caller.name} out to {where}", _RENDER)
    if not _allows(called, "ingress", caller, ports):
        yield Finding(speaker.name, f"no NetworkPolicy lets {caller.name} in to {where}", _RENDER)


def _allows(space: Space, direction: str, other: Space, ports: frozenset[int], labels: Mapping[str, Any] | None = None) -> bool:
    """Return whether policies let pods of a namespace speak with another's; one for some pods counts for pods with its labels."""
    end = "to" if direction == "egress" else "from"
    closed = False
    for policy in space.policies:
        if direction.capitalize() not in {kind.text() for kind in field(policy, "spec.policyTypes").items()}:
            continue
        if not _chosen(policy, labels):
            continue
        closed = True
        if any(speaks_of(rule, end, other) and on_some(rule, ports) for rule in rules_of(policy, direction)):
            return True
    return not closed


def _chosen(policy: Resource, labels: Mapping[str, Any] | None) -> bool:
    selector = field(policy, "spec")["podSelector"]
    if not selector.value:
        return True
    wanted = selector["matchLabels"]
    return labels is not None and all(labels.get(key) == wanted[key].text() for key in wanted.value)


def _reaches_beyond(stack: Stack, workload: Resource) -> Iterator[Finding]:
    kind = optional_annotation(workload, "kind")
    space = spaces_of(stack).get(field(workload, "metadata.namespace").text())
    if space is None or kind is None or pod_of(workload).get("hostNetwork") is not None:
        return
    beyond = Space("the world", {})
    names = Space("kube-system", {"kubernetes.io/metadata.name": "kube-system"})
    port = _BEYOND.get(kind.text())
    if port is not None and not _allows(space, "egress", beyond, frozenset({port}), _labels(workload)):
        yield Finding(workload.name, f"no NetworkPolicy lets it out to port {port}, beyond the cluster", _RENDER)
    if kind.text() in _BEYOND and kind.text() != "prescale" and not _allows(space, "egress", names, frozenset({_DNS})):
        yield Finding(workload.name, f"no NetworkPolicy lets {space.name} ask for names: kube-system, port {_DNS}", _RENDER)


def _is_read(stack: Stack, workload: Resource) -> Iterator[Finding]:
    """Yield where Prometheus cannot read a workload's figures."""
    spaces = spaces_of(stack)
    reader = spaces.get(stack.once(_reader))
    space = spaces.get(field(workload, "metadata.namespace").text())
    ports = frozenset(number for name, number in _listening(workload) if name in _READ)
    if reader is not None and space is not None and ports and pod_of(workload).get("hostNetwork") is None:
        yield from _may_pass(workload, reader, space, ports)


def _reader(stack: Stack) -> str:
    """Return the namespace from which Prometheus reads."""
    for workload in of_kind(stack, "watch"):
        if any(container["name"].text() == "prometheus" for container in pod_of(workload)["containers"].items()):
            return identity(workload).namespace
    return ""


def _has_origins(stack: Stack, script: Resource) -> Iterator[Finding]:
    """Yield the hosts that a script of the edge sends calls to and that no tunnel, or no name, leads to."""
    named = {field(record, "name").text() for record in stack.of_type(_RECORD) if field(record, "proxied").value is True}
    routed = {
        route["hostname"].text()
        for routes in stack.of_type(_ROUTES)
        for route in field(routes, "config.ingresses").items()
        if route.get("hostname") is not None
    }
    for binding in field(script, "bindings").items():
        if binding["name"].text() == "SETTINGS":
            for what, host in _upstreams(binding["json"]):
                if host not in named:
                    yield Finding(script.name, f"it sends {what} to {host}, of which the stack has no proxied name", _RENDER)
                elif host not in routed:
                    yield Finding(script.name, f"it sends {what} to {host}, which no tunnel takes", _RENDER)


def _upstreams(settings: Place) -> Iterator[tuple[str, str]]:
    try:
        document = documents.mapping(documents.parse(settings.text()), "it")
        verticals = documents.mapping(document.get("verticals", {}), "verticals")
        # Calls of the others go to the model's vendor.
        tunnelled = {name: one for name, each in verticals.items() if "realtime" not in (one := documents.mapping(each, name))}
        found = [(f"calls of {name}", one.get("upstream")) for name, one in tunnelled.items()]
        callbacks = documents.mapping(document.get("callbacks", {}), "callbacks")
        found += [(f"callbacks of {name}", one) for name, one in documents.mapping(callbacks.get("upstreams", {}), "it").items()]
        for what, upstream in found:
            yield what, urlsplit(documents.text(upstream, f"the upstream of {what}")).hostname or ""
    except WrongDocument as error:
        raise Unreadable(settings.resource.name, f"{settings.path}: {error}", _RENDER) from None


def _references_resolve(stack: Stack, _context: Context) -> Iterator[Finding]:
    yield from _declared_once(stack)
    workloads = [resource for resource in stack.resources if resource.type in POD_SPECS]
    yield from each(workloads, lambda workload: workload.name, lambda workload: _has_what_it_names(stack, workload))


def _declared_once(stack: Stack) -> Iterator[Finding]:
    seen: Counter[tuple[str, str, str]] = Counter()
    for resource in stack.resources:
        metadata = resource.props.get("metadata")
        if resource.type.startswith("kubernetes:") and isinstance(metadata, Mapping):
            key = (resource.type, str(metadata.get("namespace")), str(metadata.get("name")))
            seen[key] += 1
            if seen[key] == 2:  # noqa: PLR2004  # the second is one too many
                yield Finding(resource.name, "another resource of the stack declares the same object", "declare it once")


def _has_what_it_names(stack: Stack, workload: Resource) -> Iterator[Finding]:
    namespace, pod = field(workload, "metadata.namespace").text(), pod_of(workload)
    account = pod.get("serviceAccountName")
    if account is not None and find_object(stack, _ACCOUNT, Identity(namespace, account.text())) is None:
        yield Finding(workload.name, f"its ServiceAccount {account.text()} is not in the stack: no pod starts", "declare it")
    for volume in pod.listed("volumes"):
        named = volume.get("configMap")
        if named is not None and find_object(stack, CONFIG_MAP, Identity(namespace, named["name"].text())) is None:
            message = f"the ConfigMap {named['name'].text()} of its volume is not in the stack: no pod starts"
            yield Finding(workload.name, message, "declare it")


RULES = (
    Rule(
        name="calls-find-their-way",
        condition="Every Service that a part of the stack calls is there, on that port, leads to pods that listen, and "
        "NetworkPolicies let the call out and in; the tunnel, the pre-scale jobs and live pods reach what is beyond the cluster; "
        "the edge's origins have a name and a tunnel; Prometheus reads every pod that has figures.",
        why="Pods that nobody reaches hold no session, however many of them stand.",
        reads="names of the form service.namespace.svc:port in pods, ConfigMaps and the tunnel's routes; Services, labels and "
        "ports of pods, NetworkPolicies; the upstreams in SETTINGS of the edge's scripts, DNS records.",
        remedy="Deploy what the program renders, whole.",
        check=_calls_find_their_way,
    ),
    Rule(
        name="references-resolve",
        condition="No object is declared twice; the ServiceAccounts and ConfigMaps that pods name are in the stack.",
        why="A pod that names something that is not there never starts, and the autoscaler counts on it.",
        reads="names and namespaces of all objects; serviceAccountName and volumes of all workloads.",
        remedy="Declare what is named, once.",
        check=_references_resolve,
    ),
)
