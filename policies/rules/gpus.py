"""gpus-are-whole: every pod of a model has a GPU, or a MIG instance, to itself, near the relays."""

from collections.abc import Iterator

import yaml

from policies.evidence import Context
from policies.fleet import DEPLOYMENT
from policies.rule import Finding, Rule, each
from policies.stack import (
    Identity,
    Place,
    Resource,
    Stack,
    Unreadable,
    field,
    find_object,
    identity,
    optional,
    optional_annotation,
)
from policies.workload_types import POD_SPECS

_DAEMON_SET, _CONFIG_MAP, _RUNTIME_CLASS = (
    "kubernetes:apps/v1:DaemonSet",
    "kubernetes:core/v1:ConfigMap",
    "kubernetes:node.k8s.io/v1:RuntimeClass",
)
_POOL = "headroom:nodes:Pool"
_MODELS = frozenset({"asr", "tts", "llm"})
_VENDOR = "nvidia.com/"
_TAINT = "nvidia.com/gpu"
_REGION = "headroom.dev/region"


def _gpus_are_whole(stack: Stack, _context: Context) -> Iterator[Finding]:
    gpu_pools = {field(pool, "pool").text() for pool in stack.of_type(_POOL) if optional(pool, "gpus") is not None}
    regions = {region for turn in _of_kind(stack, DEPLOYMENT, {"turn"}) if (region := _region(turn)) is not None}
    pods = [resource for resource in stack.resources if resource.type in POD_SPECS]
    yield from each(pods, lambda resource: resource.name, lambda resource: _has_its_gpu(resource, gpu_pools))
    models = list(_of_kind(stack, DEPLOYMENT, _MODELS))
    yield from each(models, lambda model: model.name, lambda model: _is_near(model, regions))
    plugins = list(_of_kind(stack, _DAEMON_SET, {"device-plugin"}))
    yield from each(plugins, lambda plugin: plugin.name, lambda plugin: _shares_nothing(stack, plugin))
    yield from each(stack.of_type(_RUNTIME_CLASS), lambda found: found.name, _takes_nothing)


def _of_kind(stack: Stack, type_token: str, kinds: frozenset[str] | set[str]) -> Iterator[Resource]:
    for resource in stack.of_type(type_token):
        kind = optional_annotation(resource, "kind")
        if kind is not None and kind.text() in kinds:
            yield resource


def _has_its_gpu(resource: Resource, gpu_pools: set[str]) -> Iterator[Finding]:
    pod = field(resource, POD_SPECS[resource.type])
    asked = [count for container in pod["containers"].items() for count in _gpus(container)]
    kind = optional_annotation(resource, "kind")
    if not asked:
        if kind is not None and kind.text() in _MODELS:
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


def _shares_nothing(stack: Stack, plugin: Resource) -> Iterator[Finding]:
    volumes = field(plugin, "spec.template.spec.volumes").items()
    names = [volume["configMap"]["name"].text() for volume in volumes if volume.get("configMap") is not None]
    for name in names:
        config = find_object(stack, _CONFIG_MAP, Identity(identity(plugin).namespace, name))
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


RULES = (
    Rule(
        name="gpus-are-whole",
        why="A GPU that is shared by time, or far from the caller, is heard in every call.",
        check=_gpus_are_whole,
    ),
)
