"""The gateway of the hybrid path (S25): what stands between tenants and the self-hosted models."""

from pydantic import Field

from capacity.figures import Source
from capacity.sizing.claims import said
from capacity.sizing.pods import PodSize, Port, Probes, pod_size
from capacity.sizing.result import Limit, Sizing, counted, hard_for, raised, sized, whole_up
from capacity.units import PositiveAmount, Seconds, Size


class GatewaySection(Source):
    """The gateway's pods, and what a tenant may ask of them."""

    pods: int = Field(gt=0)
    streams: PositiveAmount
    """Streams that a pod carries at once, measured."""
    survive: int = Field(default=1, ge=0)
    """Pods that may be gone while the others carry the load."""
    requests_per_session_minute: float = Field(gt=0)
    """What a session asks of the models in a minute; a tenant may ask that much for each session of its cap."""
    pod: PodSize = pod_size("1", "1Gi")
    scratch: Size = 64 * 2**20
    """Of /tmp: the only place that a pod may write to."""
    port: Port = 8080
    probes: Probes = Probes()
    drain: Seconds = 60.0
    """How long a pod that is to go gets for its streams to end."""


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
