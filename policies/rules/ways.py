"""only-used-ways-open: all traffic is denied, but for ways that are open at both ends and lead to somebody."""

from collections.abc import Iterator
from dataclasses import dataclass

from policies.evidence import Context
from policies.fleet import LIVE_KINDS
from policies.rule import Finding, Rule, each
from policies.services import listening, standing
from policies.stack import Place, Resource, Stack, Unreadable, annotation, field, identity
from policies.traffic import (
    API_SERVICE,
    ASKED,
    END,
    KEDA,
    NAMES,
    POLICY,
    WORLD,
    Space,
    Way,
    asked_by_api_server,
    beyond,
    chooses,
    denies_all,
    directions_of,
    on_some,
    outside,
    policies_in,
    protocol_of,
    reader_of,
    rules_of,
    selects,
    spaces_of,
    speaks_of,
)
from policies.workloads import of_kind

_FILLS = "headroom.dev/queue-client"
"""The label of namespaces beside the stack's that may fill the queue of the vertical that it names."""
_OUTSIDE = (KEDA, outside("edge"), outside("observability"))
"""Who asks beside the stack: an autoscaler, and who sends calls or reads figures where it has no tunnel or no Prometheus."""
_NARROW = "open what is asked there, and no more"


@dataclass(frozen=True)
class _Side:
    """One direction of a policy: the end of a way at which it stands."""

    stack: Stack
    policy: Resource
    space: Space
    pods: list[Resource]
    direction: str

    def found(self, peer: str, what: str) -> Finding:
        """Return what is wrong with letting somebody through."""
        whom = f"{peer} in to {self.space.name}" if self.direction == "ingress" else f"{self.space.name} out to {peer}"
        return Finding(self.policy.name, f"lets {whom}{what}", _NARROW)


def _only_used_ways_open(stack: Stack, _context: Context) -> Iterator[Finding]:
    yield from each(standing(stack), str, lambda place: _is_closed(stack, place))
    yield from each(stack.of_type(POLICY), lambda policy: policy.name, lambda policy: _is_used(stack, policy))


def _is_closed(stack: Stack, place: str) -> Iterator[Finding]:
    if not any(denies_all(policy) for policy in policies_in(stack, place)):
        message = f"namespace {place} has pods, and no NetworkPolicy there denies what no other allows"
        yield Finding(place, message, "deny all traffic by default")


def _is_used(stack: Stack, policy: Resource) -> Iterator[Finding]:
    place = field(policy, "metadata.namespace").text()
    pods = [workload for workload, labels in standing(stack).get(place, ()) if selects(policy, labels)]
    if not pods and field(policy, "spec.podSelector").value:
        yield Finding(policy.name, f"no pods of namespace {place} have the labels that it selects", "select the pods it is for")
    space, named = spaces_of(stack).get(place, outside(place)), directions_of(policy)
    if unknown := named - {"Ingress", "Egress"}:
        raise Unreadable(policy.name, f"spec.policyTypes names {', '.join(sorted(unknown))}", "name Ingress or Egress")
    for direction in END:
        rules = rules_of(policy, direction)
        if rules and direction.capitalize() not in named:
            message = f"its rules of {direction} count for nothing: spec.policyTypes does not name {direction.capitalize()}"
            yield Finding(policy.name, message, "name it")
        for rule in rules:
            yield from _leads_to_somebody(_Side(stack, policy, space, pods, direction), rule)


def _leads_to_somebody(side: _Side, rule: Place) -> Iterator[Finding]:
    end = END[side.direction]
    _has_only(rule, end, "ports")
    ways, peers = [_way(port) for port in rule.listed("ports")], rule.listed(end)
    if not peers:
        yield from _open_to_all(side, ways)
    for peer in peers:
        _has_only(peer, "namespaceSelector", "podSelector", "ipBlock")
        if (pods := peer.get("podSelector")) is not None:
            _has_only(pods)
        yield from _open_to_some(side, peer, ways) if peer.get("ipBlock") is None else _open_to_all(side, ways)


def _has_only(place: Place, *keys: str) -> None:
    for key in place.names():
        if key not in keys and place.get(key) is not None:
            raise Unreadable(place.resource.name, f"{place.path}.{key} is nothing that the gate can judge", "leave it out")


def _way(port: Place) -> Way:
    _has_only(port, "port", "protocol")
    return protocol_of(port), port["port"].count(at_least=1)


def _open_to_all(side: _Side, ways: list[Way]) -> Iterator[Finding]:
    asked, who = _asked_beyond(side), "the API server does not ask" if side.direction == "ingress" else "nobody there asks"
    if not ways:
        yield side.found("the whole world", " on every port")
    for way in ways:
        if way not in asked:
            yield side.found("the whole world", f" on {_shown(way)}, which {who}")


def _asked_beyond(side: _Side) -> frozenset[Way]:
    """Return what pods ask of the world, or are asked by the API server; of the world no more than all do that take calls."""
    if side.direction == "ingress":
        return side.stack.once(_asked_by_api_server, side.space.name)
    asked = {workload.name: beyond(side.stack, workload) for workload in side.pods}
    calls = [asked[workload.name] for workload in of_kind(side.stack, *LIVE_KINDS) if workload.name in asked]
    return frozenset[Way]().union(*asked.values()).intersection(*calls)


def _asked_by_api_server(stack: Stack, place: str) -> frozenset[Way]:
    return frozenset(
        ("TCP", port)
        for registered in stack.of_type(API_SERVICE)
        if field(registered, "spec.service.namespace").text() == place
        for port in asked_by_api_server(stack, registered)
    )


def _open_to_some(side: _Side, peer: Place, ways: list[Way]) -> Iterator[Finding]:
    if chooses(peer, WORLD):
        yield side.found("namespaces that are not the stack's", "")
        return
    others = [space for space in _known(side) if chooses(peer, space)]
    names = ", ".join(sorted(space.name for space in others))
    if not others:
        yield side.found("nobody", f": {peer.path} chooses no namespace of the stack")
    elif not ways and not (side.direction == "egress" and side.space.name == reader_of(side.stack)):
        # What Prometheus may read is said by those whom it reads.
        yield side.found(names, " on every port")
    for way in ways if others else ():
        pairs = [(other, side.space) if side.direction == "ingress" else (side.space, other) for other in others]
        answered = [(caller, called) for caller, called in pairs if way in _listened_on(side.stack, called)]
        if not answered:
            yield side.found(names, f" on {_shown(way)}, where no pod listens")
        elif not any(_is_open(side.stack, caller, called, way) for caller, called in answered):
            yield side.found(names, f" on {_shown(way)}, which the other end does not open")


def _known(side: _Side) -> list[Space]:
    """Return whom a policy may speak of: the stack's namespaces, whoever knows names, and callers beside the stack."""
    spaces = spaces_of(side.stack)
    if side.direction == "egress":
        return [*spaces.values(), NAMES]
    beside = [space for space in _OUTSIDE if space.name not in spaces]
    queues = [queue for queue in of_kind(side.stack, "redis") if identity(queue).namespace == side.space.name]
    fills = [Space("other namespaces", {_FILLS: annotation(queue, "vertical").text()}) for queue in queues]
    return [*spaces.values(), *beside, *fills]


def _listened_on(stack: Stack, space: Space) -> frozenset[Way]:
    return ASKED if space is NAMES else stack.once(_ports, space.name)


def _ports(stack: Stack, place: str) -> frozenset[Way]:
    ports = [port for workload, _ in standing(stack).get(place, ()) for port in listening(workload)]
    return frozenset((port.protocol, port.number) for port in ports)


def _is_open(stack: Stack, caller: Space, called: Space, way: Way) -> bool:
    return _lets(stack, caller, "egress", called, way) and _lets(stack, called, "ingress", caller, way)


def _lets(stack: Stack, space: Space, direction: str, other: Space, way: Way) -> bool:
    """Return whether some policy of a namespace opens a way; what is not the stack's does."""
    protocol, port = way
    return space.name not in spaces_of(stack) or any(
        speaks_of(rule, END[direction], other) and on_some(rule, frozenset({port}), protocol)
        for policy in space.policies
        if direction.capitalize() in directions_of(policy)
        for rule in rules_of(policy, direction)
    )


def _shown(way: Way) -> str:
    return f"{way[0]} port {way[1]}"


RULES = (
    Rule(
        name="only-used-ways-open",
        condition="Every namespace with pods denies all traffic by default. Whatever else a NetworkPolicy opens leads to a port "
        "that a pod there listens on, is open at its other end too, and is a way of the stack: between namespaces that it names, "
        "to whoever knows names, or to and from the world where a part asks it or is asked by the API server.",
        why="A way that nobody uses is a way for whoever breaks in, and one that is open at one end only is a call that is lost.",
        reads="NetworkPolicies, labels of namespaces, labels, ports and kinds of pods, APIServices and Services.",
        remedy="Open what is asked, at both ends, and no more.",
        check=_only_used_ways_open,
    ),
)
