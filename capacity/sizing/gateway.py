"""The gateway of the hybrid path (S25): what stands between tenants and the self-hosted models."""

from pydantic import Field

from capacity.sizing.pods import FixedPods, PodSize, pod_size, size_fixed_pods
from capacity.sizing.result import Sizing
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
    return size_fixed_pods(
        gateway, "gateway", "streams", each=gateway.streams, required=streams, safe_utilisation=safe_utilisation, scope=scope
    )
