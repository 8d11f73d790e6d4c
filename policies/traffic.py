"""Who may speak with whom: namespaces, and what NetworkPolicies say of them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from dataclasses import field as data_field

from policies.fleet import LIVE_KINDS
from policies.services import SERVICE, listened_on, listening, on_its_machine, ports_of, standing
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
from policies.workloads import watchers

NAMESPACE = "kubernetes:core/v1:Namespace"
POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
API_SERVICE = "kubernetes:apiregistration.k8s.io/v1:APIService"
END = {"ingress": "from", "egress": "to"}
"""Where a rule names the other end."""

Way = tuple[str, int]
"""A protocol and a port."""

ASKED: frozenset[Way] = frozenset({("UDP", 53), ("TCP", 53)})
"""Where names are asked for: what does not fit a packet is asked for again by TCP."""
_TLS: Way = ("TCP", 443)
_API_SERVER: Way = ("TCP", 6443)
_BEYOND: Mapping[str, frozenset[Way]] = {
    # By QUIC, and by HTTP/2 where that does not pass.
    "tunnel": frozenset({("UDP", 7844), ("TCP", 7844)}),
    "prescale": frozenset({_API_SERVER}),
    # The API server, kubelets, and whom they tell.
    "watch": frozenset({_TLS, _API_SERVER, ("TCP", 10250)}),
    **dict.fromkeys((*LIVE_KINDS, "queue", "tools"), frozenset({_TLS})),
}
"""What pods of a kind ask beyond the cluster's pods: Cloudflare, the API server, machines, whoever answers with TLS."""
_READ = ("probes", "metrics")
"""Ports that Prometheus reads: also the sessions that the autoscaler counts."""


@dataclass(frozen=True)
class Space:
    """A namespace of the stack."""

    name: str
    labels: dict[str, str]
    policies: list[Resource] = data_field(default_factory=list)

    @property
    def owner(self) -> str:
        """The vertical whose health data its workloads handle, or nothing."""
        return self.labels.get("headroom.dev/phi", "")

    @property
    def vertical(self) -> str | None:
        """The vertical whose calls its workloads take."""
        return self.labels.get("headroom.dev/vertical")

    @property
    def handles(self) -> str:
        """What they handle, in words."""
        return f"the health data of {self.owner}" if self.owner else "no health data"


def outside(name: str) -> Space:
    """Return a namespace that is not the stack's."""
    return Space(name, {"kubernetes.io/metadata.name": name})


NAMES = outside("kube-system")
"""Who knows the names of the cluster."""
WORLD = Space("the world", {})
"""Whoever is no pod: the cluster's machines, and all beyond them."""
KEDA = outside("keda")
"""What scales by ScaledObjects; it stands where its chart puts it."""


def spaces_of(stack: Stack) -> Mapping[str, Space]:
    """Return the namespaces of a stack by their names, each with its NetworkPolicies."""
    return stack.once(_spaces)


def _spaces(stack: Stack) -> dict[str, Space]:
    return {space.name: space for space in (_space(stack, resource) for resource in stack.of_type(NAMESPACE))}


def policies_in(stack: Stack, place: str) -> list[Resource]:
    """Return the NetworkPolicies of a namespace."""
    return stack.once(_policies).get(place, [])


def _policies(stack: Stack) -> dict[str, list[Resource]]:
    found: dict[str, list[Resource]] = {}
    for policy in stack.of_type(POLICY):
        found.setdefault(field(policy, "metadata.namespace").text(), []).append(policy)
    return found


def _space(stack: Stack, resource: Resource) -> Space:
    labels = optional(resource, "metadata.labels")
    name = field(resource, "metadata.name").text()
    given = {} if labels is None else labels.texts()
    return Space(name, {"kubernetes.io/metadata.name": name} | given, policies_in(stack, name))


def denies_all(policy: Resource) -> bool:
    """Return whether a policy is the one that denies all traffic that no other allows: it lets nobody in or out itself."""
    selected = field(policy, "spec")["podSelector"].value
    opened = [rule for direction in END for rule in rules_of(policy, direction)]
    return not selected and not opened and directions_of(policy) == {"Ingress", "Egress"}


def directions_of(policy: Resource) -> set[str]:
    """Return the directions of which a policy speaks, `Ingress` and `Egress`; in those it denies what no policy allows."""
    return {kind.text() for kind in field(policy, "spec.policyTypes").items()}


def selects(policy: Resource, labels: Mapping[str, str] | None) -> bool:
    """Return whether a policy is for pods with these labels; without labels, whether it is for all pods of its namespace."""
    selector = field(policy, "spec")["podSelector"]
    if not selector.value:
        return True
    wanted = selector["matchLabels"]
    return labels is not None and all(labels.get(key) == wanted[key].text() for key in wanted.names())


def rules_of(policy: Resource, direction: str) -> list[Place]:
    """Return the rules of a policy, of `ingress` or `egress`."""
    return field(policy, "spec").listed(direction)


def on_some(rule: Place, ports: frozenset[int], protocol: str = "TCP") -> bool:
    """Return whether a rule speaks of some of these ports; a port by name may be any."""
    listed = rule.get("ports")
    if listed is None or not listed.value:
        return True
    return any(protocol_of(port) == protocol and _is_on(port, ports) for port in listed.items())


def protocol_of(port: Place) -> str:
    """Return the protocol of a policy's port."""
    protocol = port.get("protocol")
    return "TCP" if protocol is None else protocol.text()


def _is_on(port: Place, ports: frozenset[int]) -> bool:
    first, last = port.get("port"), port.get("endPort")
    if first is None or isinstance(first.value, str):
        return True
    end = first if last is None else last
    return any(first.count() <= number <= end.count() for number in ports)


def speaks_of(rule: Place, direction: str, space: Space) -> bool:
    """Return whether a rule speaks of some pod of a namespace; one that names nobody speaks of everybody."""
    chosen = rule.get(direction)
    return chosen is None or not chosen.value or any(chooses(peer, space) for peer in chosen.items())


def chooses(peer: Place, space: Space) -> bool:
    """Return whether a peer is some pod of a namespace."""
    selector = peer.get("namespaceSelector")
    if selector is None:
        if peer.get("ipBlock") is not None:
            return False  # addresses outside of the cluster, by what NetworkPolicies promise of them
        return field(peer.resource, "metadata.namespace").text() == space.name
    wanted = selector.get("matchLabels")
    if wanted is not None and any(space.labels.get(key) != wanted[key].text() for key in wanted.names()):
        return False
    return all(_holds(expression, space) for expression in selector.listed("matchExpressions"))


def _holds(expression: Place, space: Space) -> bool:
    key, operator = expression["key"].text(), expression["operator"].text()
    if operator in ("Exists", "DoesNotExist"):
        return (key in space.labels) == (operator == "Exists")
    values = {value.text() for value in expression["values"].items()}
    if operator in ("In", "NotIn"):
        return (space.labels.get(key) in values) == (operator == "In")
    raise Unreadable(expression.resource.name, f"{expression.path} has the operator {operator}", "use one that Kubernetes knows")


def beyond(stack: Stack, workload: Resource) -> frozenset[Way]:
    """Return what a workload's pods ask beyond the cluster's pods."""
    kind = optional_annotation(workload, "kind")
    asked = _BEYOND.get("" if kind is None else kind.text(), frozenset[Way]())
    return asked | stack.once(_read_on_machines) if workload is stack.once(_prometheus) else asked


def _read_on_machines(stack: Stack) -> frozenset[Way]:
    """Return the ports that Prometheus reads of pods with their machine's address, which no selector chooses."""
    workloads = [workload for here in standing(stack).values() for workload, _ in here]
    return frozenset(("TCP", port) for workload in workloads if on_its_machine(workload) for port in read_ports(workload))


def read_ports(workload: Resource) -> list[int]:
    """Return the ports of a workload that Prometheus reads."""
    return [port.number for port in listening(workload) if port.name in _READ]


def reader_of(stack: Stack) -> str:
    """Return the namespace from which Prometheus reads, or nothing."""
    prometheus = stack.once(_prometheus)
    return "" if prometheus is None else identity(prometheus).namespace


def _prometheus(stack: Stack) -> Resource | None:
    return next(iter(watchers(stack, "prometheus")), None)


def asked_by_api_server(stack: Stack, registered: Resource) -> set[int]:
    """Return the ports of pods that answer a part of the API, which the API server asks from its machine's address."""
    named = field(registered, "spec.service")
    service = find_object(stack, SERVICE, Identity(named["namespace"].text(), named["name"].text()))
    port = named.get("port")
    target = None if service is None else ports_of(service).get(443 if port is None else port.count())
    if service is None or target is None:
        message = "the stack has no Service with that port, which answers for it"
        raise Unreadable(registered.name, message, "deploy what the program renders")
    return set(listened_on(stack, service, target))


def texts_of(value: object) -> Iterator[str]:
    """Yield every text within a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from texts_of(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts_of(inner)
