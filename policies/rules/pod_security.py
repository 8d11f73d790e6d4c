"""pod-security-enforced: a namespace admits its own pods, and none that may do more than they."""

from collections.abc import Iterator

from policies.evidence import Context
from policies.rule import Finding, Rule, each
from policies.stack import Place, Resource, Stack, field
from policies.traffic import NAMESPACE
from policies.workload_types import POD_SPECS
from policies.workloads import pod_of

_LABEL = "pod-security.kubernetes.io/enforce"
_LEVELS = ("privileged", "baseline", "restricted")
"""From the one that admits all (Kubernetes, Pod Security Standards)."""
_VOLUMES = frozenset({"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"})
_SYSCTLS = frozenset(
    {
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.ping_group_range",
        "net.ipv4.tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes",
        "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_syncookies",
    }
)
_CAPABILITIES = frozenset(
    {
        "AUDIT_WRITE",
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "MKNOD",
        "NET_BIND_SERVICE",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYS_CHROOT",
    }
)
"""What baseline lets a container add."""
_READ = frozenset(
    {
        "allowPrivilegeEscalation",
        "capabilities",
        "fsGroup",
        "fsGroupChangePolicy",
        "privileged",
        "readOnlyRootFilesystem",
        "runAsGroup",
        "runAsNonRoot",
        "runAsUser",
        "seccompProfile",
        "supplementalGroups",
        "sysctls",
    }
)
"""Fields of a security context whose level is known here; what else one says counts as privileged."""


def _pod_security_enforced(stack: Stack, _context: Context) -> Iterator[Finding]:
    workloads = list(stack.of_type(*POD_SPECS))
    yield from each(stack.of_type(NAMESPACE), lambda space: space.name, lambda space: _admits(space, workloads))


def _admits(space: Resource, workloads: list[Resource]) -> Iterator[Finding]:
    level, name = field(space, "metadata.labels")[_LABEL].text(), field(space, "metadata.name").text()
    if level not in _LEVELS:
        yield Finding(space.name, f"{_LABEL} is no level that the API server knows", f"set it to {_LEVELS[-1]}")
        return
    own = [one for one in workloads if field(one, "metadata.namespace").text() == name]
    needed = {one.name: _needs(pod_of(one)) for one in own}
    for workload, (rank, why) in needed.items():
        if rank < _LEVELS.index(level):
            message = f"it enforces {level}, and refuses the pods of {workload}, {why}"
            yield Finding(space.name, message, f"set {_LABEL} to {_LEVELS[rank]}")
    strictest = _LEVELS[min((rank for rank, _ in needed.values()), default=_LEVELS.index(level))]
    if _LEVELS.index(strictest) > _LEVELS.index(level):
        message = f"it enforces {level}; none of its own pods needs more than {strictest} admits"
        yield Finding(space.name, message, f"set {_LABEL} to {strictest}")


def _needs(pod: Place) -> tuple[int, str]:
    """Return the strictest level that admits a pod, and what the next one forbids."""
    containers = [*pod["containers"].items(), *pod.listed("initContainers")]
    shared = pod.get("securityContext")
    for rank, found in enumerate((_beyond_baseline(pod, shared, containers), _beyond_restricted(pod, shared, containers))):
        why = next(found, None)
        if why is not None:
            return rank, why
    return len(_LEVELS) - 1, ""


def _beyond_baseline(pod: Place, shared: Place | None, containers: list[Place]) -> Iterator[str]:
    yield from (f"which share {key} with their node" for key in ("hostNetwork", "hostPID", "hostIPC") if _is_set(pod, key))
    if any(volume.get("hostPath") is not None for volume in pod.listed("volumes")):
        yield "which mount folders of their node"
    if any(port.get("hostPort") is not None for container in containers for port in container.listed("ports")):
        yield "which take ports of their node"
    for one in _contexts(shared, containers):
        if _is_set(one, "privileged") or _seccomp(one) == "Unconfined" or not one.names() <= _READ:
            yield f"which {one.path} lets do more than baseline does"
        elif not {sysctl["name"].text() for sysctl in one.listed("sysctls")} <= _SYSCTLS:
            yield "which set sysctls of their node"
        elif not _added(one) <= _CAPABILITIES:
            yield "which add capabilities"


def _beyond_restricted(pod: Place, shared: Place | None, containers: list[Place]) -> Iterator[str]:
    for volume in pod.listed("volumes"):
        if not volume.names() - {"name"} <= _VOLUMES:
            yield f"which mount {volume.path}"
    for container in containers:
        own = container.get("securityContext")
        if not _says(own, shared, "runAsNonRoot", True) or _says(own, shared, "runAsUser", 0):
            yield f"of which {container.path} may run as root"
        if not _says(own, None, "allowPrivilegeEscalation", False):
            yield f"of which {container.path} may escalate its privileges"
        capabilities = None if own is None else own.get("capabilities")
        dropped = [] if capabilities is None else [one.text() for one in capabilities.listed("drop")]
        if own is None or "ALL" not in dropped or not _added(own) <= {"NET_BIND_SERVICE"}:
            yield f"of which {container.path} does not drop all capabilities"
        profile = next((found for one in (own, shared) if one is not None and (found := _seccomp(one)) is not None), None)
        if profile not in ("RuntimeDefault", "Localhost"):
            yield f"of which {container.path} has no seccomp profile"


def _contexts(shared: Place | None, containers: list[Place]) -> list[Place]:
    return [one for one in (shared, *(container.get("securityContext") for container in containers)) if one is not None]


def _is_set(place: Place, key: str) -> bool:
    found = place.get(key)
    return found is not None and found.value is not False


def _says(own: Place | None, shared: Place | None, key: str, value: object) -> bool:
    """Return whether a container's context has a value, or, where it says nothing, its pod's."""
    found = next((said for one in (own, shared) if one is not None and (said := one.get(key)) is not None), None)
    return found is not None and found.value == value


def _seccomp(context: Place) -> str | None:
    profile = context.get("seccompProfile")
    return None if profile is None else profile["type"].text()


def _added(context: Place) -> set[str]:
    capabilities = context.get("capabilities")
    return set() if capabilities is None else {one.text() for one in capabilities.listed("add")}


RULES = (
    Rule(
        name="pod-security-enforced",
        condition="Every namespace enforces the strictest Pod Security level that admits its own pods.",
        why="At a weaker one whoever gets into a part may start pods that own a node; at a stricter one its own do not come.",
        reads="the label `pod-security.kubernetes.io/enforce` of namespaces; security contexts, volumes and ports of their pods.",
        remedy="The level that it names.",
        check=_pod_security_enforced,
    ),
)
