"""Who may come past Cloudflare Access: the sessions to the verticals' hosts, and people of the house to what is theirs."""

from collections.abc import Mapping, Sequence

from capacity.edge import Scripts
from capacity.target import CloudflareTarget
from components.edge.names import account_name, call_host, cloudflare_object, output
from components.edge.tunnel import Origin
from headroom.blueprint import Options, Rendered

TOKEN = "sessions-token"  # noqa: S105  # the name of a resource
PRIVATE_PATHS = {"admin": ("people",), "metrics": ("people", "scrapers")}
"""Of the host that clients call, with who may open each; the router asks for a token besides."""


def access_resources(environment: str, scripts: Scripts, served: Sequence[Origin], target: CloudflareTarget) -> list[Rendered]:
    """Return the applications, the policies and the tokens of programs.

    Without those of the verticals' hosts anybody could call a vertical past router and gate: a tunnel's host is public.
    """
    owner = {"accountId": target.account}
    call = call_host(scripts.host, target)
    stay = f"{scripts.administrators_stay:g}s"
    private = [(f"{path}-access", f"{call}/{path}", who) for path, who in PRIVATE_PATHS.items()]
    hosts = [(f"{origin.name}-access", origin.host, ("sessions",)) for origin in served]
    return [
        *(made for who in ("sessions", "scrapers") for made in _program(who, environment, owner)),
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
                    "sessionDuration": stay,
                    "policies": [{"id": output(f"{one}-policy"), "precedence": place} for place, one in enumerate(who, start=1)],
                },
            )
            for name, domain, who in (*private, *hosts)
        ),
    ]


def _program(who: str, environment: str, owner: Mapping[str, str]) -> list[Rendered]:
    """Return a token for programs, and the policy that lets in whoever shows it."""
    token = f"{who}-token"
    return [
        cloudflare_object(
            token,
            "ZeroTrustAccessServiceToken",
            {**owner, "name": account_name(who, environment)},
            options=Options(secret_outputs=("clientSecret",)),
        ),
        cloudflare_object(
            f"{who}-policy",
            "ZeroTrustAccessPolicy",
            {
                **owner,
                "name": account_name(who, environment),
                "decision": "non_identity",
                "includes": [{"serviceToken": {"tokenId": output(token)}}],
            },
        ),
    ]
