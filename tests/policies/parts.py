"""The parts of a stack beside its verticals, written by hand, each such that it passes every rule; samples add them by name."""

import copy
import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from tests.policies.objects import rendered
from tests.policies.watched import watched

Document = dict[str, Any]

PARTS = ("alerts", "bus", "carrier", "edge", "gateways", "gpu", "latency", "queue", "tools", "tunnel", "turn", "watched")
_POOL = {"headroom.dev/pool": "parts"}
_DAY = 86_400


def part(name: str) -> list[Document]:
    """Return the resources of a part, and the machines that it stands on."""
    made = {
        "alerts": _alerts,
        "bus": _bus,
        "carrier": _carrier,
        "edge": _edge,
        "gateways": _gateways,
        "gpu": _gpu,
        "latency": _latency,
        "queue": _queue,
        "tools": _tools,
        "tunnel": _tunnel,
        "turn": _turn,
        "watched": _watched,
    }[name]()
    return copy.deepcopy([*_machines(), *made])


def rules_text(
    changed: Mapping[str, float | None] = MappingProxyType({}), faults: Mapping[str, str] = MappingProxyType({})
) -> str:
    """Return the rules of Prometheus for the base with every part; a figure that is None is left out.

    A fault names an alert: to `drop`, to have `twice`, to be `blind` to what it should look at, or too `slow`; `interval` and
    `limit` are said of all of them.
    """
    figures: dict[str, tuple[str, dict[str, str], float]] = {
        "healthcare_ceiling": ("vertical:session_ceiling_per_pod:plan", {"vertical": "healthcare"}, 80),
        "healthcare_admitted": ("vertical:admitted_per_pod:plan", {"vertical": "healthcare"}, 80),
        "healthcare_alert": ("vertical:alert_utilisation:plan", {"vertical": "healthcare"}, 0.666666),
        "sales_ceiling": ("vertical:session_ceiling_per_pod:plan", {"vertical": "sales"}, 250),
        "sales_admitted": ("vertical:admitted_per_pod:plan", {"vertical": "sales"}, 250),
        "sales_alert": ("vertical:alert_utilisation:plan", {"vertical": "sales"}, 0.666666),
        "depth": ("vertical:queue_depth_cap:plan", {"vertical": "after-hours"}, 1000),
        "replicas": ("tunnel:replicas:plan", {}, 2),
        "first_token": ("latency:first_token_seconds:plan", {}, 0.8),
        "first_audio": ("latency:first_audio_seconds:plan", {}, 1.4),
        "tokens": ("model:limit:plan", {"limit": "tokens a minute"}, 20e6),
        "valid_until": ("forecast:valid_until_timestamp_seconds:plan", {}, 1796083200),
    }
    constants = [
        {"record": record, "expr": f"vector({changed.get(name, value):.12g})", **({"labels": labels} if labels else {})}
        for name, (record, labels, value) in figures.items()
        if changed.get(name, value) is not None
    ]
    alerts = [
        ("SessionUtilisationHigh", "vertical:utilisation:ratio > on (vertical) vertical:alert_utilisation:plan", "600s"),
        ("CallsBlocked", "voice_admission_rejected_total > 0", None),
        ("SessionMetricsAbsent", "vertical:session_ceiling_per_pod:plan unless on (vertical) vertical:active_sessions:sum", "2m"),
        ("AutoscalerAtMaximum", "vertical:pods_desired:max >= on (vertical) vertical:pods_ceiling:max", "600s"),
        ("ModelNearLimit", "model:use:sum / on (limit) model:limit:plan > 0.9", "120s"),
        ("ForecastLockEnds", "forecast:valid_until_timestamp_seconds:plan - time() < 604800", None),
        ("QueueDeep", "bullmq_job_count / on (vertical) vertical:queue_depth_cap:plan > 0.9", "120s"),
        ("TunnelReplicasMissing", "count(cloudflared_tunnel_ha_connections > 0) < on () tunnel:replicas:plan", "120s"),
        ("FirstTokenSlow", "first_token > on () group_left () latency:first_token_seconds:plan", "600s"),
        ("FirstAudioSlow", "first_audio > on () group_left () latency:first_audio_seconds:plan", "600s"),
    ]
    rules = []
    for name, expr, hold in alerts:
        rule = {"alert": name, "expr": "vector(1) > 2" if faults.get("blind") == name else expr}
        if (waits := "11m" if faults.get("slow") == name else hold) is not None:
            rule["for"] = waits
        rules += [rule] * (0 if faults.get("drop") == name else 2 if faults.get("twice") == name else 1)
    seldom = {key: faults[key] for key in ("interval", "limit") if key in faults}
    groups = [{"name": "plan", "rules": constants}, {"name": "alerts", "rules": rules, **seldom}]
    return json.dumps({"groups": groups}, indent=1)


def caps_text(
    plans: Mapping[str, Document] = MappingProxyType({}), verticals: Mapping[str, Document | None] = MappingProxyType({})
) -> str:
    """Return what the router of the base admits by, with other plans and other places; a vertical of None is left out."""
    starts = {"perSecond": 120, "burst": 120}
    admitted = {
        "starter": {"cap": 50, "guaranteed": 0, "guarantees": {}, "starts": starts},
        "enterprise": {"cap": 500, "guaranteed": 400, "guarantees": {"healthcare": 150, "sales": 250}, "starts": starts},
    }
    places = {
        "healthcare": {"calls": 1512, "reserved": 300, "shards": 1, "block": 30},
        "sales": {"calls": 2025, "reserved": 500, "shards": 1, "block": 30},
    }
    given = {name: dict(one) for name, one in (places | dict(verticals)).items() if one is not None}
    calls = {name: one.pop("calls") for name, one in given.items()}
    changed = {name: {"starts": starts} | plan for name, plan in plans.items()}
    return json.dumps({"plans": admitted | changed, "verticals": calls, "pools": given})


def _machines() -> list[Document]:
    pool = {"nodes": 8, "survive": 1, "zones": 1, "cpuCores": 16, "memoryBytes": 64 * 2**30, "pods": 110, "leadSeconds": 0}
    return [
        _component("headroom:nodes:Pool", "pool-parts", **{"pool": "parts", **pool}),
        _component("headroom:nodes:Pool", "pool-gpu", **{"pool": "gpu", **pool, "gpus": 4}),
    ]


def _carrier() -> list[Document]:
    seen = {"basis": "declared", "source": "a contract", "date": "2026-10-01"}
    limits = {"channels": dict(seen), "startsPerSecond": dict(seen)}
    return [
        _component(
            "headroom:carrier:Carrier",
            "carrier",
            name="trunks",
            channels=4000,
            startsPerSecond=50,
            limits=limits,
            leadSeconds=28 * _DAY,
        )
    ]


def _latency() -> list[Document]:
    return [
        _component(
            "headroom:latency:Latency",
            "latency",
            quantile=0.95,
            firstTokenSeconds=0.8,
            firstAudioSeconds=1.4,
            toFirstToken={"network-in": 0.06, "end-of-speech": 0.25, "model": 0.45},
            toFirstAudio={"synthesis": 0.3, "network-out": 0.06, "playout": 0.1},
        )
    ]


def _turn() -> list[Document]:
    config = "listening-port=3478\nmin-port=49152\nmax-port=65535\nuse-auth-secret\ntotal-quota=0\nbps-capacity=125000000\n"
    figures = _claims(survive=1, relayed_share=0.2, ports_per_relayed=2, bits_per_relayed=200000, lead_seconds=28 * _DAY)
    pod = {
        "nodeSelector": _POOL,
        "affinity": _apart(),
        "terminationGracePeriodSeconds": 3630,
        "containers": [_container("turn")],
        "volumes": [{"name": "config", "configMap": {"name": "turn"}}],
    }
    template = {
        "metadata": {"labels": {"headroom.dev/region": "us-east"}, "annotations": _files("turn", 65536)},
        "spec": pod,
    }
    return [
        _space("turn"),
        rendered("turn-config", "v1", "ConfigMap", "turn", "turn", {"data": {"turnserver.conf": config}}),
        _workload("turn-servers", "Deployment", "turn", "turn", "turn", figures, {"replicas": 3, "template": template}),
    ]


def _gpu() -> list[Document]:
    figures = _claims(
        gpu_memory_bytes=48_000_000_000,
        weights_bytes=4_500_000_000,
        workspace_bytes=1_000_000_000,
        streams=30,
        share=0.02,
        survive=1,
        lead_seconds=28 * _DAY,
    )
    told = {"HEADROOM_MAX_STREAMS": "30", "HEADROOM_SESSION_BYTES": "1000000000", "HEADROOM_KV_CACHE_BYTES": "30000000000"}
    container = _container("app", gpus=1) | {"env": [{"name": name, "value": value} for name, value in told.items()]}
    pod = {
        "runtimeClassName": "headroom-nvidia",
        "nodeSelector": {"headroom.dev/pool": "gpu"},
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
        "topologySpreadConstraints": [_spread("kubernetes.io/hostname")],
        "containers": [container],
    }
    template = {"metadata": {"labels": {"headroom.dev/region": "us-east"}}, "spec": pod}
    daemon = {
        "nodeSelector": {"headroom.dev/pool": "gpu"},
        "volumes": [{"name": "config", "configMap": {"name": "device-plugin"}}],
        "containers": [_container("daemon", cpu="10m", memory="16Mi")],
    }
    config = {"data": {"config.yaml": "version: v1\nflags: {migStrategy: none}\n"}}
    runtime = {"type": "kubernetes:node.k8s.io/v1:RuntimeClass", "name": "gpu-runtime-class"}
    manifest = {"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": "headroom-nvidia"}}
    return [
        _space("gpu-asr"),
        _space("node-bootstrap"),
        runtime | {"props": manifest | {"handler": "nvidia"}},
        rendered("device-plugin-config", "v1", "ConfigMap", "device-plugin", "node-bootstrap", config),
        _workload(
            "device-plugin-daemon",
            "DaemonSet",
            "device-plugin",
            "node-bootstrap",
            "device-plugin",
            {},
            {"template": {"spec": daemon}},
        ),
        _workload(
            "gpu-asr-deployment", "Deployment", "gpu-asr", "gpu-asr", "asr", figures, {"replicas": 5, "template": template}
        ),
    ]


def _queue() -> list[Document]:
    config = (
        "bind * -::*\nmaxmemory 33554432\nmaxmemory-policy noeviction\nappendonly yes\nappendfsync everysec\n"
        'auto-aof-rewrite-percentage 100\nsave ""\n'
    )
    settings = {
        "queue": "after-hours",
        "depthCap": 1000,
        "defaultJobOptions": {"removeOnComplete": {"count": 500}, "removeOnFail": {"count": 500}},
        "worker": {"concurrency": 10},
    }
    figures = _claims(
        vertical="after-hours",
        payload_bytes=2000,
        overhead_bytes=1024,
        busy_jobs_per_second=2,
        busy_seconds=3600,
        quiet_jobs_per_second=1,
        job_seconds=8,
        drain_seconds=7200,
        lead_seconds=28 * _DAY,
    )
    pod = {
        "nodeSelector": _POOL,
        "containers": [_container("redis", memory="64Mi")],
        "volumes": [{"name": "config", "configMap": {"name": "redis"}}],
    }
    disk = {
        "metadata": {"name": "data"},
        "spec": {"storageClassName": "replicated", "resources": {"requests": {"storage": "128Mi"}}},
    }
    body = {"replicas": 1, "template": {"spec": pod}, "volumeClaimTemplates": [disk]}
    return [
        _space("after-hours-queue"),
        rendered("queue-config", "v1", "ConfigMap", "redis", "after-hours-queue", {"data": {"redis.conf": config}}),
        rendered(
            "queue-settings", "v1", "ConfigMap", "queue-settings", "after-hours", {"data": {"bullmq.json": json.dumps(settings)}}
        ),
        _workload("queue-server", "StatefulSet", "redis", "after-hours-queue", "redis", figures, body),
    ]


def _tools() -> list[Document]:
    figures = _claims(survive=1, calls_per_session=2, call_seconds=1.5, service_level=0.95)
    pod = _told("1", HEADROOM_SLOTS="20", HEADROOM_WAIT_MS="100")
    return [
        _space("tools"),
        _workload("tools", "Deployment", "tools", "tools", "tools", figures, {"replicas": 5, "template": {"spec": pod}}),
    ]


def _gateways() -> list[Document]:
    models = {"replicas": 4, "template": {"spec": _told("1", HEADROOM_MAX_STREAMS="30")}}
    settings = json.dumps({"queue": "after-hours", "depthCap": 1000})
    callbacks = {"replicas": 2, "template": {"spec": _told("1", HEADROOM_SETTINGS=settings)}}
    taken = _claims(queue="after-hours", survive=1, per_second=10)
    return [
        *_gpu(),
        *_queue(),
        _space("gateway"),
        _space("after-hours-callbacks"),
        _workload("gateway", "Deployment", "gateway", "gateway", "gateway", _claims(survive=1), models),
        _workload("callbacks", "Deployment", "callbacks", "after-hours-callbacks", "queue-gateway", taken, callbacks),
    ]


def _told(cpu: str, **environment: str) -> Document:
    container = _container("app", cpu=cpu) | {"env": [{"name": name, "value": value} for name, value in environment.items()]}
    return {
        "nodeSelector": _POOL,
        "topologySpreadConstraints": [_spread("kubernetes.io/hostname"), _spread("topology.kubernetes.io/zone")],
        "containers": [container],
    }


def _bus() -> list[Document]:
    config = """\
server_name: $POD_NAME
port: 4222
pid_file: /run/nats/nats.pid
max_connections: 65536 # of one server
max_payload: 1MB
jetstream { store_dir: /data, max_file_store: 3000000000 }
cluster { name: bus, routes: [$ROUTE_0, $ROUTE_1] }
accounts {
  "sales" {
    jetstream { max_file: 6000000000, max_memory: 0 }
    limits { max_connections: 100, max_payload: 1048576 }
    users: [ { user: "sales", password: $PASSWORD, permissions: { publish: { deny: ["$JS.API.STREAM.CREATE.>"] } } } ]
  }
}
"""
    stream = {
        "name": "CALLS",
        "subjects": ["call.*"],
        "storage": "file",
        "num_replicas": 3,
        "max_msgs_per_subject": 600,
        "max_msg_size": 1000,
        "max_bytes": 2_000_000_000,
        "discard": "new",
        "discard_new_per_subject": True,
    }
    figures = _claims(survive=1, messages_per_second=60000, messages_per_session=50, reader_stall_seconds=10)
    spread = _spread("kubernetes.io/hostname") | {"whenUnsatisfiable": "DoNotSchedule", "minDomains": 3}
    pod = {
        "nodeSelector": _POOL,
        "topologySpreadConstraints": [spread],
        "containers": [_container("bus")],
        "volumes": [{"name": "config", "configMap": {"name": "bus"}}],
    }
    disk = {"metadata": {"name": "data"}, "spec": {"resources": {"requests": {"storage": "3000000000"}}}}
    body = {"replicas": 3, "template": {"spec": pod}, "volumeClaimTemplates": [disk]}
    return [
        _space("bus"),
        rendered("bus-config", "v1", "ConfigMap", "bus", "bus", {"data": {"nats.conf": config}}),
        rendered("bus-sales-stream", "v1", "ConfigMap", "sales-stream", "bus", {"data": {"stream.json": json.dumps(stream)}}),
        _streams(),
        _workload("bus-servers", "StatefulSet", "bus", "bus", "bus", figures, body),
    ]


def _tunnel() -> list[Document]:
    figures = _claims(tunnels=1, ports_per_session=1, descriptors_per_session=2, lead_seconds=28 * _DAY)
    ports = {"name": "net.ipv4.ip_local_port_range", "value": "11000 60999"}
    pod = {
        "nodeSelector": _POOL,
        "affinity": _apart(),
        "terminationGracePeriodSeconds": 181,
        "securityContext": {"sysctls": [ports]},
        "containers": [_container("cloudflared", cpu="10m", memory="16Mi")],
    }
    template = {"metadata": {"annotations": _files("cloudflared", 100_000)}, "spec": pod}
    return [
        _space("edge"),
        _workload("tunnel", "Deployment", "tunnel", "edge", "tunnel", figures, {"replicas": 2, "template": template}),
    ]


def _edge() -> list[Document]:
    sold = {
        "starter": {"tenants": 30, "cap": 50, "guaranteed": 0},
        "enterprise": {"tenants": 2, "cap": 500, "guaranteed": 400},
    }
    caps = caps_text()
    gateway = {"starter": {"streams": 50, "requestsPerMinute": 1000}, "enterprise": {"streams": 500, "requestsPerMinute": 10000}}
    told = {"heartbeatSeconds": 30, "leaseSeconds": 90}
    counted = told | {"loanSeconds": 240, "session": {"marginSeconds": 2}}
    called = told | {"tokens": {"audience": "calls.example.com"}}
    shield = {"name": "SHIELD", "type": "ratelimit", "namespaceId": "1", "simple": {"limit": 6000, "period": 60}}
    flood = {"characteristics": ["ip.src"], "period": 60, "requestsPerPeriod": 6000}
    scripts: list[Document] = [
        {
            "scriptName": "sessions",
            "mainModule": "sessions.js",
            "content": "env.SETTINGS; env.TENANT_GATE; export { CallSession, TenantGate, main as default };",
            "bindings": [_json("SETTINGS", counted), _objects("TENANT_GATE", "TenantGate", "sessions")],
            "migrations": {"newTag": "v1", "newSqliteClasses": ["CallSession", "TenantGate"]},
        },
        {
            "scriptName": "router",
            "mainModule": "router.js",
            "content": "env.SETTINGS; env.TENANT_GATE; env.CALL_SESSION; env.PLANS; env.CALLBACKS; env.SHIELD;",
            "bindings": [
                _json("SETTINGS", called),
                _objects("TENANT_GATE", "TenantGate", "sessions"),
                _objects("CALL_SESSION", "CallSession", "sessions"),
                {"name": "PLANS", "type": "kv_namespace", "namespaceId": "plans"},
                {"name": "CALLBACKS", "type": "queue", "queueName": "callbacks"},
                shield,
            ],
        },
    ]
    consumer = {"queueId": "callbacks", "type": "worker", "scriptName": "router", "deadLetterQueue": "dead"}
    return [
        _space("gateway"),
        _component("headroom:plan:Sold", "sold", plans=sold),
        _component("cloudflare:index/workersKv:WorkersKv", "edge-caps", keyName="caps", value=caps),
        *(_component("cloudflare:index/workersScript:WorkersScript", f"edge-{one['scriptName']}", **one) for one in scripts),
        *(_component("cloudflare:index/queue:Queue", f"edge-{name}", queueName=name) for name in ("callbacks", "dead")),
        _component("cloudflare:index/queueConsumer:QueueConsumer", "edge-consumer", **consumer),
        _component(
            "cloudflare:index/workersCustomDomain:WorkersCustomDomain",
            "edge-calls",
            hostname="calls.example.com",
            service="router",
            zoneId="zone",
        ),
        _component(
            "cloudflare:index/ruleset:Ruleset",
            "edge-shield",
            name="shield",
            kind="zone",
            phase="http_ratelimit",
            zoneId="zone",
            rules=[{"action": "block", "expression": "true", "ratelimit": flood}],
        ),
        *(
            _component(
                "cloudflare:index/workersScriptSubdomain:WorkersScriptSubdomain",
                f"edge-{name}-closed",
                scriptName=name,
                enabled=False,
                previewsEnabled=False,
            )
            for name in ("sessions", "router")
        ),
        *(
            _component(
                "cloudflare:index/zeroTrustAccessApplication:ZeroTrustAccessApplication",
                f"edge-{path}-access",
                type="self_hosted",
                domain=f"calls.example.com/{path}",
                policies=[{"id": "people", "precedence": 1}],
            )
            for path in ("admin", "metrics")
        ),
        rendered("gateway-config", "v1", "ConfigMap", "gateway", "gateway", {"data": {"plans.json": json.dumps(gateway)}}),
    ]


def _json(name: str, document: Document) -> Document:
    return {"name": name, "type": "json", "json": json.dumps(document)}


def _objects(name: str, objects: str, script: str) -> Document:
    return {"name": name, "type": "durable_object_namespace", "className": objects, "scriptName": script}


def _alerts() -> list[Document]:
    data = {"data": {"rules.yaml": rules_text()}}
    return [
        *_latency(),
        *_queue(),
        *_tunnel(),
        _component("headroom:observability:Observability", "observability", alerts=[]),
        _space("observability"),
        rendered("prometheus-config", "v1", "ConfigMap", "prometheus", "observability", data),
    ]


def _streams() -> Document:
    pod = {
        "nodeSelector": _POOL,
        "containers": [_container("streams", cpu="10m", memory="16Mi")],
        "volumes": [{"name": "stream", "configMap": {"name": "sales-stream"}}],
    }
    made = rendered("bus-sales-streams", "batch/v1", "Job", "sales-streams", "bus", {"spec": {"template": {"spec": pod}}})
    made["props"]["metadata"]["annotations"] = {"headroom.dev/kind": "streams"}
    return made


def _watched() -> list[Document]:
    return watched(rules_text())


def _component(type_token: str, resource: str, **props: object) -> Document:
    return {"type": type_token, "name": resource, "props": props}


def _space(name: str) -> Document:
    return rendered(f"{name}-namespace", "v1", "Namespace", name, None, {})


def _workload(  # noqa: PLR0917  # a row of a table
    name: str, kind: str, object_name: str, space: str, known_as: str, figures: dict[str, str], spec: Document
) -> Document:
    made = rendered(name, "apps/v1", kind, object_name, space, {"spec": spec})
    made["props"]["metadata"]["annotations"] = {"headroom.dev/kind": known_as, **figures}
    return made


def _claims(**claims: object) -> dict[str, str]:
    return {f"headroom.dev/{key.replace('_', '-')}": str(value) for key, value in claims.items()}


def _files(container: str, number: int) -> dict[str, str]:
    limit = f"- type: RLIMIT_NOFILE\n  hard: {number}\n  soft: {number}\n"
    return {f"ulimits.nri.containerd.io/container.{container}": limit}


def _apart() -> Document:
    return {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "kubernetes.io/hostname"}]}}


def _spread(key: str) -> Document:
    return {"maxSkew": 1, "topologyKey": key, "whenUnsatisfiable": "ScheduleAnyway"}


def _container(name: str, cpu: str = "1", memory: str = "1Gi", gpus: int = 0) -> Document:
    size = {"cpu": cpu, "memory": memory} | ({"nvidia.com/gpu": str(gpus)} if gpus else {})
    return {"name": name, "resources": {"requests": dict(size), "limits": dict(size)}}
