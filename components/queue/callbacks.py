"""The gateway in front of a queue: it takes callbacks from the edge while the queue has room."""

from dataclasses import dataclass
from typing import Any

from capacity.plan import CapacityPlan, QueuePlan
from capacity.sizing.queue import Queue
from capacity.sizing.queue_gateway import QueueGatewaySection
from components.address import Address
from components.kubernetes import DOMAIN, HEALTH_DATA, claimed
from components.network import EDGE_NAMESPACE, in_namespace
from components.queue.config import PORT, bullmq_settings
from components.queue.render import CLIENT, queue_host, queue_namespace
from components.serving import SECRETS_FOLDER, Serving, served_by, serving_resources
from headroom.blueprint import Rendered, canonical_json

TOKEN_SECRET = "callbacks-token"  # noqa: S105  # the name of a Secret
"""Its key `tokens` is what the edge shows: one token, or two while they are changed, with white space between."""
LOGIN_SECRET = "queue-producer"  # noqa: S105  # the name of a Secret
"""Its key `password` is that of the queue's user `producer`."""
AUTHORITY_SECRET = "queue-ca"  # noqa: S105  # the name of a Secret
"""Where the queue speaks TLS: its key `ca.crt` is who signed the certificate."""


@dataclass(frozen=True)
class CallbackGateway:
    """One queue's gateway: where it answers at POST /callbacks, and whose callbacks it takes."""

    queue: str
    """The queue's vertical."""
    serves: tuple[str, ...]
    address: Address


def callback_gateways(plan: CapacityPlan) -> tuple[CallbackGateway, ...]:
    """Return every gateway of the plan. A vertical is served by one of them, or by none: its calls are offered no callback."""
    return tuple(
        CallbackGateway(vertical.name, gateway.serves, gateway_address(vertical.name, gateway))
        for vertical, _, gateway in _gateways(plan)
    )


def gateway_address(queue: str, gateway: QueueGatewaySection) -> Address:
    """Return where the gateway of a queue answers."""
    name = gateway_name(queue)
    return Address("HEADROOM_CALLBACKS_URL", name, name, gateway.port)


def gateway_name(queue: str) -> str:
    """Return the name of a queue's gateway, and of its namespace."""
    return f"{queue}-callbacks"


def gateway_settings(vertical: QueuePlan, queue: Queue, gateway: QueueGatewaySection, host: str) -> dict[str, Any]:
    """Return what the gateway is told, times in milliseconds. It refuses bodies that are larger than a job may be."""
    shared = bullmq_settings(vertical.name, queue, host)
    del shared["worker"]
    tries = {"attempts": gateway.attempts, "backoff": {"type": "exponential", "delay": round(gateway.backoff * 1000)}}
    return shared | {
        "defaultJobOptions": shared["defaultJobOptions"] | tries,
        "verticals": list(gateway.serves),
        "opaque": vertical.spec.phi,
        "priorities": dict(gateway.priorities),
        "bodyBytes": queue.payload,
        "retryAfterSeconds": round(gateway.retry_after),
        "answerMilliseconds": round(gateway.answer * 1000),
        "settleMilliseconds": round(gateway.settle * 1000),
        "port": gateway.port,
        "probesPort": gateway.probes.port,
        "address": "0.0.0.0",  # noqa: S104  # in its pod
    }


def callback_resources(plan: CapacityPlan, *, parent: str) -> list[Rendered]:
    """Return the component of every queue's gateway, and everything below it. Needs the queues' namespaces.

    Each stands in a namespace of its own, is reached from the tunnel alone, and reaches its queue alone.
    """
    image = plan.images.queue_gateway
    return [] if image is None else [one for made in _gateways(plan) for one in _gateway(plan, image, *made, parent=parent)]


def _gateway(
    plan: CapacityPlan, image: str, vertical: QueuePlan, queue: Queue, gateway: QueueGatewaySection, *, parent: str
) -> list[Rendered]:
    name, settings = gateway_name(vertical.name), gateway_settings(vertical, queue, gateway, queue_host(vertical.name))
    claims = {
        "queue": vertical.name,
        "pods": gateway.pods,
        "survive": gateway.survive,
        "serves": list(gateway.serves),
        "depthCap": queue.depth_cap,
    }
    # A tunnel without a router brings no callbacks.
    unreached = plan.stack.edge.tunnel is not None and plan.stack.edge.scripts is None
    part = Serving(
        name=name,
        kind="queue-gateway",
        image=image,
        served=served_by(gateway, plan),
        # Not in a file: a change of it must replace the pods.
        environment={"HEADROOM_SETTINGS": canonical_json(settings), "HEADROOM_SECRETS": SECRETS_FOLDER},
        secrets=(TOKEN_SECRET, LOGIN_SECRET, *((AUTHORITY_SECRET,) if queue.tls else ())),
        ingress=[] if unreached else [in_namespace(EDGE_NAMESPACE, gateway.port)],
        egress=[in_namespace(queue_namespace(vertical.name), PORT)],
        space_labels={CLIENT: vertical.name, **({HEALTH_DATA: vertical.name} if vertical.spec.phi else {})},
        claims=claimed(queue=vertical.name, survive=gateway.survive, per_second=gateway.per_second),
        # Prometheus gives its figures of the queue to that vertical.
        more_labels={f"{DOMAIN}/vertical": vertical.name},
    )
    return [Rendered("headroom:queue:Gateway", name, claims, parent=parent), *serving_resources(part)]


def _gateways(plan: CapacityPlan) -> list[tuple[QueuePlan, Queue, QueueGatewaySection]]:
    return [
        (vertical, vertical.queue, vertical.spec.queue.gateway)
        for vertical in plan.verticals
        if isinstance(vertical, QueuePlan)
        and vertical.queue is not None
        and vertical.spec.queue is not None
        and vertical.spec.queue.gateway is not None
    ]
