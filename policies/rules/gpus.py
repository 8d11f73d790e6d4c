"""Rules on GPUs: enough memory and streams for the sessions, one whole GPU a pod, in the callers' region."""

from collections.abc import Iterator

import yaml

from policies.demand import Demand, demand_of
from policies.evidence import Context
from policies.figures import count, whole
from policies.parts import Part, shortfall
from policies.placement import POOL
from policies.rule import Finding, Rule, each
from policies.stack import (
    Identity,
    Place,
    Resource,
    Stack,
    Unreadable,
    annotation,
    field,
    find_object,
    identity,
    optional,
    optional_annotation,
)
from policies.workload_types import POD_SPECS
from policies.workloads import CONFIG_MAP, beside_each_other, environment, of_kind, pod_of, remaining, safely

_RUNTIME_CLASS = "kubernetes:node.k8s.io/v1:RuntimeClass"
MODELS = ("asr", "tts", "llm")
_VENDOR = "nvidia.com/"
_TAINT = "nvidia.com/gpu"
_REGION = "headroom.dev/region"
_MEMORY_UTILISATION = 0.9
"""The share of a GPU's memory that is planned on; the rest is the driver's, fragments, and peaks of other kernels."""


def _gpu_memory_covers_sessions(stack: Stack, context: Context) -> Iterator[Finding]:
    models = list(of_kind(stack, *MODELS))
    yield from each(models, lambda model: model.name, _fits)

    def check(model: Resource) -> Iterator[Finding]:
        demand = demand_of(stack, context)
        yield from shortfall(streams(model, demand), demand.lock)

    yield from each(models, lambda model: model.name, check)


def streams(model: Resource, demand: Demand) -> Part:
    """Return the GPUs of a model against the part of the fleet's sessions that it works on at once."""
    share, left, one = annotation(model, "share").number(), remaining(model), _admitted(model)
    held = left * safely(one, demand.kept.safe_utilisation)
    return Part(
        resource=model.name,
        what=f"of the required sessions it works on {share:.3g} at once, which are",
        unit="streams",
        asked=lambda day: share * demand.sessions(day),
        provided=lambda _day: held,
        holds=f"{left} GPUs left x {safely(one, demand.kept.safe_utilisation)} safe of {one} streams",
        remedy="take more GPUs",
        lead_seconds=annotation(model, "lead-seconds").number(),
    )


def _admitted(model: Resource) -> int:
    return environment(pod_of(model)["containers"][0], "HEADROOM_MAX_STREAMS").count(at_least=1)


def _fits(model: Resource) -> Iterator[Finding]:
    """Yield where one GPU admits more streams than its memory holds, or than were measured in real time."""
    container, admitted = pod_of(model)["containers"][0], _admitted(model)
    measured = annotation(model, "streams").count(at_least=1)
    if admitted > measured:
        message = f"a pod admits {count(admitted)} streams; its GPU was said to serve {count(measured)} in real time"
        yield Finding(model.name, message, f"set HEADROOM_MAX_STREAMS to {measured}", admitted, measured, "streams")
    memory, weights, workspace = (
        annotation(model, name).number() for name in ("gpu-memory-bytes", "weights-bytes", "workspace-bytes")
    )
    session = environment(container, "HEADROOM_SESSION_BYTES").number()
    room = memory * _MEMORY_UTILISATION - weights - workspace
    needed = max(admitted * session, _cache(container))
    if needed > room or room < 0:
        message = (
            f"{count(admitted)} streams take {count(needed)} bytes of a GPU; beside the model it has {count(max(0.0, room))} "
            f"({_MEMORY_UTILISATION:g} of {count(memory)}, less {count(weights + workspace)})"
        )
        fitting = whole(room / session) if session else 0
        remedy = f"set HEADROOM_MAX_STREAMS to {fitting}" if fitting else "take GPUs with more memory"
        yield Finding(model.name, message, remedy, needed, max(0.0, room), "bytes")


def _cache(container: Place) -> float:
    """Return what the server sets aside for the model's attention; models without one are told of none."""
    variables = container["env"].items()
    if not any(one["name"].text() == "HEADROOM_KV_CACHE_BYTES" for one in variables):
        return 0.0
    return environment(container, "HEADROOM_KV_CACHE_BYTES").number()


def _gpu_not_time_sliced(stack: Stack, _context: Context) -> Iterator[Finding]:
    gpu_pools = {field(pool, "pool").text() for pool in stack.of_type(POOL) if optional(pool, "gpus") is not None}
    pods = [resource for resource in stack.resources if resource.type in POD_SPECS]
    yield from each(pods, lambda resource: resource.name, lambda resource: _has_its_gpu(resource, gpu_pools))
    plugins = list(of_kind(stack, "device-plugin"))
    yield from each(plugins, lambda plugin: plugin.name, lambda plugin: _shares_nothing(stack, plugin))
    yield from each(stack.of_type(_RUNTIME_CLASS), lambda found: found.name, _takes_nothing)


def _has_its_gpu(resource: Resource, gpu_pools: set[str]) -> Iterator[Finding]:
    pod = field(resource, POD_SPECS[resource.type])
    asked = [count for container in beside_each_other(pod) for count in _gpus(container)]
    kind = optional_annotation(resource, "kind")
    if not asked:
        if kind is not None and kind.text() in MODELS:
            yield Finding(resource.name, "it serves a model and has no GPU", f"limit it to 1 {_TAINT}")
        return
    if sum(asked) != 1:
        yield Finding(
            resource.name,
            f"a pod takes {sum(asked):g} GPUs; the plan gives it one",
            f"limit it to 1 {_TAINT}",
            1,
            sum(asked),
            "GPUs",
        )
    pool = pod["nodeSelector"]["headroom.dev/pool"].text()
    if pool not in gpu_pools:
        yield Finding(resource.name, f"its pods ask for GPUs, and the pool {pool} has none", "name a pool with gpus")
    if pod.get("runtimeClassName") is None:
        yield Finding(
            resource.name, "its pods have no runtimeClassName, so no GPU reaches their containers", "name NVIDIA's runtime class"
        )
    if not _tolerates(pod):
        yield Finding(resource.name, f"its pods do not tolerate {_TAINT}, which GPU machines carry", f"tolerate {_TAINT}")


def _gpus(container: Place) -> Iterator[float]:
    resources = container.get("resources")
    limits = None if resources is None else resources.get("limits")
    for name in () if limits is None or not isinstance(limits.value, dict) else limits.value:
        if str(name).startswith(_VENDOR) and limits is not None:
            yield limits[name].quantity()


def _tolerates(pod: Place) -> bool:
    tolerations = pod.get("tolerations")
    return tolerations is not None and any(
        toleration.get("key") is None or toleration["key"].text() == _TAINT for toleration in tolerations.items()
    )


def _shares_nothing(stack: Stack, plugin: Resource) -> Iterator[Finding]:
    volumes = field(plugin, "spec.template.spec.volumes").items()
    names = [volume["configMap"]["name"].text() for volume in volumes if volume.get("configMap") is not None]
    for name in names:
        config = find_object(stack, CONFIG_MAP, Identity(identity(plugin).namespace, name))
        if config is None:
            raise Unreadable(plugin.name, f"it reads the ConfigMap {name}, which the stack does not have", "declare it")
        text = field(config, "data")["config.yaml"]
        try:
            document = yaml.safe_load(text.text())
        except yaml.YAMLError:
            document = None
        if not isinstance(document, dict):
            raise Unreadable(config.name, f"{text.path} is no YAML mapping", "write the device plugin's configuration")
        if "sharing" in document:
            message = "it lets pods share a GPU, which isolates neither memory nor faults of live calls"
            yield Finding(config.name, message, "take its section `sharing` out: whole GPUs, or MIG")
    if not names:
        yield Finding(plugin.name, "it reads no configuration that could be judged", "mount its ConfigMap")


def _takes_nothing(runtime_class: Resource) -> Iterator[Finding]:
    if optional(runtime_class, "overhead") is not None:
        yield Finding(runtime_class.name, "its overhead is asked for by every pod, and no rule counts it", "leave overhead out")


def _gpu_region_is_turn_region(stack: Stack, _context: Context) -> Iterator[Finding]:
    regions = {region for turn in of_kind(stack, "turn") if (region := _region(turn)) is not None}
    yield from each(of_kind(stack, *MODELS), lambda model: model.name, lambda model: _is_near(model, regions))


def _region(resource: Resource) -> str | None:
    labels = optional(resource, "spec.template.metadata.labels")
    region = None if labels is None else labels.get(_REGION)
    return None if region is None else region.text()


def _is_near(model: Resource, regions: set[str]) -> Iterator[Finding]:
    region = _region(model)
    if regions and (region is None or {region} != regions):
        where = "says no region" if region is None else f"stands in {region}"
        message = f"it {where}; the relays stand in {', '.join(sorted(regions))}"
        yield Finding(model.name, message, f"label its pods {_REGION}: {min(regions)}")


RULES = (
    Rule(
        name="gpu-memory-covers-sessions",
        condition="A GPU's memory holds the streams that its pod admits beside the model, no more than it serves in real time; "
        "the "
        "GPUs that are left after a loss hold the part of all required sessions that the model works on.",
        why="A model that runs out of memory stops in the middle of every call that it works on.",
        reads="Deployments of kind `asr`, `tts` and `llm`: replicas, HEADROOM_MAX_STREAMS, HEADROOM_SESSION_BYTES, "
        "HEADROOM_KV_CACHE_BYTES, and the claims `gpu-memory-bytes`, `weights-bytes`, `workspace-bytes`, `streams`, `share`, "
        "`survive`; the lock.",
        remedy="Fewer streams a GPU, more GPUs, or larger ones.",
        check=_gpu_memory_covers_sessions,
    ),
    Rule(
        name="gpu-not-time-sliced",
        condition="Every pod of a model has one GPU, or one MIG instance, to itself, on a pool that has them, and nothing shares "
        "GPUs by time.",
        why="Time slicing isolates neither memory nor faults: what one model does is heard in the calls of another.",
        reads="GPU limits, runtime class, tolerations and node selectors of all pods; the configuration of the device plugin; "
        "RuntimeClasses.",
        remedy="Whole GPUs, or MIG; no section `sharing`.",
        check=_gpu_not_time_sliced,
    ),
    Rule(
        name="gpu-region-is-turn-region",
        condition="Models that speak with callers stand in the region of the relays.",
        why="A model far from the caller's relay is late in every answer.",
        reads="the label `headroom.dev/region` of the pods of models and of Deployments of kind `turn`.",
        remedy="Label and place the models where the relays stand.",
        check=_gpu_region_is_turn_region,
    ),
)
