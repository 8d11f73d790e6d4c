"""references-resolve: what an object names is in the stack, once."""

from collections import Counter
from collections.abc import Iterator, Mapping

from policies.evidence import Context
from policies.rule import Finding, Rule, each
from policies.stack import Identity, Resource, Stack, field, find_object, identity, optional
from policies.traffic import NAMESPACE
from policies.workload_types import POD_SPECS
from policies.workloads import CONFIG_MAP, pod_of

_ACCOUNT = "kubernetes:core/v1:ServiceAccount"
_RUNTIME = "kubernetes:node.k8s.io/v1:RuntimeClass"
_CLASS = "kubernetes:storage.k8s.io/v1:StorageClass"
_STORAGE = "headroom:storage:Storage"
_RBAC = "kubernetes:rbac.authorization.k8s.io/v1"
_ROLES = (f"{_RBAC}:Role", f"{_RBAC}:ClusterRole")
_BINDINGS = (f"{_RBAC}:RoleBinding", f"{_RBAC}:ClusterRoleBinding")
_KUBERNETES = frozenset({"default", "kube-system", "kube-public", "kube-node-lease"})
"""Namespaces that every cluster has."""
_OWN = ("system:", "extension-apiserver-authentication-reader")
"""Roles that every cluster has, by how their names begin."""


def _references_resolve(stack: Stack, _context: Context) -> Iterator[Finding]:
    yield from _declared_once(stack)
    placed = [resource for resource in stack.resources if resource.type.startswith("kubernetes:")]
    yield from each(placed, lambda resource: resource.name, lambda resource: _has_its_namespace(stack, resource))
    workloads = [resource for resource in stack.resources if resource.type in POD_SPECS]
    yield from each(workloads, lambda workload: workload.name, lambda workload: _has_what_it_names(stack, workload))
    yield from each(stack.of_type(*_BINDINGS), lambda binding: binding.name, lambda binding: _binds_somebody(stack, binding))
    yield from each(stack.of_type(*_ROLES), lambda role: role.name, lambda role: _is_bound(stack, role))
    yield from each(stack.of_type(_STORAGE), lambda storage: storage.name, lambda storage: _has_its_classes(stack, storage))


def _declared_once(stack: Stack) -> Iterator[Finding]:
    seen: Counter[tuple[str, str, str]] = Counter()
    for resource in stack.resources:
        metadata = resource.props.get("metadata")
        if resource.type.startswith("kubernetes:") and isinstance(metadata, Mapping):
            key = (resource.type, str(metadata.get("namespace")), str(metadata.get("name")))
            seen[key] += 1
            if seen[key] == 2:  # noqa: PLR2004  # the second is one too many
                yield Finding(resource.name, "another resource of the stack declares the same object", "declare it once")


def _named(stack: Stack, type_token: str) -> frozenset[str]:
    """Return the names of the stack's objects of a type that has no namespaces."""
    return frozenset(field(one, "metadata.name").text() for one in stack.of_type(type_token))


def _has_its_namespace(stack: Stack, resource: Resource) -> Iterator[Finding]:
    namespace = optional(resource, "metadata.namespace")
    if namespace is not None and namespace.text() not in _KUBERNETES | stack.once(_named, NAMESPACE):
        message = f"its namespace {namespace.text()} is not in the stack: nothing says who may speak with its pods"
        yield Finding(resource.name, message, "declare it")


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
    runtime = pod.get("runtimeClassName")
    if runtime is not None and runtime.text() not in stack.once(_named, _RUNTIME):
        message = f"its RuntimeClass {runtime.text()} is not in the stack: the API server refuses every pod"
        yield Finding(workload.name, message, "declare it")


def _binds_somebody(stack: Stack, binding: Resource) -> Iterator[Finding]:
    name = field(binding, "roleRef.name").text()
    if not name.startswith(_OWN) and not any(_is_of(binding, role) for role in stack.of_type(*_ROLES)):
        yield Finding(binding.name, f"its role {name} is not in the stack: whom it binds may do nothing", "declare it")
    for subject in field(binding, "subjects").items():
        if subject["kind"].text() == "ServiceAccount":
            account = Identity(subject["namespace"].text(), subject["name"].text())
            if (
                account.name != "default"
                and account.namespace not in _KUBERNETES
                and find_object(stack, _ACCOUNT, account) is None
            ):
                message = f"the ServiceAccount {account.namespace}/{account.name} that it binds is not in the stack"
                yield Finding(binding.name, message, "declare it")


def _is_of(binding: Resource, role: Resource) -> bool:
    """Return whether a binding names a role."""
    if field(binding, "roleRef.kind").text() != role.type.rpartition(":")[2]:
        return False
    if field(binding, "roleRef.name").text() != field(role, "metadata.name").text():
        return False
    return role.type == _ROLES[1] or identity(binding).namespace == identity(role).namespace


def _is_bound(stack: Stack, role: Resource) -> Iterator[Finding]:
    if not any(_is_of(binding, role) for binding in stack.of_type(*_BINDINGS)):
        yield Finding(role.name, "nobody is bound to it: who needs it may do nothing", "declare its binding, or leave it out")


def _has_its_classes(stack: Stack, storage: Resource) -> Iterator[Finding]:
    for name in sorted(field(storage, "classes").names() - stack.once(_named, _CLASS)):
        yield Finding(storage.name, f"its StorageClass {name} is not in the stack: a claim of it waits for ever", "declare it")


RULES = (
    Rule(
        name="references-resolve",
        condition="No object is declared twice; namespaces, ServiceAccounts, ConfigMaps, classes of runtimes and of "
        "volumes, and roles that objects name are in the stack, and each role is bound.",
        why="A pod that names something that is not there never starts, and the autoscaler counts on it.",
        reads="names and namespaces of all objects; serviceAccountName, volumes and runtimeClassName of all workloads; "
        "roles and their bindings; the claim `classes` of the component `storage`.",
        remedy="Declare what is named, once.",
        check=_references_resolve,
    ),
)
