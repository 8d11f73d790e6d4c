"""One vertical's queue: a Redis in a namespace of its own, and what its workers are told of it."""

from typing import Any

from capacity.images import Images
from capacity.plan import CapacityPlan, QueuePlan
from capacity.sizing.queue import Queue, server_disk, server_memory
from components.kubernetes import (
    DOMAIN,
    HEALTH_DATA,
    claimed,
    disruption_budget,
    kubernetes_object,
    labels,
    namespace,
    selected,
    service_account,
)
from components.network import OBSERVABILITY_NAMESPACE, Peer, in_namespace, network_policies, network_policy
from components.pods import resources, unprivileged
from components.queue.config import (
    CONFIG_FOLDER,
    PORT,
    STATES,
    TLS_FOLDER,
    USERS_FOLDER,
    bullmq_settings,
    prefix,
    redis_config,
    users_template,
)
from components.servers import (
    config_map,
    configured,
    disk_claim,
    disk_mount,
    exporter_container,
    folder,
    from_secret,
    pod_with_disk,
)
from headroom.blueprint import Rendered, canonical_json

NAME = "redis"
SETTINGS = "queue-settings"
"""The ConfigMap in the vertical's own namespace that its workers read; its file is bullmq.json."""
METRICS_PORT = 9121
CLIENT = f"{DOMAIN}/queue-client"
"""A namespace with this label, its value the vertical's name, may speak with the vertical's queue: producers other than it."""


def queue_namespace(vertical: str) -> str:
    """Return the namespace of a vertical's queue."""
    return f"{vertical}-queue"


def queue_host(vertical: str) -> str:
    """Return the name under which a vertical's queue is found."""
    return f"{NAME}.{queue_namespace(vertical)}.svc"


def queue_resources(plan: CapacityPlan, *, parent: str) -> list[Rendered]:
    """Return the component of every queue that the spec has, and everything below it. Needs the verticals' namespaces.

    One server each, not a set of them: what it acknowledged is on a disk that is copied to other nodes, and while it moves jobs
    wait where they are.
    """
    queues = [vertical for vertical in plan.verticals if isinstance(vertical, QueuePlan)]
    return [resource for queue in queues for resource in _queue(queue, plan.images, parent=parent)]


def _queue(vertical: QueuePlan, images: Images, *, parent: str) -> list[Rendered]:
    queue = vertical.queue
    if queue is None or images.redis is None or images.redis_exporter is None:
        return []
    name = space_name = queue_namespace(vertical.name)
    space = f"{name}-namespace"
    clients = (vertical.name, CLIENT)
    settings = {"bullmq.json": canonical_json(bullmq_settings(vertical.name, queue, queue_host(vertical.name)))}
    files = {"redis.conf": redis_config(queue), "users.acl.template": users_template(vertical.name)}
    marks = {HEALTH_DATA: vertical.name} if vertical.spec.phi else {}
    return [
        Rendered("headroom:queue:Redis", name, _claims(vertical.name, queue), parent=parent),
        namespace(space_name, resource=space, parent=name, labels=marks),
        *network_policies(
            space_name,
            parent=name,
            space=space,
            ingress=[*_clients(*clients), in_namespace(OBSERVABILITY_NAMESPACE, METRICS_PORT)],
        ),
        service_account(f"{name}-account", NAME, space_name, parent=name, space=space),
        config_map(f"{name}-config", NAME, space_name, files, parent=name, space=space),
        _service(name, space_name, space),
        _server(vertical, queue, images.redis, images.redis_exporter, component=name, space=space),
        disruption_budget(f"{name}-disruption-budget", NAME, space_name, 1, parent=name, space=space),
        config_map(f"{name}-settings", SETTINGS, vertical.name, settings, parent=name, space=f"{vertical.name}-namespace"),
        _way_out(vertical.name, space_name, component=name),
    ]


def _claims(vertical: str, queue: Queue) -> dict[str, Any]:
    return {
        "vertical": vertical,
        "depthCap": queue.depth_cap,
        "payloadBytes": queue.payload,
        "overheadBytes": queue.overhead,
        "retained": queue.retained,
        "maxMemoryBytes": queue.max_memory,
    }


def _clients(vertical: str, label: str) -> list[Peer]:
    return [
        Peer((PORT,), {"matchLabels": {f"{DOMAIN}/vertical": vertical}}),
        Peer((PORT,), {"matchLabels": {label: vertical}}),
    ]


def _way_out(vertical: str, queue_space: str, *, component: str) -> Rendered:
    """Return the exception to the vertical's default-deny: its pods may speak with their queue."""
    to = {
        "to": in_namespace(queue_space).rule_peers,
        "ports": [{"protocol": "TCP", "port": PORT}],
    }
    spec = {"podSelector": {}, "policyTypes": ["Egress"], "egress": [to]}
    return network_policy("to-queue", vertical, spec, parent=component, space=f"{vertical}-namespace")


def _service(component: str, space_name: str, space: str) -> Rendered:
    return kubernetes_object(
        f"{component}-service",
        "v1",
        "Service",
        {"name": NAME, "namespace": space_name, "labels": labels(NAME)},
        {
            "spec": {
                "clusterIP": "None",
                "selector": selected(NAME),
                "ports": [{"name": NAME, "port": PORT, "targetPort": NAME, "protocol": "TCP"}],
            }
        },
        parent=component,
        after=(space,),
    )


def _server(vertical: QueuePlan, queue: Queue, image: str, exporter: str, *, component: str, space: str) -> Rendered:
    pod = {
        "serviceAccountName": NAME,
        "automountServiceAccountToken": False,
        "nodeSelector": {f"{DOMAIN}/pool": vertical.spec.pool},
        "securityContext": pod_with_disk(),
        "containers": [_redis(queue, image), _exporter(vertical.name, queue, exporter)],
        "volumes": [
            {"name": "config", "configMap": {"name": NAME}},
            {"name": "users", "secret": {"secretName": "redis-users"}},
            *([{"name": "tls", "secret": {"secretName": "redis-tls"}}] if queue.tls else []),
        ],
    }
    spec = {
        "serviceName": NAME,
        "replicas": 1,
        "selector": {"matchLabels": selected(NAME)},
        "template": {"metadata": {"labels": labels(NAME), "annotations": configured(redis_config(queue))}, "spec": pod},
        "volumeClaimTemplates": [disk_claim(queue.storage_class, server_disk(queue))],
    }
    annotations = {f"{DOMAIN}/kind": "redis", f"{DOMAIN}/vertical": vertical.name} | _figures(vertical, queue)
    metadata = {"name": NAME, "namespace": queue_namespace(vertical.name), "labels": labels(NAME), "annotations": annotations}
    after = (space, f"{component}-config")
    return kubernetes_object(
        f"{component}-server", "apps/v1", "StatefulSet", metadata, {"spec": spec}, parent=component, after=after
    )


def _figures(vertical: QueuePlan, queue: Queue) -> dict[str, str]:
    load = None if vertical.spec.queue is None else vertical.spec.queue.load
    arriving = (
        {}
        if load is None
        else claimed(
            busy_jobs_per_second=load.busy_jobs_per_second,
            busy_seconds=load.busy,
            quiet_jobs_per_second=load.quiet_jobs_per_second,
        )
    )
    return arriving | claimed(
        payload_bytes=queue.payload,
        overhead_bytes=queue.overhead,
        job_seconds=queue.job,
        drain_seconds=queue.drain_within,
        lead_seconds=queue.lead_time,
    )


def _redis(queue: Queue, image: str) -> dict[str, Any]:
    secure = ["--tls", "--cacert", f"{TLS_FOLDER}/ca.crt"] if queue.tls else []
    # -e turns an error into an exit code: a server that still loads its file answers, but with an error.
    ping = ["redis-cli", "-p", str(PORT), *secure, "--user", "probe", "--pass", "none", "--no-auth-warning", "-e", "ping"]
    return {
        "name": NAME,
        "image": image,
        "command": ["redis-server", f"{CONFIG_FOLDER}/redis.conf"],
        "ports": [{"name": NAME, "containerPort": PORT}],
        "resources": resources(queue.cpu, server_memory(queue)),
        "securityContext": unprivileged(),
        "readinessProbe": {"exec": {"command": ping}},
        # Its listening socket answers also while it loads its file, which may take long and must not get it restarted.
        "livenessProbe": {"tcpSocket": {"port": NAME}},
        "volumeMounts": [
            disk_mount(),
            folder("config", CONFIG_FOLDER),
            folder("users", USERS_FOLDER),
            *([folder("tls", TLS_FOLDER)] if queue.tls else []),
        ],
    }


def _exporter(vertical: str, queue: Queue, image: str) -> dict[str, Any]:
    keys = ",".join(f"db0={prefix(vertical)}:{state}" for state in STATES)
    environment: list[dict[str, Any]] = [
        {"name": "REDIS_ADDR", "value": f"redis{'s' if queue.tls else ''}://localhost:{PORT}"},
        {"name": "REDIS_USER", "value": "exporter"},
        from_secret("REDIS_PASSWORD", "redis-exporter", "password"),
        {"name": "REDIS_EXPORTER_CHECK_SINGLE_KEYS", "value": keys},
    ]
    if queue.tls:
        # The certificate is for the service's name, and this is the same pod's loopback.
        environment.append({"name": "REDIS_EXPORTER_SKIP_TLS_VERIFICATION", "value": "true"})
    return exporter_container(image, queue.exporter, METRICS_PORT, env=environment)
