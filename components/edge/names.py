"""What the edge's objects are called, and where they answer."""

from collections.abc import Mapping
from typing import Any

from capacity.target import CloudflareTarget
from components.network import EDGE_NAMESPACE
from headroom.blueprint import Options, Ref, Rendered

NAME = EDGE_NAMESPACE
"""Of the component and of the namespace."""
TUNNEL_SECRET = "tunnelSecret"  # noqa: S105  # the name of a configuration key
"""The configuration key of the tunnels' shared secret: 32 random bytes or more, in base64."""
METRICS_SECRET = "metricsToken"  # noqa: S105  # the name of a configuration key
"""The configuration key of the token that opens what only people of the house may see, beside Access."""
CALLBACKS_SECRET = "callbacksToken"  # noqa: S105  # the name of a configuration key
"""The configuration key of the token that the queues' gateways know the router by; their pods have it from a Secret."""
REALTIME_SECRET = "realtimeKey"  # noqa: S105  # the name of a configuration key
"""The configuration key of the key that opens the models of verticals that speak the Realtime protocol."""


def tunnel_names(tunnels: int) -> list[str]:
    """Return the names of the tunnels; one alone needs no number."""
    return ["tunnel"] if tunnels == 1 else [f"tunnel-{number}" for number in range(1, tunnels + 1)]


def origin_host(vertical: str, target: CloudflareTarget) -> str:
    """Return where a vertical's pods answer behind the tunnel: one label below the domain, as far as its certificate reaches."""
    return f"{vertical}-origin.{target.domain}"


def call_host(label: str, target: CloudflareTarget) -> str:
    """Return where clients call."""
    return f"{label}.{target.domain}"


def account_name(name: str, environment: str) -> str:
    """Return the name of an object in its account, which several environments may share."""
    return f"{environment}-{name}"


def resource_name(part: str) -> str:
    """Return the name in the stack of one of the edge's resources."""
    return f"{NAME}-{part}"


def output(part: str, name: str = "id") -> Ref:
    """Return an output of one of the edge's resources."""
    return Ref(resource_name(part), name)


def cloudflare_object(
    part: str, kind: str, props: Mapping[str, Any], *, after: tuple[str, ...] = (), options: Options | None = None
) -> Rendered:
    """Return one object of the edge in Cloudflare, by the name of its class; `after` names parts of the edge."""
    token = f"cloudflare:index/{kind[0].lower()}{kind[1:]}:{kind}"
    return Rendered(
        token, resource_name(part), props, parent=NAME, after=tuple(map(resource_name, after)), options=options or Options()
    )
