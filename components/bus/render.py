"""The NATS cluster, the streams of its accounts, and what the pods that speak on it are told."""

from typing import Any

from capacity.plan import CapacityPlan, LivePlan
from capacity.sizing.bus import BusSection
from components.bus.config import (
    CLIENT_PORT,
    CLUSTER_PORT,
    MONITOR_PORT,
    NAME,
    PEERS,
    STREAM,
    administrator,
    client_settings,
    nats_config,
    route_variables,
    stream_config,
    variable,
)
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
from components.pods import resources, unprivileged, unprivileged_pod
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
from headroom.blueprint import Rendered, canonical_json, digest

SPACE = f"{NAME}-namespace"
SECRET = "bus-users"  # noqa: S105  # the name of a Secret, not a secret
"""A password by user, and one of the routes: an operator makes it. The clients' may be bcrypt's."""
SETTINGS = "bus-settings"
"""The ConfigMap in a vertical's own namespace that its pods read; its file is bus.json."""
STREAMS = "streams"
METRICS_PORT = 7777
CONFIG_FOLDER = "/etc/nats"
HOME = "/home/nats"
"""Where the command that makes the streams keeps what it remembers."""


def bus_resources(plan: CapacityPlan, *, parent: str) -> list[Rendered]:
    """Return the component of the bus and everything below it; nothing where the spec has none.

    The streams are made by a Job with an account's administrator, not by the callers: who may make a stream may lift its cap.
    A changed stream is another Job, for a Job cannot change. Needs the namespaces of the verticals.
    """
    bus, images = plan.stack.bus, plan.images
    if bus is None or images.nats is None or images.nats_exporter is None or images.nats_tools is None:
        return []
    speakers = [live for live in plan.live if live.spec.kind == "nats"]
    names = [speaker.name for speaker in speakers]
    # The spec lets a vertical with health data be the only one on the bus.
    owner = next((speaker.name for speaker in speakers if speaker.spec.phi), None)
    claims = {"servers": bus.servers, "survive": bus.survive, "replicas": bus.replicas, "accounts": names}
    clients = [Peer((CLIENT_PORT,), {"matchLabels": {f"{DOMAIN}/vertical": name}}) for name in names]
    within = in_namespace(NAME, CLIENT_PORT, CLUSTER_PORT)
    return [
        Rendered("headroom:bus:Nats", NAME, claims, parent=parent),
        namespace(NAME, resource=SPACE, parent=NAME, labels={} if owner is None else {HEALTH_DATA: owner}),
        *network_policies(
            NAME,
            parent=NAME,
            space=SPACE,
            ingress=[*clients, within, in_namespace(OBSERVABILITY_NAMESPACE, METRICS_PORT)],
            egress=[within],
        ),
        service_account(f"{NAME}-account", NAME, NAME, parent=NAME, space=SPACE),
        config_map(f"{NAME}-config", NAME, NAME, {"nats.conf": nats_config(bus, names)}, parent=NAME, space=SPACE),
        _service(PEERS, {"clusterIP": "None", "publishNotReadyAddresses": True}, CLUSTER_PORT),
        _service(NAME, {"type": "ClusterIP"}, CLIENT_PORT),
        _servers(bus, names, images.nats, images.nats_exporter),
        disruption_budget(f"{NAME}-disruption-budget", NAME, NAME, 1, parent=NAME, space=SPACE),
        *(one for speaker in speakers for one in _speaker(bus, speaker, images.nats_tools)),
    ]


def _service(name: str, kind: dict[str, Any], port: int) -> Rendered:
    ports = [{"name": NAME, "port": port, "targetPort": port, "protocol": "TCP"}]
    return kubernetes_object(
        f"{name}-service",
        "v1",
        "Service",
        {"name": name, "namespace": NAME, "labels": labels(NAME)},
        {"spec": {**kind, "selector": selected(NAME), "ports": ports}},
        parent=NAME,
        after=(SPACE,),
    )


def _servers(bus: BusSection, speakers: list[str], image: str, exporter: str) -> Rendered:
    reads = ["-varz", "-connz", "-routez", "-jsz=all", f"-port={METRICS_PORT}", f"http://localhost:{MONITOR_PORT}"]
    pod = {
        "serviceAccountName": NAME,
        "automountServiceAccountToken": False,
        "nodeSelector": {f"{DOMAIN}/pool": bus.pod.pool},
        "topologySpreadConstraints": _apart(bus),
        "terminationGracePeriodSeconds": bus.grace_seconds,
        "securityContext": pod_with_disk(),
        "containers": [
            _server(bus, speakers, image),
            exporter_container(exporter, bus.exporter, METRICS_PORT, args=reads),
        ],
        "volumes": [{"name": "config", "configMap": {"name": NAME}}, {"name": "run", "emptyDir": {"medium": "Memory"}}],
    }
    spec = {
        "serviceName": PEERS,
        "replicas": bus.servers,
        # A cluster needs most of its servers before one of them is ready.
        "podManagementPolicy": "Parallel",
        "selector": {"matchLabels": selected(NAME)},
        "template": {"metadata": {"labels": labels(NAME), "annotations": configured(nats_config(bus, speakers))}, "spec": pod},
        "volumeClaimTemplates": [disk_claim(bus.storage_class, bus.disk(len(speakers)))],
    }
    metadata = {"name": NAME, "namespace": NAME, "labels": labels(NAME), "annotations": {f"{DOMAIN}/kind": "bus"} | _figures(bus)}
    return kubernetes_object(
        f"{NAME}-servers", "apps/v1", "StatefulSet", metadata, {"spec": spec}, parent=NAME, after=(SPACE, f"{NAME}-config")
    )


def _figures(bus: BusSection) -> dict[str, str]:
    return claimed(
        survive=bus.survive,
        messages_per_second=bus.messages.value,
        messages_per_session=bus.messages_per_session,
        reader_stall_seconds=bus.reader_stall,
    )


def _apart(bus: BusSection) -> list[dict[str, Any]]:
    """Return the constraints that keep two servers off one node, always, and over zones where that can be.

    Pods of another version count too: servers are replaced one by one, and at no time may two copies be on one node.
    """
    chosen = {"labelSelector": {"matchLabels": selected(NAME)}, "maxSkew": 1}
    return [
        {
            **chosen,
            "topologyKey": "kubernetes.io/hostname",
            "minDomains": bus.servers,
            "whenUnsatisfiable": "DoNotSchedule",
        },
        {**chosen, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "ScheduleAnyway"},
    ]


def _server(bus: BusSection, speakers: list[str], image: str) -> dict[str, Any]:
    users = [user for name in speakers for user in (name, administrator(name))]
    passwords = [from_secret(variable(user), SECRET, user) for user in ("route", *users)]
    # Kubernetes puts the password into the addresses: in a configuration's text nothing is replaced within a word.
    routes = [
        {"name": name, "value": f"nats://route:$(ROUTE_PASSWORD)@{NAME}-{index}.{PEERS}.{NAME}.svc:{CLUSTER_PORT}"}
        for index, name in enumerate(route_variables(bus))
    ]
    return {
        "name": NAME,
        "image": image,
        "command": ["nats-server", "-c", f"{CONFIG_FOLDER}/nats.conf"],
        "env": [
            {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "GOMEMLIMIT", "value": f"{bus.heap}B"},
            *passwords,
            *routes,
        ],
        "ports": [
            {"name": "client", "containerPort": CLIENT_PORT},
            {"name": "cluster", "containerPort": CLUSTER_PORT},
            {"name": "monitor", "containerPort": MONITOR_PORT},
        ],
        "resources": resources(bus.pod.cpu, bus.pod.memory),
        "securityContext": unprivileged(),
        # Not the health of its streams: they need the other servers, which may just be starting.
        "startupProbe": _healthy("/healthz?js-enabled-only=true", failures=60),
        "readinessProbe": _healthy("/healthz?js-server-only=true", failures=3),
        "livenessProbe": _healthy("/healthz?js-enabled-only=true", failures=6),
        # The signal to end that follows is ignored by a server in its lame duck time (nats-server, signal.go).
        "lifecycle": {"preStop": {"exec": {"command": ["nats-server", "-sl=ldm=/run/nats/nats.pid"]}}},
        "volumeMounts": [
            disk_mount(),
            {"name": "run", "mountPath": "/run/nats"},
            folder("config", CONFIG_FOLDER),
        ],
    }


def _healthy(path: str, *, failures: int) -> dict[str, Any]:
    return {"httpGet": {"path": path, "port": "monitor"}, "periodSeconds": 10, "timeoutSeconds": 5, "failureThreshold": failures}


def _speaker(bus: BusSection, speaker: LivePlan, tools: str) -> list[Rendered]:
    """Return what one vertical's account needs: its stream, its settings, and the way from its pods to the bus."""
    name, space = speaker.name, f"{speaker.name}-namespace"
    stream = stream_config(bus, speaker.spec.longest_call)
    settings = {"bus.json": canonical_json(client_settings(bus, name))}
    reach = {"to": in_namespace(NAME).rule_peers, "ports": [{"protocol": "TCP", "port": CLIENT_PORT}]}
    spec = {"podSelector": {}, "policyTypes": ["Egress"], "egress": [reach]}
    return [
        config_map(f"{NAME}-{name}-stream", f"{name}-stream", NAME, {"stream.json": stream}, parent=NAME, space=SPACE),
        _job(bus, name, stream, tools),
        config_map(f"{NAME}-{name}-settings", SETTINGS, name, settings, parent=NAME, space=space),
        network_policy(f"{name}-to-bus", name, spec, parent=NAME, space=space),
    ]


def _job(bus: BusSection, speaker: str, stream: str, image: str) -> Rendered:
    config = f"{CONFIG_FOLDER}/stream.json"
    script = (
        f"if nats stream info {STREAM} >/dev/null 2>&1; then exec nats stream edit {STREAM} --config {config} --force; "
        f"else exec nats stream add {STREAM} --config {config}; fi"
    )
    user = administrator(speaker)
    container = {
        "name": STREAMS,
        "image": image,
        "command": ["sh", "-c", script],
        "env": [
            {"name": "HOME", "value": HOME},
            {"name": "NATS_URL", "value": f"nats://{NAME}.{NAME}.svc:{CLIENT_PORT}"},
            {"name": "NATS_USER", "value": user},
            from_secret("NATS_PASSWORD", SECRET, user),
        ],
        "resources": resources(bus.exporter.cpu, bus.exporter.memory),
        "securityContext": unprivileged(),
        "volumeMounts": [folder("config", CONFIG_FOLDER), {"name": "home", "mountPath": HOME}],
    }
    pod = {
        "serviceAccountName": NAME,
        "automountServiceAccountToken": False,
        "nodeSelector": {f"{DOMAIN}/pool": bus.pod.pool},
        "restartPolicy": "OnFailure",
        "securityContext": unprivileged_pod(),
        "containers": [container],
        "volumes": [
            {"name": "config", "configMap": {"name": f"{speaker}-stream"}},
            {"name": "home", "emptyDir": {"medium": "Memory"}},
        ],
    }
    version = digest({"stream": stream, "image": image, "script": script}).removeprefix("sha256:")[:8]
    metadata = {
        "name": f"{speaker}-{STREAMS}-{version}",
        "namespace": NAME,
        "labels": labels(STREAMS),
        "annotations": {f"{DOMAIN}/kind": STREAMS},
    }
    return kubernetes_object(
        f"{NAME}-{speaker}-{STREAMS}",
        "batch/v1",
        "Job",
        metadata,
        {"spec": {"template": {"metadata": {"labels": labels(STREAMS)}, "spec": pod}}},
        parent=NAME,
        after=(f"{NAME}-servers", f"{NAME}-{speaker}-stream"),
    )
