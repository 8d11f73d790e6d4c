"""The tunnels: their objects in Cloudflare, and the credentials of their replicas."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from capacity.plan import CapacityPlan
from capacity.sizing.tunnel import Tunnel
from capacity.target import CloudflareTarget
from components.edge.names import (
    NAME,
    TUNNEL_SECRET,
    account_name,
    cloudflare_object,
    origin_host,
    output,
    resource_name,
    tunnel_names,
)
from components.kubernetes import kubernetes_object, labels
from components.queue.callbacks import callback_gateways
from headroom.blueprint import Joined, Ref, Rendered, Secret

CONFIG_FOLDER = "/etc/cloudflared"


@dataclass(frozen=True)
class Origin:
    """Pods behind the tunnel: a vertical's, or those that take its callbacks."""

    name: str
    """Of their service and of its namespace."""
    host: str
    port: int

    @property
    def service(self) -> str:
        """Where they answer within the cluster."""
        return f"http://{self.name}.{self.name}.svc:{self.port}"


def origins(plan: CapacityPlan, target: CloudflareTarget) -> list[Origin]:
    """Return every vertical that answers calls, by its host."""
    return [Origin(live.name, origin_host(live.name, target), live.spec.port) for live in plan.live]


def callback_origins(plan: CapacityPlan, target: CloudflareTarget) -> dict[Origin, tuple[str, ...]]:
    """Return what takes callbacks, and the verticals whose it takes; nothing where the edge has no router to bring them."""
    if plan.stack.edge.scripts is None:
        return {}
    return {
        Origin(gateway.address.service, origin_host(gateway.address.service, target), gateway.address.port): gateway.serves
        for gateway in callback_gateways(plan)
    }


def tunnel_resources(
    environment: str, tunnel: Tunnel, served: Sequence[Origin], target: CloudflareTarget, *, space: str
) -> list[Rendered]:
    """Return the tunnels, their routes and the credentials of their replicas.

    Every tunnel routes to every host. One tunnel has them all; several share each by a load balancer.
    """
    names = tunnel_names(tunnel.tunnels)
    return [
        *(resource for name in names for resource in _tunnel(environment, name, served, tunnel, target, space=space)),
        *(resource for origin in served for resource in _host(environment, origin, names, target)),
    ]


def ingress_rules(served: Sequence[Origin]) -> list[dict[str, Any]]:
    """Return where a request goes by its host; the last rule takes what no host is known for."""
    return [
        *({"hostname": origin.host, "service": origin.service} for origin in served),
        {"service": "http_status:404"},
    ]


def cloudflared_config(tunnel: Tunnel, tunnel_id: Ref) -> Joined:
    """Return the configuration file of one tunnel's replicas. Where requests go is not in it: Cloudflare sends that."""
    lines = {
        "credentials-file": f"{CONFIG_FOLDER}/credentials.json",
        "no-autoupdate": "true",
        "metrics": f"0.0.0.0:{tunnel.probes.port}",
        "grace-period": f"{tunnel.limits.most_grace:g}s",
    }
    return Joined(("tunnel: ", tunnel_id, "\n", *(f"{key}: {value}\n" for key, value in lines.items())))


def credentials(account: str, tunnel_id: Ref) -> Joined:
    """Return the credentials file of a tunnel, as `cloudflared tunnel create` writes it."""
    start = json.dumps({"AccountTag": account}, separators=(",", ":")).removesuffix("}")
    return Joined((f'{start},"TunnelID":"', tunnel_id, '","TunnelSecret":"', Secret(TUNNEL_SECRET), '"}'))


def _tunnel(
    environment: str, name: str, served: Sequence[Origin], tunnel: Tunnel, target: CloudflareTarget, *, space: str
) -> list[Rendered]:
    made = output(name)
    owner: Mapping[str, Any] = {"accountId": target.account}
    texts = {"config.yml": cloudflared_config(tunnel, made), "credentials.json": credentials(target.account, made)}
    return [
        cloudflare_object(
            name,
            "ZeroTrustTunnelCloudflared",
            {
                **owner,
                "name": account_name(name, environment),
                "configSrc": "cloudflare",
                "tunnelSecret": Secret(TUNNEL_SECRET),
            },
        ),
        cloudflare_object(
            f"{name}-routes",
            "ZeroTrustTunnelCloudflaredConfig",
            {**owner, "tunnelId": made, "config": {"ingresses": ingress_rules(served)}},
        ),
        kubernetes_object(
            resource_name(f"{name}-credentials"),
            "v1",
            "Secret",
            {"name": name, "namespace": NAME, "labels": labels(name)},
            {"type": "Opaque", "stringData": texts},
            parent=NAME,
            after=(space,),
        ),
    ]


def _host(environment: str, origin: Origin, tunnels: Sequence[str], target: CloudflareTarget) -> list[Rendered]:
    after = tuple(f"{tunnel}-routes" for tunnel in tunnels)
    addresses = {tunnel: Joined((output(tunnel), ".cfargotunnel.com")) for tunnel in tunnels}
    host = {"zoneId": target.zone, "name": origin.host, "proxied": True}
    if len(tunnels) == 1:
        record = {"type": "CNAME", "content": addresses[tunnels[0]], "ttl": 1}  # 1: as Cloudflare sees fit
        return [cloudflare_object(f"{origin.name}-host", "DnsRecord", host | record, after=after)]
    pool = f"{origin.name}-tunnels"
    members = [
        {"name": tunnel, "address": address, "enabled": True, "header": {"hosts": [origin.host]}}
        for tunnel, address in addresses.items()
    ]
    balanced = {"defaultPools": [output(pool)], "fallbackPool": output(pool)}
    return [
        cloudflare_object(
            pool,
            "LoadBalancerPool",
            {"accountId": target.account, "name": account_name(pool, environment), "origins": members},
            after=after,
        ),
        cloudflare_object(f"{origin.name}-host", "LoadBalancer", host | balanced),
    ]
