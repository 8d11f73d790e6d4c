"""Rules on the way of a call: whoever is called by name is there, on that port, and nothing stands between."""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from policies import documents
from policies.documents import WrongDocument
from policies.edge import SCRIPT
from policies.evidence import Context
from policies.known import unknown_of
from policies.known_objects import SERVICE as SAID_OF_SERVICE
from policies.placement import POOL
from policies.rule import Finding, Rule, each
from policies.scaled_object import SCALED_OBJECT
from policies.services import SERVICE, listened_on, on_its_machine, own_ports, pod_labels, pods_behind, ports_of, standing
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
)
from policies.traffic import (
    API_SERVICE,
    ASKED,
    END,
    KEDA,
    NAMES,
    WORLD,
    Space,
    asked_by_api_server,
    beyond,
    directions_of,
    on_some,
    read_ports,
    reader_of,
    rules_of,
    selects,
    spaces_of,
    speaks_of,
    texts_of,
)
from policies.workload_types import POD_SPECS
from policies.workloads import CONFIG_MAP, of_kind, pod_of

_ROUTES = "cloudflare:index/zeroTrustTunnelCloudflaredConfig:ZeroTrustTunnelCloudflaredConfig"
_NAMES = ("cloudflare:index/dnsRecord:DnsRecord", "cloudflare:index/loadBalancer:LoadBalancer")
"""What gives a host its name: of several tunnels, a load balancer."""
_CALLED = re.compile(r"\b(?:[a-z0-9-]+\.)?([a-z0-9-]+)\.([a-z0-9-]+)\.svc\b(?:\.cluster\.local)?(?::(\d{1,5}))?")
_RENDER = "deploy what the program renders"


def _calls_find_their_way(stack: Stack, _context: Context) -> Iterator[Finding]:
    yield from each(_speakers(stack), lambda found: found[0].name, lambda found: _is_answered(stack, *found))
    yield from each(stack.of_type(SERVICE), lambda service: service.name, lambda service: _leads_somewhere(stack, service))
    if any(stack.of_type(POOL)):  # those of others may lead elsewhere
        services = list(stack.of_type(SERVICE))
        yield from each(services, lambda service: service.name, lambda service: _leads_to_all_alike(stack, service))
    workloads = [resource for resource in stack.resources if resource.type in POD_SPECS]
    yield from each(workloads, lambda workload: workload.name, lambda workload: _reaches_beyond(stack, workload))
    yield from each(standing(stack), str, lambda place: _asks_for_names(stack, place))
    yield from each(workloads, lambda workload: workload.name, lambda workload: _is_read(stack, workload))
    yield from each(
        stack.of_type(API_SERVICE), lambda service: service.name, lambda service: _answers_the_cluster(stack, service)
    )
    yield from each(stack.of_type(SCRIPT), lambda script: script.name, lambda script: _has_origins(stack, script))


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
    for scaled in stack.of_type(SCALED_OBJECT):
        yield scaled, field(scaled, "spec.triggers").value, KEDA.name


def _is_answered(stack: Stack, speaker: Resource, text: Any, namespace: str) -> Iterator[Finding]:
    spaces = {KEDA.name: KEDA, **spaces_of(stack)}
    texts = [one for one in texts_of(text) if ".svc" in one]
    for name, place, port in sorted({match.groups(default="") for one in texts for match in _CALLED.finditer(one)}):
        if place in ("default", "kube-system") or (speaker.type == SCALED_OBJECT and place not in spaces):
            continue  # the cluster's own, and a Prometheus that is not the stack's
        service = find_object(stack, SERVICE, Identity(place, name))
        if service is None:
            yield Finding(speaker.name, f"it calls {name}.{place}.svc, and the stack has no such Service", _RENDER)
            continue
        offered = ports_of(service) | own_ports(stack, service)
        if port and int(port) not in offered:
            yield Finding(speaker.name, f"it calls port {port} of {place}/{name}, which the Service does not have", _RENDER)
            continue
        ports = [offered[int(port)]] if port else list(offered.values())
        numbers = frozenset(number for target in ports for number in listened_on(stack, service, target))
        caller, called = spaces.get(namespace), spaces.get(place)
        if caller is not None and called is not None:
            yield from _may_pass(speaker, caller, called, numbers)


def _leads_to_all_alike(stack: Stack, service: Resource) -> Iterator[Finding]:
    """Yield what makes a Service another way than the one that was judged: from all of the cluster to any pod that is ready."""
    yield from unknown_of(service, SAID_OF_SERVICE)
    spec = field(service, "spec")
    kind, address, early = (spec.get(name) for name in ("type", "clusterIP", "publishNotReadyAddresses"))
    if kind is not None and kind.value != "ClusterIP":
        yield Finding(service.name, f"it is a {kind.text()}: calls come by the tunnel alone", "set spec.type to ClusterIP")
    if address is not None and (address.value != "None" or not _of_servers_by_name(stack, service)):
        yield Finding(service.name, "it has no address of its own, or asks for one", "leave spec.clusterIP out")
    if early is not None and early.value is not False and not _of_servers_by_name(stack, service):
        message = "it leads to pods that are not ready: callers find no session there"
        yield Finding(service.name, message, "leave spec.publishNotReadyAddresses out")


def _of_servers_by_name(stack: Stack, service: Resource) -> bool:
    """Return whether servers find one another by a Service before they are ready, and nobody else comes by it."""
    name = identity(service).name
    behind = pods_behind(stack, service)
    return bool(behind) and all((named := optional(one, "spec.serviceName")) and named.value == name for one in behind)


def _leads_somewhere(stack: Stack, service: Resource) -> Iterator[Finding]:
    if field(service, "spec").get("selector") is None:
        return
    if not pods_behind(stack, service):
        yield Finding(service.name, "its selector fits the pods of no workload", "select the pods that answer")
        return
    for port, target in ports_of(service).items():
        if not any(listened_on(stack, service, target)):
            yield Finding(service.name, f"its port {port} leads to {target}, where no container listens", _RENDER)


def _may_pass(speaker: Resource, caller: Space, called: Space, ports: frozenset[int]) -> Iterator[Finding]:
    where = f"{called.name}, port {' or '.join(map(str, sorted(ports)))}"
    if not _allows(caller, "egress", called, ports):
        yield Finding(speaker.name, f"no NetworkPolicy lets {caller.name} out to {where}", _RENDER)
    if not _allows(called, "ingress", caller, ports):
        yield Finding(speaker.name, f"no NetworkPolicy lets {caller.name} in to {where}", _RENDER)


def _allows(  # noqa: PLR0917  # a way has this many sides
    space: Space,
    direction: str,
    other: Space,
    ports: frozenset[int],
    labels: Mapping[str, str] | None = None,
    protocol: str = "TCP",
) -> bool:
    """Return whether policies let pods of a namespace speak with another's; one for some pods counts for pods with its labels."""
    closed = False
    for policy in space.policies:
        if direction.capitalize() not in directions_of(policy) or not selects(policy, labels):
            continue
        closed = True
        if any(speaks_of(rule, END[direction], other) and on_some(rule, ports, protocol) for rule in rules_of(policy, direction)):
            return True
    return not closed


def _reaches_beyond(stack: Stack, workload: Resource) -> Iterator[Finding]:
    space = spaces_of(stack).get(field(workload, "metadata.namespace").text())
    if space is None or on_its_machine(workload):
        return
    for protocol, port in sorted(beyond(stack, workload)):
        if not _allows(space, "egress", WORLD, frozenset({port}), pod_labels(workload), protocol):
            yield Finding(workload.name, f"no NetworkPolicy lets it out to {protocol} port {port}, beyond the cluster", _RENDER)


def _asks_for_names(stack: Stack, place: str) -> Iterator[Finding]:
    space = spaces_of(stack).get(place)
    for protocol, port in sorted(ASKED):
        if space is not None and not _allows(space, "egress", NAMES, frozenset({port}), None, protocol):
            message = f"no NetworkPolicy lets {place} ask for names: {NAMES.name}, {protocol} port {port}"
            yield Finding(place, message, _RENDER)


def _is_read(stack: Stack, workload: Resource) -> Iterator[Finding]:
    """Yield where Prometheus cannot read a workload's figures."""
    spaces = spaces_of(stack)
    reader = spaces.get(reader_of(stack))
    space = spaces.get(field(workload, "metadata.namespace").text())
    if reader is not None and space is not None and not on_its_machine(workload):
        for port in read_ports(workload):
            yield from _may_pass(workload, reader, space, frozenset({port}))


def _answers_the_cluster(stack: Stack, service: Resource) -> Iterator[Finding]:
    """Yield where the API server cannot ask what answers a part of its API."""
    ports = asked_by_api_server(stack, service)
    space = spaces_of(stack).get(field(service, "spec.service.namespace").text())
    for port in ports:
        if space is not None and not _allows(space, "ingress", WORLD, frozenset({port})):
            yield Finding(service.name, f"no NetworkPolicy lets the API server in to {space.name}, port {port}", _RENDER)


def _has_origins(stack: Stack, script: Resource) -> Iterator[Finding]:
    """Yield the hosts that a script of the edge sends calls to and that no tunnel, or no name, leads to."""
    named = {field(record, "name").text() for record in stack.of_type(*_NAMES) if field(record, "proxied").value is True}
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


RULES = (
    Rule(
        name="calls-find-their-way",
        condition="Every Service that a part of the stack calls is there, on that port, leads to pods that listen, and "
        "NetworkPolicies let the call out and in; the tunnel, the pre-scale jobs and live pods reach what is beyond the cluster; "
        "the edge's origins have a name and a tunnel; Prometheus reads every pod that has figures. A Service of ours says "
        "nothing that the gate does not know.",
        why="Pods that nobody reaches hold no session, however many of them stand.",
        reads="names of the form service.namespace.svc:port in pods, ConfigMaps and the tunnel's routes; Services, labels and "
        "ports of pods, NetworkPolicies; the upstreams in SETTINGS of the edge's scripts, DNS records.",
        remedy="Deploy what the program renders, whole.",
        check=_calls_find_their_way,
    ),
)
