"""Who may come past Cloudflare Access: the sessions to the verticals' hosts, and people of the house to what is theirs."""

from collections.abc import Sequence

from capacity.edge import Scripts
from capacity.target import CloudflareTarget
from components.edge.names import account_name, call_host, cloudflare_object, output
from components.edge.tunnel import Origin
from headroom.blueprint import Options, Rendered

TOKEN = "sessions-token"  # noqa: S105  # the name of a resource
PRIVATE_PATHS = ("admin", "metrics")
"""Of the host that clients call."""


def access_resources(environment: str, scripts: Scripts, served: Sequence[Origin], target: CloudflareTarget) -> list[Rendered]:
    """Return the applications and policies.

    Without those of the verticals' hosts anybody could call a vertical past router and gate: a tunnel's host is public.
    """
    owner = {"accountId": target.account}
    call = call_host(scripts.host, target)
    stay = f"{scripts.administrators_stay:g}s"
    private = [(f"{path}-access", f"{call}/{path}", "people", stay) for path in PRIVATE_PATHS]
    hosts = [(f"{origin.vertical}-access", origin.host, "sessions", stay) for origin in served]
    return [
        cloudflare_object(
            TOKEN,
            "ZeroTrustAccessServiceToken",
            {**owner, "name": account_name("sessions", environment)},
            options=Options(secret_outputs=("clientSecret",)),
        ),
        cloudflare_object(
            "sessions-policy",
            "ZeroTrustAccessPolicy",
            {
                **owner,
                "name": account_name("sessions", environment),
                "decision": "non_identity",
                "includes": [{"serviceToken": {"tokenId": output(TOKEN)}}],
            },
        ),
        cloudflare_object(
            "people-policy",
            "ZeroTrustAccessPolicy",
            {
                **owner,
                "name": account_name("people", environment),
                "decision": "allow",
                "includes": [{"emailDomain": {"domain": scripts.administrators}}],
            },
        ),
        *(
            cloudflare_object(
                name,
                "ZeroTrustAccessApplication",
                {
                    **owner,
                    "name": account_name(name, environment),
                    "type": "self_hosted",
                    "domain": domain,
                    "sessionDuration": duration,
                    "policies": [{"id": output(f"{who}-policy"), "precedence": 1}],
                },
            )
            for name, domain, who, duration in (*private, *hosts)
        ),
    ]
