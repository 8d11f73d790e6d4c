"""edge-lets-in-callers-alone: past the router nobody comes to a pod, and what is meant for the house is the house's."""

from collections.abc import Iterator

from policies.edge import HOST, RULESET, SCRIPT
from policies.evidence import Context
from policies.rule import Finding, Rule, each
from policies.stack import UNKNOWN, Identity, Place, Resource, Stack, field, find_object, identity
from policies.workloads import of_kind, pod_of

_APPLICATION = "cloudflare:index/zeroTrustAccessApplication:ZeroTrustAccessApplication"
_BALANCED = "cloudflare:index/loadBalancerPool:LoadBalancerPool"
_POLICY = "cloudflare:index/zeroTrustAccessPolicy:ZeroTrustAccessPolicy"
_RECORD = "cloudflare:index/dnsRecord:DnsRecord"
_ROUTES = "cloudflare:index/zeroTrustTunnelCloudflaredConfig:ZeroTrustTunnelCloudflaredConfig"
_SECRET = "kubernetes:core/v1:Secret"  # noqa: S105  # a type
_SUBDOMAIN = "cloudflare:index/workersScriptSubdomain:WorkersScriptSubdomain"
_TUNNEL = "cloudflare:index/zeroTrustTunnelCloudflared:ZeroTrustTunnelCloudflared"
_PRIVATE = ("admin", "metrics")
"""Paths of the host that clients call which are the house's own."""
_WHO = {"allow": frozenset({"email", "emailDomain", "group"}), "non_identity": frozenset({"serviceToken"})}
"""Whom a policy of Access may let in, by its decision. Others ask nobody, or let in anybody."""
_RENDER = "deploy what the program renders"


def _edge_lets_in_callers_alone(stack: Stack, _context: Context) -> Iterator[Finding]:
    tunnels = list(stack.of_type(_TUNNEL))
    yield from each(tunnels, lambda tunnel: tunnel.name, _is_routed_from_afar)
    yield from each(stack.of_type(_RECORD), lambda record: record.name, _leads_to_a_tunnel)
    yield from each(stack.of_type(_BALANCED), lambda pool: pool.name, _leads_to_tunnels)
    replicas = [] if not tunnels else list(of_kind(stack, "tunnel"))
    yield from each(replicas, lambda tunnel: tunnel.name, lambda tunnel: _has_its_credentials(stack, tunnel))
    if any(stack.of_type(SCRIPT)):  # without a router clients call the tunnel's hosts themselves
        yield from each(sorted(_closed_hosts(stack)), str, lambda host: _asks_who(stack, host))
    yield from each(stack.of_type(_APPLICATION), lambda application: application.name, _has_policies)
    yield from each(stack.of_type(_POLICY), lambda policy: policy.name, _lets_in_some)
    yield from each(stack.of_type(SCRIPT), lambda script: script.name, lambda script: _answers_by_its_host(stack, script))
    yield from each(stack.of_type(HOST), lambda host: host.name, lambda host: _is_shielded(stack, host))


def _is_routed_from_afar(tunnel: Resource) -> Iterator[Finding]:
    if field(tunnel, "configSrc").text() != "cloudflare":
        yield Finding(tunnel.name, "it takes its routes from its replicas, which have none", "set configSrc to cloudflare")


def _leads_to_a_tunnel(record: Resource) -> Iterator[Finding]:
    if field(record, "type").text() != "CNAME" or not _is_a_tunnel(record.props.get("content")):
        yield Finding(record.name, f"{field(record, 'name').text()} does not lead to a tunnel", _RENDER)


def _leads_to_tunnels(pool: Resource) -> Iterator[Finding]:
    for origin in field(pool, "origins").items():
        enabled = origin.get("enabled")
        if not _is_a_tunnel(origin.value.get("address")) or (enabled is not None and enabled.value is not True):
            yield Finding(pool.name, f"{origin.path} does not lead to a tunnel, or is not enabled", _RENDER)


def _is_a_tunnel(address: object) -> bool:
    """Return whether an address may be a tunnel's, which is known when the tunnel is made."""
    return address is UNKNOWN or (isinstance(address, str) and address.endswith(".cfargotunnel.com"))


def _has_its_credentials(stack: Stack, tunnel: Resource) -> Iterator[Finding]:
    for volume in pod_of(tunnel).listed("volumes"):
        named = volume.get("secret")
        wanted = None if named is None else Identity(identity(tunnel).namespace, named["secretName"].text())
        if wanted is not None and find_object(stack, _SECRET, wanted) is None:
            message = f"the Secret {wanted.name} with its credentials is not in the stack: no pod of it starts"
            yield Finding(tunnel.name, message, _RENDER)


def _closed_hosts(stack: Stack) -> Iterator[str]:
    """Yield the hosts, and paths of hosts, that strangers must not open."""
    for routes in stack.of_type(_ROUTES):
        for route in field(routes, "config.ingresses").items():
            if (host := route.get("hostname")) is not None:
                yield host.text()
    for custom in stack.of_type(HOST):
        yield from (f"{field(custom, 'hostname').text()}/{path}" for path in _PRIVATE)


def _asks_who(stack: Stack, host: str) -> Iterator[Finding]:
    if not any(field(one, "domain").text() == host for one in stack.of_type(_APPLICATION)):
        yield Finding(host, "no application of Access asks who opens it: anybody may, past router and gates", _RENDER)


def _has_policies(application: Resource) -> Iterator[Finding]:
    if field(application, "type").text() != "self_hosted" or not field(application, "policies").value:
        yield Finding(application.name, "it asks nobody who he is: it has no policies, or is not self_hosted", _RENDER)


def _lets_in_some(policy: Resource) -> Iterator[Finding]:
    decision, includes = field(policy, "decision").text(), field(policy, "includes").items()
    if decision not in _WHO:
        yield Finding(policy.name, f"its decision {decision} asks nobody who he is", f"set it to {' or '.join(sorted(_WHO))}")
    elif not includes or not all(_names(one, _WHO[decision]) for one in includes):
        known = " or ".join(sorted(_WHO[decision]))
        yield Finding(policy.name, f"it lets in others than those that it names by {known}", f"include by {known} alone")


def _names(include: Place, known: frozenset[str]) -> bool:
    """Return whether a part of a policy names somebody, and by nothing else than what is known."""
    return bool(include.names()) and include.names() <= known and all(include.value.values())


def _answers_by_its_host(stack: Stack, script: Resource) -> Iterator[Finding]:
    name = field(script, "scriptName").text()
    found = [one for one in stack.of_type(_SUBDOMAIN) if field(one, "scriptName").text() == name]
    if not found or any(field(one, key).value is not False for one in found for key in ("enabled", "previewsEnabled")):
        message = "it answers on workers.dev, past the shield and past Access"
        yield Finding(script.name, message, "declare its subdomain, with enabled and previewsEnabled false")


def _is_shielded(stack: Stack, host: Resource) -> Iterator[Finding]:
    name = field(host, "hostname").text()
    shields = [rule for ruleset in stack.of_type(RULESET) for rule in _limits(ruleset) if _is_of(rule, name)]
    if not shields:
        yield Finding(host.name, f"no ruleset limits how often one address calls {name}", _RENDER)
    for rule in shields:
        if "ip.src" not in [one.text() for one in rule["ratelimit"]["characteristics"].items()]:
            message = f"it counts the calls of all addresses to {name} as one's: it blocks callers for others"
            yield Finding(rule.resource.name, message, "count by ip.src")


def _limits(ruleset: Resource) -> list[Place]:
    """Return the rules of a ruleset that block who calls too often."""
    if (field(ruleset, "kind").text(), field(ruleset, "phase").text()) != ("zone", "http_ratelimit"):
        return []
    return [rule for rule in field(ruleset, "rules").items() if rule["action"].text() == "block"]


def _is_of(rule: Place, host: str) -> bool:
    return rule["expression"].text() in ("true", f'(http.host eq "{host}")')


RULES = (
    Rule(
        name="edge-lets-in-callers-alone",
        condition="Every host behind a tunnel, and what of the callers' host is the house's, is behind Access, whose policies "
        "let in named tokens and people; scripts answer by their host alone, which limits each address; a host's name leads to "
        "a tunnel, whose routes and credentials are the stack's.",
        why="A tunnel's host is public: whoever finds it calls a vertical past router, caps and gates.",
        reads="Access applications and policies, tunnels, their routes, names and credentials, subdomains and custom domains of "
        "scripts, rulesets.",
        remedy="Deploy what the program renders, whole.",
        check=_edge_lets_in_callers_alone,
    ),
)
