"""What a pod of ours is set to beside its programs: whom it asks for names, its kernel's settings, its open files."""

from collections.abc import Iterator

import yaml

from policies.rule import Finding
from policies.stack import Place, Resource, annotation
from policies.workloads import pod_metadata, pod_of

_ON_THE_NODE = "turn"
"""The kind whose pods have the network of their machine, and ask whom it asks."""
_PORTS = ("tunnel", "net.ipv4.ip_local_port_range")
"""The kind whose pods set a range of ports, and how it is called: tunnel-replicas-fixed counts by it."""
_ADJUSTER = "ulimits.nri.containerd.io/"
_FREE = "leave it out"


def odd_settings(workload: Resource) -> Iterator[Finding]:
    """Yield settings of a workload's pods that no figure was counted with."""
    pod, kind = pod_of(workload), annotation(workload, "kind").text()
    asked = pod.get("dnsPolicy")
    if asked is not None and asked.value != "ClusterFirst" and kind != _ON_THE_NODE:
        yield Finding(workload.name, f"its dnsPolicy {asked.text()} finds no Service by its name", _FREE)
    for context in _contexts(pod):
        for one in context.listed("sysctls"):
            if (kind, one["name"].text()) != _PORTS:
                yield Finding(workload.name, f"no rule knows the sysctl {one['name'].text()} of its pods", _FREE)
    annotations = pod_metadata(workload, "annotations")
    if annotations is not None:
        for name in sorted(name for name in annotations.names() if name.startswith(_ADJUSTER)):
            if not _grants_open_files(annotations[name], name, pod):
                yield Finding(workload.name, f"{name} sets another limit than the open files of one container, once", _FREE)


def _contexts(pod: Place) -> Iterator[Place]:
    for one in (pod, *pod["containers"].items(), *pod.listed("initContainers")):
        if (context := one.get("securityContext")) is not None:
            yield context


def _grants_open_files(limits: Place, name: str, pod: Place) -> bool:
    containers = [one["name"].text() for one in (*pod["containers"].items(), *pod.listed("initContainers"))]
    try:
        (limit,) = yaml.safe_load(limits.text())
        only = bool(limit["type"] == "RLIMIT_NOFILE")
    except (yaml.YAMLError, LookupError, TypeError, ValueError):
        return False
    return only and name.removeprefix(f"{_ADJUSTER}container.") in containers
