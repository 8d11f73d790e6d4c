"""The gateway of the hybrid path (S25): what stands between tenants and the self-hosted models."""

from pydantic import Field

from capacity.sizing.claims import said
from capacity.sizing.pods import FixedPods, PodSize, pod_size
from capacity.sizing.result import Limit, Sizing, counted, hard_for, raised, sized, whole_up
from capacity.units import PositiveAmount


class GatewaySection(FixedPods):
    """The gateway's pods, and what a tenant may ask of them."""

    streams: PositiveAmount
    """Streams that a pod carries at once, measured."""
    requests_per_session_minute: float = Field(gt=0)
    """What a session asks of the models in a minute; a tenant may ask that much for each session of its cap."""
    pod: PodSize = pod_size("1", "1Gi")


def size_gateway(gateway: GatewaySection, *, streams: float, safe_utilisation: float, scope: str = "gateway") -> Sizing:
    """Return the streams that the gateway carries when some of its pods are gone.

    Raises:
        ValueError: the load is negative or not finite.
    """
    left = max(0, gateway.pods - gateway.survive)
    needed = whole_up(hard_for("streams", streams, safe_utilisation) / gateway.streams) + gateway.survive if streams else 0
    limit = Limit(
        "pods",
        left * gateway.streams,
        f"({gateway.pods} - {gateway.survive}) pods x {gateway.streams} streams",
        said(gateway),
        raised(f"{scope}.pods", gateway.pods, needed, counted),
    )
    return sized("gateway", scope, "streams", streams, [limit], safe_utilisation=safe_utilisation)
