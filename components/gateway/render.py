"""The gateway of the hybrid path: every request to a self-hosted model passes it, within what the tenant's plan allows."""

from collections.abc import Mapping
from typing import Any

from capacity.plan import CapacityPlan
from capacity.sizing.gateway import GatewaySection
from capacity.spec import SoldPlan
from components.address import Address
from components.kubernetes import claimed
from components.network import verticals
from components.serving import Serving, served_by, serving_resources
from headroom.blueprint import Rendered, canonical_json

NAME = "gateway"


def gateway_address(gateway: GatewaySection) -> Address:
    """Return where the gateway answers."""
    return Address("HEADROOM_GATEWAY_URL", NAME, NAME, gateway.port)


def plan_limits(plans: Mapping[str, SoldPlan], gateway: GatewaySection) -> dict[str, Any]:
    """Return what one tenant of each plan may ask: streams at once, and requests a minute for so many sessions.

    By plan, for tenants are runtime data: who is on which plan is said with each request.
    """
    return {
        name: {"streams": plan.cap, "requestsPerMinute": round(plan.cap * gateway.requests_per_session_minute, 3)}
        for name, plan in plans.items()
    }


def gateway_resources(plan: CapacityPlan, models: Mapping[str, Address], *, parent: str) -> list[Rendered]:
    """Return the component of the gateway and everything below it; nothing where the spec has none.

    `models` are the self-hosted ones, by the names that requests ask for.
    """
    gateway, image = plan.stack.gateway, plan.images.gateway
    if gateway is None or image is None:
        return []
    limits = plan_limits(plan.plans, gateway)
    claims = {"pods": gateway.pods, "streams": gateway.streams, "survive": gateway.survive, "plans": limits}
    part = Serving(
        name=NAME,
        kind="gateway",
        image=image,
        served=served_by(gateway, plan),
        environment={
            "HEADROOM_PORT": str(gateway.port),
            "HEADROOM_PROBE_PORT": str(gateway.probes.port),
            "HEADROOM_MAX_STREAMS": str(gateway.streams),
        },
        ingress=[verticals(gateway.port)],
        egress=[address.peer for address in models.values()],
        claims=claimed(survive=gateway.survive),
        files={
            "plans.json": canonical_json(limits),
            "models.json": canonical_json({name: address.url for name, address in models.items()}),
        },
    )
    return [Rendered("headroom:gateway:Gateway", NAME, claims, parent=parent), *serving_resources(part)]
