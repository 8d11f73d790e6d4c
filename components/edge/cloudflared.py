"""The replicas of a tunnel in the cluster: a fixed number of them, far apart, that end slowly."""

import math
from typing import Any

from capacity.sizing.tunnel import Tunnel
from components.edge.names import NAME, resource_name
from components.edge.tunnel import CONFIG_FOLDER
from components.kubernetes import DOMAIN, claimed, disruption_budget, kubernetes_object, labels, selected
from components.pods import PROBES, sized_as, spread, unprivileged, unprivileged_pod
from headroom.blueprint import Rendered

CONTAINER = "cloudflared"
PARTS = {"app.kubernetes.io/component": "tunnel"}
"""On the replicas of every tunnel."""
_LAST_PORT = 60999
"""Of the range of local ports that the vendor advises; it begins as far below as the plan counts on ports."""


def replica_resources(name: str, tunnel: Tunnel, image: str, zones: int, *, space: str) -> list[Rendered]:
    """Return the Deployment of one tunnel and its disruption budget.

    No autoscaler: whoever scales it down cuts calls, and replicas are for losses, not for load (Cloudflare's guide).
    """
    return [
        kubernetes_object(
            resource_name(f"{name}-deployment"),
            "apps/v1",
            "Deployment",
            {
                "name": name,
                "namespace": NAME,
                "labels": labels(name) | PARTS,
                "annotations": {f"{DOMAIN}/kind": "tunnel"}
                | claimed(
                    tunnels=tunnel.tunnels,
                    ports_per_session=tunnel.ports_per_session,
                    descriptors_per_session=tunnel.descriptors_per_session,
                    lead_seconds=tunnel.lead_time,
                ),
            },
            {"spec": _deployment(name, tunnel, image, zones)},
            parent=NAME,
            after=(space, resource_name(f"{name}-credentials"), resource_name(f"{name}-routes")),
        ),
        disruption_budget(resource_name(f"{name}-disruption-budget"), name, NAME, 1, parent=NAME, space=space),
    ]


def _deployment(name: str, tunnel: Tunnel, image: str, zones: int) -> dict[str, Any]:
    files = f"- type: RLIMIT_NOFILE\n  hard: {tunnel.descriptors}\n  soft: {tunnel.descriptors}\n"
    pod = {
        "serviceAccountName": "cloudflared",
        "automountServiceAccountToken": False,
        "nodeSelector": {f"{DOMAIN}/pool": tunnel.pod.pool},
        "affinity": {
            "podAntiAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": [
                    {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": selected(name)}}
                ]
            }
        },
        "topologySpreadConstraints": spread(selected(name), zones),
        "terminationGracePeriodSeconds": math.ceil(tunnel.grace),
        "securityContext": unprivileged_pod()
        | {
            "sysctls": [{"name": "net.ipv4.ip_local_port_range", "value": f"{_LAST_PORT - tunnel.limits.ports + 1} {_LAST_PORT}"}]
        },
        "containers": [
            {
                "name": CONTAINER,
                "image": image,
                "args": ["tunnel", "--config", f"{CONFIG_FOLDER}/config.yml", "run"],
                "ports": [{"name": PROBES, "containerPort": tunnel.probes.port}],
                **_probes(tunnel),
                "resources": sized_as(tunnel.pod),
                "securityContext": unprivileged(),
                "volumeMounts": [{"name": "config", "mountPath": CONFIG_FOLDER, "readOnly": True}],
            }
        ],
        "volumes": [{"name": "config", "secret": {"secretName": name}}],
    }
    return {
        "replicas": tunnel.replicas,
        "selector": {"matchLabels": selected(name)},
        # One at a time and none beside: with required anti-affinity there may be no node for one more.
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}},
        "template": {
            "metadata": {
                "labels": labels(name) | PARTS,
                "annotations": {f"ulimits.nri.containerd.io/container.{CONTAINER}": files},
            },
            "spec": pod,
        },
    }


def _probes(tunnel: Tunnel) -> dict[str, Any]:
    """Return the probes. /ready answers while there is a connection to Cloudflare."""
    probes = tunnel.probes
    period, timeout = math.ceil(probes.period), math.ceil(probes.timeout)

    def probe(within: float) -> dict[str, Any]:
        return {
            "httpGet": {"path": "/ready", "port": PROBES},
            "periodSeconds": period,
            "timeoutSeconds": timeout,
            "failureThreshold": math.ceil(within / period),
        }

    return {
        "startupProbe": probe(probes.start),
        "readinessProbe": probe(probes.unready),
        "livenessProbe": probe(probes.dead),
    }
