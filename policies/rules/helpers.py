"""helpers-stand: what runs beside the pods so that they can run: daemons on every node, and the job that makes streams."""

from collections.abc import Iterator

from policies.evidence import Context
from policies.placement import POOL
from policies.rule import Finding, Rule, each
from policies.stack import Resource, Stack, field, identity
from policies.workload_types import POD_SPECS
from policies.workloads import beside_each_other, config_maps_with, of_kind, pod_metadata, pod_of

_GPU = "nvidia.com/gpu"
_LIMITS = "ulimits.nri.containerd.io/"
_POOL = "headroom.dev/pool"
_RENDER = "deploy what the program renders"


def _helpers_stand(stack: Stack, _context: Context) -> Iterator[Finding]:
    workloads = [resource for resource in stack.resources if resource.type in POD_SPECS]
    adjusted, shown = (_pools(of_kind(stack, kind)) for kind in ("ulimit-adjuster", "device-plugin"))
    if adjusted:  # where nowhere is one, the machines have their own
        yield from each(workloads, lambda one: one.name, lambda one: _has_its_files(one, adjusted))
    if any(stack.of_type(POOL)):  # else the machines are not the stack's
        yield from each(workloads, lambda one: one.name, lambda one: _sees_its_gpu(one, shown))
    yield from each(list(config_maps_with(stack, "stream.json")), lambda one: one.name, lambda one: _is_made(stack, one))


def _pools(daemons: Iterator[Resource]) -> set[str]:
    """Return the pools on whose nodes daemons run."""
    return {pod_of(daemon)["nodeSelector"][_POOL].text() for daemon in daemons}


def _pool(workload: Resource) -> str | None:
    selector = pod_of(workload).get("nodeSelector")
    named = None if selector is None else selector.get(_POOL)
    return None if named is None else named.text()


def _has_its_files(workload: Resource, adjusted: set[str]) -> Iterator[Finding]:
    annotations = pod_metadata(workload, "annotations")
    asks = annotations is not None and any(name.startswith(_LIMITS) for name in annotations.names())
    if asks and (pool := _pool(workload)) not in adjusted:
        message = f"its pods ask for open files, and no ulimit-adjuster runs on the pool {pool}: the next pod does not start"
        yield Finding(workload.name, message, _RENDER)


def _sees_its_gpu(workload: Resource, shown: set[str]) -> Iterator[Finding]:
    limits = [container.get("resources") for container in beside_each_other(pod_of(workload))]
    asks = any(one is not None and (given := one.get("limits")) is not None and _GPU in given.names() for one in limits)
    if asks and (pool := _pool(workload)) not in shown:
        message = f"its pods ask for a GPU, and no device-plugin runs on the pool {pool}: no node has one to give"
        yield Finding(workload.name, message, _RENDER)


def _is_made(stack: Stack, config_map: Resource) -> Iterator[Finding]:
    where = identity(config_map)
    for job in of_kind(stack, "streams"):
        for volume in pod_of(job).listed("volumes"):
            named = volume.get("configMap")
            if named is not None and (field(job, "metadata.namespace").text(), named["name"].text()) == (
                where.namespace,
                where.name,
            ):
                return
    yield Finding(config_map.name, "no job makes the stream: who speaks on it is not heard", _RENDER)


RULES = (
    Rule(
        name="helpers-stand",
        condition="Where daemons grant open files, one runs on every pool whose pods ask for them; a device plugin runs on every "
        "pool whose pods ask for a GPU; each stream of the bus has the job that makes it.",
        why="Without them the pods that stand go on, and the next one does not start: in the middle of the burst.",
        reads="workloads of kind `ulimit-adjuster`, `device-plugin` and `streams`; pools, annotations, limits and volumes of "
        "pods; `stream.json`.",
        remedy="Deploy what the program renders, whole.",
        check=_helpers_stand,
    ),
)
