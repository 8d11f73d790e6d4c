"""Where a Service leads: its ports, the pods behind it, and what they listen on."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from policies.stack import Resource, Stack, field, identity
from policies.workload_types import POD_SPECS
from policies.workloads import beside_each_other, pod_metadata, pod_of

SERVICE = "kubernetes:core/v1:Service"


@dataclass(frozen=True)
class Port:
    """A port on which a container says that it listens."""

    number: int
    protocol: str
    name: str
    """Or nothing."""


def standing(stack: Stack) -> Mapping[str, list[tuple[Resource, Mapping[str, str]]]]:
    """Return the workloads of each namespace, with the labels of their pods."""
    return stack.once(_standing)


def _standing(stack: Stack) -> dict[str, list[tuple[Resource, Mapping[str, str]]]]:
    found: dict[str, list[tuple[Resource, Mapping[str, str]]]] = {}
    for workload in stack.of_type(*POD_SPECS):
        found.setdefault(field(workload, "metadata.namespace").text(), []).append((workload, pod_labels(workload)))
    return found


def pod_labels(workload: Resource) -> Mapping[str, str]:
    """Return the labels of a workload's pods."""
    labels = pod_metadata(workload, "labels")
    return {} if labels is None else labels.texts()


def listening(workload: Resource) -> Iterator[Port]:
    """Yield the ports of a workload's containers."""
    for container in beside_each_other(pod_of(workload)):
        for port in container.listed("ports"):
            name, protocol = port.get("name"), port.get("protocol")
            number = port["containerPort"].count(at_least=1)
            yield Port(number, "TCP" if protocol is None else protocol.text(), "" if name is None else name.text())


def on_its_machine(workload: Resource) -> bool:
    """Return whether a workload's pods have the address of their machine, which no selector of a NetworkPolicy chooses."""
    found = pod_of(workload).get("hostNetwork")
    return found is not None and found.value is True


def ports_of(service: Resource) -> dict[int, Any]:
    """Return the ports of a Service, each with the port of its pods, by name or number."""
    found: dict[int, Any] = {}
    for port in field(service, "spec.ports").items():
        target = port.get("targetPort")
        found[port["port"].count(at_least=1)] = port["port"].value if target is None else target.value
    return found


def own_ports(stack: Stack, service: Resource) -> dict[int, Any]:
    """Return the ports of a headless Service's pods: they are called by their own names, on any port."""
    address = field(service, "spec").get("clusterIP")
    if address is None or address.value != "None":
        return {}
    return {port.number: port.number for workload in pods_behind(stack, service) for port in listening(workload)}


def pods_behind(stack: Stack, service: Resource) -> list[Resource]:
    """Return the workloads whose pods a Service leads to."""
    labels = field(service, "spec")["selector"].texts()
    here = standing(stack).get(identity(service).namespace, ())
    return [workload for workload, carried in here if labels and labels.items() <= carried.items()]


def listened_on(stack: Stack, service: Resource, target: Any) -> Iterator[int]:
    """Yield the ports that pods behind a Service listen on, of a name or number."""
    for workload in pods_behind(stack, service):
        yield from (port.number for port in listening(workload) if target in (port.name, port.number))
