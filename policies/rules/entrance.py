"""edge-lets-in-callers-alone: past the router nobody comes to a pod, and what is meant for the house is the house's."""

from collections.abc import Iterator

from policies.edge import HOST, RULESET, SCRIPT
from policies.evidence import Context
from policies.known import known, unknown_of
from policies.placement import POOL
from policies.rule import Finding, Rule, each
from policies.stack import UNKNOWN, Identity, Place, Resource, Stack, field, find_object, identity
from policies.workloads import of_kind, pod_of

_APPLICATION = "cloudflare:index/zeroTrustAccessApplication:ZeroTrustAccessApplication"
_BALANCER = "cloudflare:index/loadBalancer:LoadBalancer"
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
_LET_IN = "decision includes(email(email) emailDomain(domain) group(id) serviceToken(tokenId) *(*))"
_SAID = {
    _APPLICATION: known(f"accountId domain name policies(id precedence {_LET_IN}) sessionDuration type"),
    _BALANCED: known("accountId name origins(address enabled header(hosts) name)"),
    _BALANCER: known("defaultPools fallbackPool name proxied zoneId"),
    _POLICY: known(f"accountId name {_LET_IN}"),
    _RECORD: known("content name proxied ttl type zoneId"),
    _ROUTES: known("accountId config(ingresses(hostname service)) tunnelId"),
    _SUBDOMAIN: known("accountId enabled previewsEnabled scriptName"),
    _TUNNEL: known("accountId configSrc name tunnelSecret"),
    HOST: known("accountId hostname service zoneId"),
    RULESET: known(
        "kind name phase zoneId rules(action description enabled expression "
        "ratelimit(characteristics mitigationTimeout period requestsPerPeriod))"
    ),
    "cloudflare:index/zeroTrustAccessServiceToken:ZeroTrustAccessServiceToken": known("accountId name"),
}
"""What objects of the edge may say, by their types."""
_ELSE = "http_status:404"
"""Where a request goes whose host no route names."""
_RENDER = "deploy what the program renders"


def _edge_lets_in_callers_alone(stack: Stack, _context: Context) -> Iterator[Finding]:
    tunnels = list(stack.of_type(_TUNNEL))
    yield from each(tunnels, lambda tunnel: tunnel.name, _is_routed_from_afar)
    if any(stack.of_type(POOL)):  # others may send their calls otherwise
        said = list(stack.of_type(*_SAID))
        yield from each(said, lambda resource: resource.name, lambda resource: unknown_of(resource, _SAID[resource.type]))
        yield from each(stack.of_type(_ROUTES), lambda routes: routes.name, _take_each_host_once)
        yield from _are_named_once(stack, several=len(tunnels) > 1)
        rulesets = list(stack.of_type(RULESET))
        yield from each(rulesets, lambda ruleset: ruleset.name, lambda ruleset: _limits_alone(stack, ruleset))
    yield from each(stack.of_type(_RECORD), lambda record: record.name, _leads_to_a_tunnel)
    yield from each(stack.of_type(_BALANCED), lambda pool: pool.name, _leads_to_tunnels)
    replicas = [] if not tunnels else list(of_kind(stack, "tunnel"))
    yield from each(replicas, lambda tunnel: tunnel.name, lambda tunnel: _has_its_credentials(stack, tunnel))
    if any(stack.of_type(SCRIPT)):  # without a router clients call the tunnel's hosts themselves
        yield from each(sorted(_closed_hosts(stack)), str, lambda host: _asks_who(stack, host))
    yield from each(stack.of_type(_APPLICATION), lambda application: application.name, _has_policies)
    yield from each(stack.of_type(_POLICY), lambda policy: policy.name, lambda policy: _lets_in_some(_whole(policy)))
    yield from each(stack.of_type(SCRIPT), lambda script: script.name, lambda script: _answers_by_its_host(stack, script))
    yield from each(stack.of_type(HOST), lambda host: host.name, lambda host: _is_shielded(stack, host))


def _is_routed_from_afar(tunnel: Resource) -> Iterator[Finding]:
    if field(tunnel, "configSrc").text() != "cloudflare":
        yield Finding(tunnel.name, "it takes its routes from its replicas, which have none", "set configSrc to cloudflare")


def _take_each_host_once(routes: Resource) -> Iterator[Finding]:
    """Yield routes that take another's calls: the first that fits a host takes them."""
    ingresses = field(routes, "config.ingresses").items()
    seen: set[str] = set()
    for route in ingresses[:-1]:
        host = route["hostname"].text()
        if host in seen or "*" in host or not route["service"].text().startswith("http://"):
            yield Finding(routes.name, f"{route.path} takes calls of another route, or leads to no Service", _RENDER)
        seen.add(host)
    if not ingresses or ingresses[-1].get("hostname") is not None or ingresses[-1]["service"].text() != _ELSE:
        yield Finding(routes.name, f"its last route is not {_ELSE}, for hosts that it does not know", _RENDER)


def _are_named_once(stack: Stack, *, several: bool) -> Iterator[Finding]:
    """Yield names beside those of the tunnels' hosts, and what balances calls where there is one tunnel."""
    routed = {
        host.text()
        for routes in stack.of_type(_ROUTES)
        for route in field(routes, "config.ingresses").items()
        if (host := route.get("hostname")) is not None
    }
    seen: set[str] = set()
    for named in stack.of_type(_RECORD, _BALANCER):
        name = field(named, "name").text()
        if name not in routed or name in seen:
            yield Finding(named.name, f"it names {name}, which no tunnel takes, or which has a name", _RENDER)
        seen.add(name)
    for hosts in (_names_of(stack, HOST, "hostname"), _names_of(stack, _APPLICATION, "domain")):
        for again in sorted({(one, host) for one, host in hosts if sum(host == other for _, other in hosts) > 1}):
            yield Finding(again[0], f"{again[1]} is another's too", "declare it once")
    closed = set(_closed_hosts(stack))
    for application, domain in _names_of(stack, _APPLICATION, "domain"):
        if domain not in closed:
            yield Finding(application, f"it opens or closes {domain}, of which no rule knows whose it is", _RENDER)
    for balancer in () if several else stack.of_type(_BALANCER, _BALANCED):
        yield Finding(balancer.name, "it balances calls, and the stack has no two tunnels", _RENDER)


def _names_of(stack: Stack, type_token: str, key: str) -> list[tuple[str, str]]:
    return [(one.name, field(one, key).text()) for one in stack.of_type(type_token)]


def _limits_alone(stack: Stack, ruleset: Resource) -> Iterator[Finding]:
    """Yield what a ruleset does to calls beside limiting each address."""
    hosts = [field(host, "hostname").text() for host in stack.of_type(HOST)]
    for rule in field(ruleset, "rules").items():
        enabled = rule.get("enabled")
        if (
            rule not in _limits(ruleset)
            or rule.get("ratelimit") is None
            or not any(_is_of(rule, host) for host in hosts)
            or (enabled is not None and enabled.value is not True)
        ):
            yield Finding(ruleset.name, f"{rule.path} does something else than limit each address", _RENDER)


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
    policies = field(application, "policies").items()
    if field(application, "type").text() != "self_hosted" or not policies:
        yield Finding(application.name, "it asks nobody who he is: it has no policies, or is not self_hosted", _RENDER)
    for policy in policies:
        if "id" not in policy.names() or policy.names() - {"id", "precedence"}:  # others are judged where they stand
            yield from _lets_in_some(policy)


def _lets_in_some(policy: Place) -> Iterator[Finding]:
    name, decision, includes = policy.resource.name, policy["decision"].text(), policy["includes"].items()
    if decision not in _WHO:
        yield Finding(name, f"its decision {decision} asks nobody who he is", f"set it to {' or '.join(sorted(_WHO))}")
    elif not includes or not all(_names(one, _WHO[decision]) for one in includes):
        by = " or ".join(sorted(_WHO[decision]))
        yield Finding(name, f"it lets in others than those that it names by {by}", f"include by {by} alone")


def _whole(resource: Resource) -> Place:
    return Place(resource, "", resource.props)


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
        "a tunnel, whose routes and credentials are the stack's; nothing of ours at the edge says what the gate does not know.",
        why="A tunnel's host is public: whoever finds it calls a vertical past router, caps and gates.",
        reads="Access applications and policies, tunnels, their routes, names and credentials, subdomains and custom domains of "
        "scripts, rulesets.",
        remedy="Deploy what the program renders, whole.",
        check=_edge_lets_in_callers_alone,
    ),
)
