"""phi-apart: what keeps data keeps it for one vertical with health data, or for those without."""

from collections.abc import Iterator, Mapping
from typing import Any

from policies import documents
from policies.documents import WrongDocument
from policies.edge import SCRIPT
from policies.evidence import Context, usable
from policies.fleet import LIVE_KINDS
from policies.margins import ROOT
from policies.placement import POOL
from policies.rule import Finding, Rule, each
from policies.stack import Place, Resource, Stack, WrongField, annotation, field, optional, optional_annotation
from policies.traffic import Space, denies_all, on_some, rules_of, spaces_of, speaks_of
from policies.workload_types import POD_SPECS
from policies.workloads import of_kind

_CLAIM = "kubernetes:core/v1:PersistentVolumeClaim"
_SERVERS = "kubernetes:apps/v1:StatefulSet"
_CLASS = "kubernetes:storage.k8s.io/v1:StorageClass"
_WATCH = "watch"
"""The kind of what keeps metrics: they name no caller."""
_APART = "give the vertical with health data a namespace, servers and volumes of its own"


def _phi_apart(stack: Stack, context: Context) -> Iterator[Finding]:
    spaces = spaces_of(stack)
    owners: dict[str | None, str] = {space.vertical: space.owner for space in spaces.values() if space.vertical is not None}
    workloads = [resource for resource in stack.resources if resource.type in POD_SPECS]
    yield from each(workloads, lambda workload: workload.name, lambda workload: _stands_apart(workload, spaces, owners))
    yield from _volumes_apart(stack, spaces)
    if any(stack.of_type(POOL)):  # others need not know our labels
        verticals = list(of_kind(stack, "queue", *sorted(LIVE_KINDS)))
        yield from each(verticals, lambda workload: workload.name, lambda workload: _says_whose(workload, spaces))
    yield from each(stack.of_type(SCRIPT), lambda script: script.name, lambda script: _agrees(stack, script, spaces, context))
    keeping = {place: _ports(servers) for place, servers in _keeping(stack, spaces)}
    yield from each(spaces.values(), lambda space: space.name, lambda space: _reached_apart(space, spaces, keeping))
    yield from each(stack.of_type(_CLASS), lambda storage_class: storage_class.name, _uses_its_key)


def _stands_apart(workload: Resource, spaces: Mapping[str, Space], owners: dict[str | None, str]) -> Iterator[Finding]:
    """A vertical's pods stand where its data may be handled, and no other vertical's do."""
    vertical = optional_annotation(workload, "vertical")
    space = spaces.get(field(workload, "metadata.namespace").text())
    if vertical is None or space is None:
        return
    owner = owners.get(vertical.text(), "")
    if owner != space.owner:
        message = f"{vertical.text()} runs in namespace {space.name}, which is for {space.handles}"
        yield Finding(workload.name, message, "run it in a namespace of its own")


def _says_whose(workload: Resource, spaces: Mapping[str, Space]) -> Iterator[Finding]:
    """Policies let a vertical's pods pass by what their namespace says."""
    vertical, space = annotation(workload, "vertical").text(), spaces.get(field(workload, "metadata.namespace").text())
    if space is not None and space.vertical != vertical:
        message = f"its namespace does not say that it is for {vertical}: policies let it pass as such"
        yield Finding(workload.name, message, f"label the namespace headroom.dev/vertical: {vertical}")


def _agrees(stack: Stack, script: Resource, spaces: Mapping[str, Space], context: Context) -> Iterator[Finding]:
    """Whose calls are health data to the edge, theirs are health data in the cluster, and stay where they may."""
    for name, told in (one for binding in field(script, "bindings").items() for one in _told_of(binding)):
        to_edge = bool(told.get("healthData"))
        own = [space for space in spaces.values() if space.vertical == name]
        for space in own:
            if to_edge and space.owner != name:
                message = f"namespace {space.name} does not say that {name} has health data, as SETTINGS of the edge do"
                yield Finding(script.name, message, f"label the namespace headroom.dev/phi: {name}")
        in_cluster = any(space.owner == name for space in own)
        if in_cluster and not to_edge:
            message = f"its SETTINGS do not say that {name} has health data, as its namespace does"
            yield Finding(script.name, message, f"set healthData of {name} to true")
        if to_edge or in_cluster:
            yield from _stays(stack, script, name, told, context)


def _stays(stack: Stack, script: Resource, name: str, told: Mapping[str, Any], context: Context) -> Iterator[Finding]:
    allowed = usable(context.floors).jurisdictions(field(stack.the_one(ROOT), "environment").text())
    if allowed and told.get("jurisdiction") not in allowed:
        kept = f"in {told['jurisdiction']}" if told.get("jurisdiction") else "anywhere"
        message = (
            f"the edge keeps calls of {name}, which carry health data, {kept}; the organisation asks for {' or '.join(allowed)}"
        )
        yield Finding(script.name, message, f"set edge.scripts.jurisdiction to {allowed[0]}")


def _told_of(binding: Place) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield what the settings of a script say of each vertical."""
    if binding["name"].text() != "SETTINGS":
        return
    text = binding["json"]
    try:
        verticals = documents.mapping(documents.parse(text.text()), "it").get("verticals", {})
        for name, one in documents.mapping(verticals, "verticals").items():
            yield name, documents.mapping(one, f"verticals.{name}")
    except WrongDocument as error:
        raise WrongField(binding.resource.name, text.path, "the settings of a script", why=str(error)) from None


def _volumes_apart(stack: Stack, spaces: Mapping[str, Space]) -> Iterator[Finding]:
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
    said = {} if parameters is None else parameters.texts()
    return next((said[name] for name in sorted(said) if "key" in name.lower()), None)


def _uses_its_key(storage_class: Resource) -> Iterator[Finding]:
    """The driver of EBS encrypts by a key only where `encrypted` says so, others at a key's name."""
    if _key(storage_class) is None:
        return
    said = field(storage_class, "parameters").get("encrypted")
    must_say = field(storage_class, "provisioner").text() == "ebs.csi.aws.com"
    if (said is None and must_say) or (said is not None and said.text() != "true"):
        yield Finding(
            storage_class.name, "it names a key, and its driver is not told to encrypt", "set parameters.encrypted to true"
        )


def _claims(stack: Stack) -> Iterator[tuple[Resource, Place]]:
    for claim in stack.of_type(_CLAIM):
        yield claim, field(claim, "spec")
    for servers in stack.of_type(_SERVERS):
        templates = optional(servers, "spec.volumeClaimTemplates")
        for template in [] if templates is None else templates.items():
            yield servers, template["spec"]


def _keeping(stack: Stack, spaces: Mapping[str, Space]) -> Iterator[tuple[str, list[Resource]]]:
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
            ports |= {port["containerPort"].count() for port in container.listed("ports")}
    return frozenset(ports)


def _reached_apart(space: Space, spaces: Mapping[str, Space], keeping: dict[str, frozenset[int]]) -> Iterator[Finding]:
    """Who keeps health data is reached by its vertical alone, and the vertical reaches no other data."""
    if space.owner and not any(denies_all(policy) for policy in space.policies):
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


def _lets_in(policy: Resource, space: Space, other: Space) -> Iterator[Finding]:
    if any(speaks_of(rule, "from", other) for rule in rules_of(policy, "ingress")):
        whose = f"{space.name} is for {space.handles}"
        yield Finding(policy.name, f"lets namespace {other.name} in, which is for {other.handles}; {whose}", _APART)


def _lets_out(policy: Resource, space: Space, other: Space, ports: frozenset[int]) -> Iterator[Finding]:
    if any(speaks_of(rule, "to", other) and on_some(rule, ports) for rule in rules_of(policy, "egress")):
        message = f"lets {space.name} reach the data in namespace {other.name}, which is for {other.handles}"
        yield Finding(policy.name, message, _APART)


RULES = (
    Rule(
        name="phi-apart",
        condition="A vertical with health data has a namespace, servers that keep data, classes of volumes and their keys of "
        "its own, and its namespace denies all traffic by default; a namespace says whose pods it has, and whose health data, "
        "and the edge says the same, and keeps such calls where the organisation lets them stay.",
        why="Health data that lies beside other data is shown by every fault of what the two share.",
        reads="labels `headroom.dev/phi` and `headroom.dev/vertical` of namespaces; PersistentVolumeClaims, StorageClasses, "
        "NetworkPolicies; the ports of servers that keep data; `healthData` and `jurisdiction` in SETTINGS of the edge's "
        "scripts; the floor `health_data_jurisdictions` (`us` for an environment that it does not name).",
        remedy="A namespace, servers and volumes of its own; a jurisdiction for its calls at the edge.",
        check=_phi_apart,
    ),
)
