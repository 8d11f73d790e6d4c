"""The TURN servers: on their machines' own network, for a relay's ports are the machine's."""

from typing import Any

from capacity.plan import CapacityPlan
from capacity.sizing.turn import Relay
from components.kubernetes import (
    DOMAIN,
    claimed,
    disruption_budget,
    kubernetes_object,
    labels,
    namespace,
    selected,
    service_account,
)
from components.network import network_policies
from components.pods import resources, unprivileged, unprivileged_pod
from components.servers import config_map, configured, folder
from components.turn.config import CONFIG_FOLDER, RUN_FOLDER, SECRET_FOLDER, TLS_FOLDER, turn_config
from headroom.blueprint import Rendered

NAME = "turn"
SPACE = f"{NAME}-namespace"
SECRET = "turn-secret"  # noqa: S105  # the name of a Secret, not a secret
"""Its file auth.conf has a line `static-auth-secret=...`, or two while one replaces the other: an operator makes it."""
REGION = f"{DOMAIN}/region"
_EXEMPT = "a relay's ports and its machine's address are the machine's: hostNetwork, which only the level privileged admits"
_LEVEL = "pod-security.kubernetes.io"


def turn_resources(plan: CapacityPlan, *, parent: str) -> list[Rendered]:
    """Return the component of the TURN servers and everything below it; nothing where the spec has none.

    NetworkPolicies do not reach pods on the machine's network: what they may be reached on is the machine's firewall, and whom
    they may reach is coturn's list of denied peers. The policies deny all to any other pod in the namespace.
    """
    relay, image = plan.stack.turn, plan.images.coturn
    if relay is None or image is None:
        return []
    claims = {
        "servers": relay.servers,
        "survive": relay.survive,
        "firstPort": relay.first_port,
        "lastPort": relay.last_port,
        "region": relay.region,
    }
    space = namespace(
        NAME, resource=SPACE, parent=NAME, labels={f"{_LEVEL}/enforce": "privileged", f"{_LEVEL}/warn": "restricted"}
    )
    space.props["metadata"]["annotations"] = {f"{DOMAIN}/privileged": _EXEMPT}
    return [
        Rendered("headroom:turn:Coturn", NAME, claims, parent=parent),
        space,
        *network_policies(NAME, parent=NAME, space=SPACE),
        service_account(f"{NAME}-account", NAME, NAME, parent=NAME, space=SPACE),
        config_map(f"{NAME}-config", NAME, NAME, {"turnserver.conf": turn_config(relay)}, parent=NAME, space=SPACE),
        _servers(relay, image),
        disruption_budget(f"{NAME}-disruption-budget", NAME, NAME, max(1, relay.survive), parent=NAME, space=SPACE),
    ]


def _servers(relay: Relay, image: str) -> Rendered:
    marked = labels(NAME) | ({} if relay.region is None else {REGION: relay.region})
    pod = {
        "serviceAccountName": NAME,
        "automountServiceAccountToken": False,
        "hostNetwork": True,
        "dnsPolicy": "Default",
        "nodeSelector": {f"{DOMAIN}/pool": relay.pod.pool},
        "affinity": {
            "podAntiAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": [
                    {"labelSelector": {"matchLabels": selected(NAME)}, "topologyKey": "kubernetes.io/hostname"}
                ]
            }
        },
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "topology.kubernetes.io/zone",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": selected(NAME)},
                "matchLabelKeys": ["pod-template-hash"],
            }
        ],
        "terminationGracePeriodSeconds": relay.grace_seconds,
        "securityContext": unprivileged_pod(),
        "containers": [_server(relay, image)],
        "volumes": [
            {"name": "config", "configMap": {"name": NAME}},
            {"name": "secret", "secret": {"secretName": SECRET}},
            {"name": "run", "emptyDir": {"medium": "Memory"}},
            *([{"name": "tls", "secret": {"secretName": "turn-tls"}}] if relay.tls else []),
        ],
    }
    spec = {
        "replicas": relay.servers,
        "selector": {"matchLabels": selected(NAME)},
        # Another one on the machine would find its ports taken.
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}},
        "template": {
            "metadata": {"labels": marked, "annotations": configured(turn_config(relay)) | _open_files(relay)},
            "spec": pod,
        },
    }
    figures = claimed(
        survive=relay.survive,
        relayed_share=relay.relayed_share,
        ports_per_relayed=relay.ports_per_relayed,
        bits_per_relayed=relay.bits_per_relayed,
        lead_seconds=relay.lead_time,
    )
    metadata = {"name": NAME, "namespace": NAME, "labels": marked, "annotations": {f"{DOMAIN}/kind": NAME} | figures}
    return kubernetes_object(
        f"{NAME}-servers", "apps/v1", "Deployment", metadata, {"spec": spec}, parent=NAME, after=(SPACE, f"{NAME}-config")
    )


def _open_files(relay: Relay) -> dict[str, str]:
    """Return the annotation that sets the open files of the server (containerd's ulimit-adjuster plugin reads it)."""
    limit = f"- type: RLIMIT_NOFILE\n  hard: {relay.descriptors}\n  soft: {relay.descriptors}\n"
    return {f"ulimits.nri.containerd.io/container.{NAME}": limit}


def _machine_is_known(relay: Relay) -> str:
    """Return the command that ends the start on a machine without a public address, where machines have some by the spec."""
    if not relay.public_addresses:
        return ""
    return (
        f'sed -n "s|^external-ip=.*/||p" {CONFIG_FOLDER}/turnserver.conf | grep -qxF "$HOST_ADDRESS" || {{ '
        'echo "turn.public_addresses has no address of this machine, $HOST_ADDRESS: callers would be told its private one" >&2; '
        "exit 1; }; "
    )


def _server(relay: Relay, image: str) -> dict[str, Any]:
    # The secret goes into a file in memory: as an argument every process of the machine could read it.
    start = (
        f"{_machine_is_known(relay)}"
        f"umask 077; cat {CONFIG_FOLDER}/turnserver.conf {SECRET_FOLDER}/auth.conf > {RUN_FOLDER}/turnserver.conf && "
        f'exec turnserver -c {RUN_FOLDER}/turnserver.conf --listening-ip="$HOST_ADDRESS" --relay-ip="$HOST_ADDRESS"'
    )
    listens = {"tcpSocket": {"port": relay.listening_port}, "periodSeconds": 10}
    return {
        "name": NAME,
        "image": image,
        "command": ["sh", "-c", start],
        "env": [{"name": "HOST_ADDRESS", "valueFrom": {"fieldRef": {"fieldPath": "status.hostIP"}}}],
        "ports": [
            {"name": "turn", "containerPort": relay.listening_port, "protocol": "UDP"},
            {"name": "turn-tcp", "containerPort": relay.listening_port, "protocol": "TCP"},
            {"name": "metrics", "containerPort": relay.metrics_port, "protocol": "TCP"},
        ],
        "resources": resources(relay.pod.cpu, relay.pod.memory),
        "securityContext": unprivileged(),
        "readinessProbe": {**listens, "failureThreshold": 3},
        # Loose: a server that is restarted ends every call that it relays.
        "livenessProbe": {**listens, "failureThreshold": 12},
        # It takes no more calls and ends with its last one. To process 1 an older coturn's missing handler is no end: it goes on
        # relaying, new calls too, until the grace is over.
        "lifecycle": {"preStop": {"exec": {"command": ["sh", "-c", "kill -USR1 1; while kill -0 1; do sleep 1; done"]}}},
        "volumeMounts": [
            folder("config", CONFIG_FOLDER),
            folder("secret", SECRET_FOLDER),
            {"name": "run", "mountPath": RUN_FOLDER},
            *([folder("tls", TLS_FOLDER)] if relay.tls else []),
        ],
    }
