"""Workloads by their kind, and the files that their pods are configured by."""

from collections.abc import Iterator, Mapping
from itertools import chain

import yaml

from policies.figures import whole
from policies.stack import (
    Identity,
    Place,
    Resource,
    Stack,
    Unreadable,
    WrongField,
    annotation,
    field,
    find_object,
    identity,
    optional,
    optional_annotation,
)
from policies.workload_types import POD_SPECS

CONFIG_MAP = "kubernetes:core/v1:ConfigMap"


def of_kind(stack: Stack, *kinds: str) -> Iterator[Resource]:
    """Yield the workloads whose headroom.dev/kind is one of some."""
    found = stack.once(_by_kind)
    return chain.from_iterable(found.get(kind, ()) for kind in kinds)


def _by_kind(stack: Stack) -> Mapping[str, list[Resource]]:
    found: dict[str, list[Resource]] = {}
    for resource in stack.of_type(*POD_SPECS):
        kind = optional_annotation(resource, "kind")
        if kind is not None:
            found.setdefault(kind.text(), []).append(resource)
    return found


def starting(pod: Place) -> Iterator[tuple[Place, bool]]:
    """Yield the initial containers of a pod in their order, each with whether it stays beside the others (a native sidecar)."""
    for container in pod.listed("initContainers"):
        restarts = container.get("restartPolicy")
        yield container, restarts is not None and restarts.text() == "Always"


def beside_each_other(pod: Place) -> list[Place]:
    """Return the containers of a pod that run at once: its own, and the initial ones that stay beside them."""
    return [*pod["containers"].items(), *(container for container, stays in starting(pod) if stays)]


def has_container(workload: Resource, name: str) -> bool:
    """Return whether a workload's pods have a container of a name."""
    return any(container["name"].text() == name for container in beside_each_other(pod_of(workload)))


def watchers(stack: Stack, name: str) -> list[Resource]:
    """Return the workloads that watch and have a container of a name."""
    return [workload for workload in of_kind(stack, "watch") if has_container(workload, name)]


def pod_of(workload: Resource) -> Place:
    """Return the place of a workload's pod specification."""
    return field(workload, POD_SPECS[workload.type])


def pod_metadata(workload: Resource, what: str) -> Place | None:
    """Return the `labels` or `annotations` of a workload's pods."""
    return optional(workload, POD_SPECS[workload.type].removesuffix("spec") + f"metadata.{what}")


def config_maps_with(stack: Stack, file: str) -> Iterator[Resource]:
    """Yield the ConfigMaps that have a file."""
    for config_map in stack.of_type(CONFIG_MAP):
        data = optional(config_map, "data")
        if data is not None and file in data.names():
            yield config_map


def configuration(stack: Stack, workload: Resource, file: str) -> Place:
    """Return the text of a file that a workload's pods read from a ConfigMap of the stack; none or two are `Unreadable`."""
    found = []
    for volume in pod_of(workload).listed("volumes"):
        named = volume.get("configMap")
        if named is None:
            continue
        config_map = find_object(stack, CONFIG_MAP, Identity(identity(workload).namespace, named["name"].text()))
        if config_map is None:
            message = f"it reads the ConfigMap {named['name'].text()}, which the stack does not have"
            raise Unreadable(workload.name, message, "declare it")
        text = field(config_map, "data").get(file)
        if text is not None:
            found.append(text)
    if len(found) != 1:
        message = f"{len(found)} of the ConfigMaps that it reads have a file {file}"
        raise Unreadable(workload.name, message, "deploy what the program renders")
    return found[0]


def container_of(workload: Resource, name: str) -> Place:
    """Return the place of a workload's container; none or two of the name are `Unreadable`."""
    found = [container for container in beside_each_other(pod_of(workload)) if container["name"].text() == name]
    if len(found) != 1:
        raise Unreadable(workload.name, f"{len(found)} of its containers are called {name}", "deploy what the program renders")
    return found[0]


def environment(container: Place, name: str) -> Place:
    """Return the value of a container's environment variable; one that is not set once is `Unreadable`."""
    found = [one for one in container.listed("env") if one["name"].text() == name]
    if len(found) != 1:
        message = f"{container.path}.env sets {name} {len(found)} times"
        raise Unreadable(container.resource.name, message, "set it once")
    return found[0]["value"]


def open_files(workload: Resource, container: str) -> float:
    """Return the open files that one process of a container may have (RLIMIT_NOFILE, soft)."""
    place = field(workload, "spec.template.metadata.annotations")[f"ulimits.nri.containerd.io/container.{container}"]
    expected = "a YAML list with one RLIMIT_NOFILE that has a soft and a hard limit"
    try:
        limits = yaml.safe_load(place.text())
        found = [limit for limit in limits if limit["type"] == "RLIMIT_NOFILE"]
        soft, hard = (found[0][kind] for kind in ("soft", "hard"))
    except (yaml.YAMLError, LookupError, TypeError):
        raise WrongField(workload.name, place.path, expected) from None
    whole_numbers = all(isinstance(value, int) and not isinstance(value, bool) for value in (soft, hard))
    if len(found) != 1 or not whole_numbers or not 0 <= soft <= hard:
        raise WrongField(workload.name, place.path, expected)
    return float(soft)


def remaining(workload: Resource) -> int:
    """Return the pods of a workload of fixed size that are left when as many are gone as it claims to survive."""
    return max(0, field(workload, "spec.replicas").count() - annotation(workload, "survive").count())


def safely(hard: float, safe_utilisation: float) -> int:
    """Return what may be planned of one part's hard ceiling; each part rounds down by itself."""
    return whole(hard * safe_utilisation)
