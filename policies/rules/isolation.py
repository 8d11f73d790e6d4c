"""phi-apart: what keeps data keeps it for one vertical with health data, or for those without."""

from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field as data_field

from policies.evidence import Context
from policies.rule import Finding, Rule, each
from policies.stack import Place, Resource, Stack, Unreadable, field, optional, optional_annotation
from policies.workload_types import POD_SPECS

_NAMESPACE = "kubernetes:core/v1:Namespace"
_CLAIM = "kubernetes:core/v1:PersistentVolumeClaim"
_SERVERS = "kubernetes:apps/v1:StatefulSet"
_CLASS = "kubernetes:storage.k8s.io/v1:StorageClass"
_POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
_WATCH = "watch"
"""The kind of what keeps metrics: they name no caller."""
_APART = "give the vertical with health data a namespace, servers and volumes of its own"


@dataclass(frozen=True)
class _Space:
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


def _phi_apart(stack: Stack, _context: Context) -> Iterator[Finding]:
    spaces = {space.name: space for space in map(_space, stack.of_type(_NAMESPACE))}
    owners: dict[str | None, str] = {space.vertical: space.owner for space in spaces.values() if space.vertical is not None}
    workloads = [resource for resource in stack.resources if resource.type in POD_SPECS]
    for policy in stack.of_type(_POLICY):
        if (space := spaces.get(field(policy, "metadata.namespace").text())) is not None:
            space.policies.append(policy)
    yield from each(workloads, lambda workload: workload.name, lambda workload: _stands_apart(workload, spaces, owners))
    yield from _volumes_apart(stack, spaces)
    keeping = {place: _ports(servers) for place, servers in _keeping(stack, spaces)}
    yield from each(spaces.values(), lambda space: space.name, lambda space: _reached_apart(space, spaces, keeping))


def _space(resource: Resource) -> _Space:
    labels = optional(resource, "metadata.labels")
    name = field(resource, "metadata.name").text()
    given = {} if labels is None else {key: labels[key].text() for key in labels.value}
    return _Space(name, {"kubernetes.io/metadata.name": name} | given)


def _stands_apart(workload: Resource, spaces: dict[str, _Space], owners: dict[str | None, str]) -> Iterator[Finding]:
    """A vertical's pods stand where its data may be handled, and no other vertical's do."""
    vertical = optional_annotation(workload, "vertical")
    space = spaces.get(field(workload, "metadata.namespace").text())
    if vertical is None or space is None:
        return
    owner = owners.get(vertical.text(), "")
    if owner != space.owner:
        message = f"{vertical.text()} runs in namespace {space.name}, which is for {space.handles}"
        yield Finding(workload.name, message, "run it in a namespace of its own")


def _volumes_apart(stack: Stack, spaces: dict[str, _Space]) -> Iterator[Finding]:
    """Volumes with health data are of a class, and the class encrypts with a key, that no other data uses."""
    keys = {field(each_class, "metadata.name").text(): _key(each_class) for each_class in stack.of_type(_CLASS)}
    first: dict[str, tuple[str, str]] = {}
    for resource, claim in _claims(stack):
        space = spaces.get(field(resource, "metadata.namespace").text())
        owner = "" if space is None else space.owner
        named = claim.get("storageClassName")
        if named is None:
            if owner:
                yield Finding(resource.name, f"its volume for {owner} names no class, so the cluster's own is taken", _APART)
            continue
        name = named.text()
        key = keys.get(name)
        if owner and key is None:
            message = f"volumes of class {name} hold the health data of {owner}, and the stack gives the class no key"
            yield Finding(resource.name, message, "declare the class with a key of the vertical's own")
        shared = [f"class {name}", *([] if key is None else [f"key {key}"])]
        others = [first.setdefault(one, (resource.name, owner)) for one in shared]
        for one, (other, whose) in zip(shared, others, strict=True):
            if whose != owner:
                message = f"its volume and that of {other} share the {one}; one is for the health data of {owner or whose}"
                yield Finding(resource.name, message, _APART)
                break


def _key(storage_class: Resource) -> str | None:
    """Return what a class names as its key: drivers have words of their own for it."""
    parameters = optional(storage_class, "parameters")
    names = [] if parameters is None else sorted(name for name in parameters.value if "key" in name.lower())
    return parameters[names[0]].text() if parameters is not None and names else None


def _claims(stack: Stack) -> Iterator[tuple[Resource, Place]]:
    for claim in stack.of_type(_CLAIM):
        yield claim, field(claim, "spec")
    for servers in stack.of_type(_SERVERS):
        templates = optional(servers, "spec.volumeClaimTemplates")
        for template in [] if templates is None else templates.items():
            yield servers, template["spec"]


def _keeping(stack: Stack, spaces: dict[str, _Space]) -> Iterator[tuple[str, list[Resource]]]:
    """Yield the namespaces with servers that keep data, and the servers."""
    found: dict[str, list[Resource]] = {}
    for servers, _ in _claims(stack):
        kind = optional_annotation(servers, "kind")
        place = field(servers, "metadata.namespace").text()
        if servers.type == _SERVERS and place in spaces and (kind is None or kind.text() != _WATCH):
            found.setdefault(place, []).append(servers)
    yield from found.items()


def _ports(servers: list[Resource]) -> frozenset[int]:
    ports: set[int] = set()
    for one in servers:
        for container in field(one, "spec.template.spec.containers").items():
            listed = container.get("ports")
            ports |= {port["containerPort"].count() for port in ([] if listed is None else listed.items())}
    return frozenset(ports)


def _reached_apart(space: _Space, spaces: dict[str, _Space], keeping: dict[str, frozenset[int]]) -> Iterator[Finding]:
    """Who keeps health data is reached by its vertical alone, and the vertical reaches no other data."""
    if space.owner and not any(_denies_all(policy) for policy in space.policies):
        yield Finding(space.name, f"namespace {space.name} handles health data and denies no traffic by default", "deny it")
    if not (space.owner or space.vertical is not None or space.name in keeping):
        return  # it neither has data nor keeps any: what carries calls, and what reads figures
    strangers = [other for other in spaces.values() if other.owner != space.owner]
    for policy in space.policies:
        for other in strangers:
            if (other.vertical is not None or other.name in keeping) and (space.owner or space.name in keeping):
                yield from _lets_in(policy, space, other)
            if other.name in keeping:
                yield from _lets_out(policy, space, other, keeping[other.name])


def _lets_in(policy: Resource, space: _Space, other: _Space) -> Iterator[Finding]:
    if any(_speaks_of(rule, "from", other) for rule in _rules(policy, "ingress")):
        whose = f"{space.name} is for {space.handles}"
        yield Finding(policy.name, f"lets namespace {other.name} in, which is for {other.handles}; {whose}", _APART)


def _lets_out(policy: Resource, space: _Space, other: _Space, ports: frozenset[int]) -> Iterator[Finding]:
    if any(_speaks_of(rule, "to", other) and _on_some(rule, ports) for rule in _rules(policy, "egress")):
        message = f"lets {space.name} reach the data in namespace {other.name}, which is for {other.handles}"
        yield Finding(policy.name, message, _APART)


def _denies_all(policy: Resource) -> bool:
    spec = field(policy, "spec")
    kinds = {kind.text() for kind in spec["policyTypes"].items()}
    return not spec["podSelector"].value and kinds == {"Ingress", "Egress"}


def _rules(policy: Resource, direction: str) -> list[Place]:
    rules = field(policy, "spec").get(direction)
    return [] if rules is None else rules.items()


def _on_some(rule: Place, ports: frozenset[int]) -> bool:
    """Return whether a rule speaks of some of these ports; a port by name may be any."""
    listed = rule.get("ports")
    if listed is None or not listed.value:
        return True
    return any(_is_on(port, ports) for port in listed.items())


def _is_on(port: Place, ports: frozenset[int]) -> bool:
    first, last = port.get("port"), port.get("endPort")
    if first is None or isinstance(first.value, str):
        return True
    end = first if last is None else last
    return any(first.count() <= number <= end.count() for number in ports)


def _speaks_of(rule: Place, direction: str, space: _Space) -> bool:
    """Return whether a rule speaks of some pod of a namespace; one that names nobody speaks of everybody."""
    chosen = rule.get(direction)
    return chosen is None or not chosen.value or any(_chooses(peer, space) for peer in chosen.items())


def _chooses(peer: Place, space: _Space) -> bool:
    selector = peer.get("namespaceSelector")
    if selector is None:
        if peer.get("ipBlock") is not None:
            return False  # addresses outside of the cluster, by what NetworkPolicies promise of them
        return field(peer.resource, "metadata.namespace").text() == space.name
    wanted = selector.get("matchLabels")
    if wanted is not None and any(space.labels.get(key) != wanted[key].text() for key in wanted.value):
        return False
    expressions = selector.get("matchExpressions")
    return all(_holds(expression, space) for expression in ([] if expressions is None else expressions.items()))


def _holds(expression: Place, space: _Space) -> bool:
    key, operator = expression["key"].text(), expression["operator"].text()
    if operator in ("Exists", "DoesNotExist"):
        return (key in space.labels) == (operator == "Exists")
    values = {value.text() for value in expression["values"].items()}
    if operator in ("In", "NotIn"):
        return (space.labels.get(key) in values) == (operator == "In")
    raise Unreadable(expression.resource.name, f"{expression.path} has the operator {operator}", "use one that Kubernetes knows")


RULES = (
    Rule(
        name="phi-apart",
        condition="A vertical with health data has a namespace, servers that keep data, classes of volumes and their keys of "
        "its own, "
        "and its namespace denies all traffic by default.",
        why="Health data that lies beside other data is shown by every fault of what the two share.",
        reads="labels `headroom.dev/phi` and `headroom.dev/vertical` of namespaces; PersistentVolumeClaims, StorageClasses, "
        "NetworkPolicies; the ports of servers that keep data.",
        remedy="A namespace, servers and volumes of its own.",
        check=_phi_apart,
    ),
)
