"""The edge of the stack: from the host that clients call to the pods of the verticals."""

from capacity.plan import CapacityPlan
from components.edge.access import access_resources
from components.edge.cloudflared import PARTS, replica_resources
from components.edge.names import NAME, call_host, tunnel_names
from components.edge.scripts import script_resources
from components.edge.tunnel import Origin, callback_origins, origins, tunnel_resources
from components.kubernetes import namespace, service_account
from components.network import OBSERVABILITY_NAMESPACE, in_namespace, network_policies, network_policy
from headroom.blueprint import Rendered

SPACE = "edge-namespace"
CLOUDFLARE_PORT = 7844
"""Where tunnels connect to (Cloudflare docs, tunnel with firewall)."""


def edge_resources(plan: CapacityPlan, *, parent: str) -> list[Rendered]:
    """Return the component of the edge and everything below it; nothing where the spec has no tunnel."""
    tunnel, scripts, gate = plan.stack.edge.tunnel, plan.stack.edge.scripts, plan.stack.edge.admission_gate
    image, target = plan.images.cloudflared, None if plan.target is None else plan.target.cloudflare
    if tunnel is None or image is None or target is None:
        return []
    live, callbacks = origins(plan, target), callback_origins(plan, target)
    served = [*live, *callbacks]
    claims = {
        "account": target.account,
        "tunnels": tunnel.tunnels,
        "replicas": tunnel.replicas,
        "calls": None if scripts is None else call_host(scripts.host, target),
        "migrationTag": None if scripts is None else scripts.migration_tag,
    }
    zones = next(pool.zones for pool in plan.pools if pool.name == tunnel.pod.pool)
    return [
        Rendered("headroom:edge:Edge", NAME, {key: value for key, value in claims.items() if value is not None}, parent=parent),
        namespace(NAME, resource=SPACE, parent=NAME),
        service_account("edge-account", "cloudflared", NAME, parent=NAME, space=SPACE),
        *_network(served, tunnel.probes.port),
        *tunnel_resources(plan.environment, tunnel, served, target, space=SPACE),
        *(
            resource
            for name in tunnel_names(tunnel.tunnels)
            for resource in replica_resources(name, tunnel, image, zones, space=SPACE)
        ),
        *(
            []
            if scripts is None or gate is None
            else [
                *access_resources(plan.environment, scripts, served, target),
                *script_resources(plan, scripts, gate, live, callbacks=callbacks, target=target),
            ]
        ),
    ]


def _network(served: list[Origin], metrics_port: int) -> list[Rendered]:
    away = {
        "podSelector": {"matchLabels": PARTS},
        "policyTypes": ["Egress"],
        "egress": [{"ports": [{"protocol": protocol, "port": CLOUDFLARE_PORT} for protocol in ("UDP", "TCP")]}],
    }
    return [
        *network_policies(
            NAME,
            parent=NAME,
            space=SPACE,
            ingress=[in_namespace(OBSERVABILITY_NAMESPACE, metrics_port)],
            egress=[in_namespace(origin.name, origin.port) for origin in served],
        ),
        network_policy("to-cloudflare", NAME, away, parent=NAME, space=SPACE),
    ]
