"""Who may speak with whom: namespaces, and what NetworkPolicies say of them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from dataclasses import field as data_field

from policies.stack import Place, Resource, Stack, Unreadable, field, optional

NAMESPACE = "kubernetes:core/v1:Namespace"
POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"


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


def spaces_of(stack: Stack) -> Mapping[str, Space]:
    """Return the namespaces of a stack by their names, each with its NetworkPolicies."""
    return stack.once(_spaces)


def _spaces(stack: Stack) -> dict[str, Space]:
    spaces = {space.name: space for space in map(_space, stack.of_type(NAMESPACE))}
    for policy in stack.of_type(POLICY):
        if (space := spaces.get(field(policy, "metadata.namespace").text())) is not None:
            space.policies.append(policy)
    return spaces


def _space(resource: Resource) -> Space:
    labels = optional(resource, "metadata.labels")
    name = field(resource, "metadata.name").text()
    given = {} if labels is None else {key: labels[key].text() for key in labels.value}
    return Space(name, {"kubernetes.io/metadata.name": name} | given)


def denies_all(policy: Resource) -> bool:
    """Return whether a policy is the one that denies all traffic that no other allows."""
    spec = field(policy, "spec")
    kinds = {kind.text() for kind in spec["policyTypes"].items()}
    return not spec["podSelector"].value and kinds == {"Ingress", "Egress"}


def rules_of(policy: Resource, direction: str) -> list[Place]:
    """Return the rules of a policy, of `ingress` or `egress`."""
    return field(policy, "spec").listed(direction)


def on_some(rule: Place, ports: frozenset[int]) -> bool:
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


def speaks_of(rule: Place, direction: str, space: Space) -> bool:
    """Return whether a rule speaks of some pod of a namespace; one that names nobody speaks of everybody."""
    chosen = rule.get(direction)
    return chosen is None or not chosen.value or any(_chooses(peer, space) for peer in chosen.items())


def _chooses(peer: Place, space: Space) -> bool:
    selector = peer.get("namespaceSelector")
    if selector is None:
        if peer.get("ipBlock") is not None:
            return False  # addresses outside of the cluster, by what NetworkPolicies promise of them
        return field(peer.resource, "metadata.namespace").text() == space.name
    wanted = selector.get("matchLabels")
    if wanted is not None and any(space.labels.get(key) != wanted[key].text() for key in wanted.value):
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
