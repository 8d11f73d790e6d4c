"""Self-hosted models: what shows GPUs to the cluster, and one pod a GPU for every model."""

from collections.abc import Iterator
from typing import Any

import yaml

from capacity.plan import CapacityPlan
from capacity.pool_plan import PoolPlan
from capacity.sizing.gpu import GpuService, ModelServer, kv_bytes_per_token, session_bytes, streams_of_one
from components.address import Address
from components.kubernetes import DOMAIN, claimed, kubernetes_object
from components.network import in_namespace, verticals
from components.nodes.daemons import SPACE, Daemon, daemon_set
from components.nodes.k3s_config import GPU_TAINT
from components.serving import Served, Serving, serving_resources
from headroom.blueprint import Rendered

RUNTIME_CLASS = "headroom-nvidia"
"""k3s has a class `nvidia` of its own, with the same handler; an object of that name would have two owners."""
REGION = f"{DOMAIN}/region"
"""The label of pods that callers' media passes: relays, and the models that speak."""
_GPU = "nvidia.com/gpu"
_PLUGIN_FOLDER = "/var/lib/kubelet/device-plugins"
_GATEWAY_NAMESPACE = "gateway"


def model_addresses(plan: CapacityPlan) -> dict[str, Address]:
    """Return where the self-hosted models answer, by their names in the spec."""
    return {
        name: Address(f"HEADROOM_MODEL_{name.upper().replace('-', '_')}_URL", f"gpu-{name}", f"gpu-{name}", service.server.port)
        for name, service in plan.stack.gpu.items()
        if service.server is not None
    }


def gpu_resources(plan: CapacityPlan, *, parent: str) -> list[Rendered]:
    """Return the runtime class, the device plugin of every GPU pool, and the Deployments of all models."""
    served = [(name, service, service.server) for name, service in plan.stack.gpu.items() if service.server is not None]
    if not served:
        return []
    pools = {pool.name: pool for pool in plan.pools}
    sharing = {server.pod.pool: service.gpu.sharing for _, service, server in served}
    resources = [
        Rendered("headroom:gpu:Gpus", "gpus", {"pools": sharing}, parent=parent),
        kubernetes_object(
            "gpu-runtime-class",
            "node.k8s.io/v1",
            "RuntimeClass",
            {"name": RUNTIME_CLASS, "labels": {"app.kubernetes.io/part-of": "headroom"}},
            {"handler": "nvidia"},
            parent="gpus",
        ),
    ]
    for name, how in sharing.items():
        resources += _device_plugin(pools[name], how, plan.images.device_plugin)
    for name, service, server in served:
        resources += _model(name, service, server, pools[server.pod.pool], plan)
    return resources


def plugin_config(sharing: str) -> str:
    """Return the configuration of NVIDIA's device plugin: whole GPUs, or MIG instances that are all alike.

    There is no section `sharing`: time slicing isolates neither memory nor faults, and MPS is experimental.
    """
    flags = {"migStrategy": "single" if sharing == "mig" else "none", "failOnInitError": True}
    return yaml.safe_dump({"version": "v1", "flags": flags}, sort_keys=False)


def model_environment(service: GpuService, server: ModelServer) -> dict[str, str]:
    """Return what the program that serves a model is told: what it may hold of its GPU."""
    streams, cache = streams_of_one(service), service.model.cache
    figures: dict[str, int | str] = {
        "HEADROOM_PORT": server.port,
        "HEADROOM_PROBE_PORT": server.probes.port,
        "HEADROOM_MODEL": service.model.name,
        "HEADROOM_TASK": service.model.task,
        "HEADROOM_MAX_STREAMS": streams,
        "HEADROOM_SESSION_BYTES": session_bytes(service.model),
    }
    if cache is not None:
        tokens = streams * cache.tokens * cache.sequences
        figures |= {
            "HEADROOM_KV_TOKENS_PER_SEQUENCE": cache.tokens,
            "HEADROOM_KV_SEQUENCES_PER_STREAM": cache.sequences,
            "HEADROOM_KV_CACHE_BYTES": tokens * kv_bytes_per_token(cache.attention),
        }
    return {name: str(value) for name, value in figures.items()}


def _device_plugin(pool: PoolPlan, sharing: str, image: str | None) -> Iterator[Rendered]:
    if image is None:
        return
    name, space = f"device-plugin-{pool.name}", f"{SPACE}-namespace"
    metadata = {"name": name, "namespace": SPACE}
    data = {"data": {"config.yaml": plugin_config(sharing)}}
    yield kubernetes_object(f"{name}-config", "v1", "ConfigMap", metadata, data, parent=SPACE, after=(space,))
    plugin = Daemon(
        name=name,
        kind="device-plugin",
        pool=pool.name,
        image=image,
        size=pool.spec.daemons.device_plugin,
        arguments=("--config-file=/etc/nvidia/config.yaml",),
        volumes=[
            {"name": "plugins", "hostPath": {"path": _PLUGIN_FOLDER, "type": "Directory"}},
            {"name": "config", "configMap": {"name": name}},
        ],
        mounts=[
            {"name": "plugins", "mountPath": _PLUGIN_FOLDER},
            {"name": "config", "mountPath": "/etc/nvidia", "readOnly": True},
        ],
        runtime_class=RUNTIME_CLASS,
    )
    yield daemon_set(plugin, after=(space, f"{name}-config", "gpu-runtime-class"))


def _model(name: str, service: GpuService, server: ModelServer, pool: PoolPlan, plan: CapacityPlan) -> list[Rendered]:
    component, turn = f"gpu-{name}", plan.stack.turn
    claims: dict[str, Any] = {
        "task": service.model.task,
        "gpu": service.gpu.name,
        "sharing": service.gpu.sharing,
        "gpus": service.count,
        "survive": service.survive,
        "streams": streams_of_one(service),
    }
    servers = plan.stack.servers
    region = servers.region if servers is not None else None if turn is None else turn.region
    part = Serving(
        name=component,
        kind=service.model.task,
        image=server.image,
        served=Served(
            pods=service.count,
            unavailable=max(1, service.survive),
            zones=pool.zones,
            pod=server.pod,
            scratch=server.scratch,
            port=server.port,
            probes=server.probes,
            drain_seconds=server.drain,
        ),
        environment=model_environment(service, server),
        # What tenants may ask is limited at the gateway, so that nobody passes it by; without one the verticals ask themselves.
        ingress=[verticals(server.port) if plan.stack.gateway is None else in_namespace(_GATEWAY_NAMESPACE, server.port)],
        egress=[],
        devices={_GPU: 1},
        runtime_class=RUNTIME_CLASS,
        tolerations=[{"key": GPU_TAINT, "operator": "Exists", "effect": "NoSchedule"}],
        more_labels={} if region is None else {REGION: region},
        claims=claimed(
            gpu_memory_bytes=service.gpu.memory,
            weights_bytes=service.model.weights,
            workspace_bytes=service.model.workspace,
            streams=service.streams.value,
            share=service.share,
            survive=service.survive,
            lead_seconds=service.lead_time,
        ),
    )
    return [Rendered("headroom:gpu:Model", component, claims, parent="gpus"), *serving_resources(part)]
