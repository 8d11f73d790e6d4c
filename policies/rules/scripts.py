"""Rules on the scripts of the edge: they are bound to what they read, and a call's lease outlives a heartbeat."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from policies import documents
from policies.edge import HOST, OBJECTS, SCRIPT, gate_owner, gate_scripts, heartbeat_of, told, values_of_caps
from policies.evidence import Context
from policies.known import known, unknown_of
from policies.placement import POOL
from policies.rule import Finding, Rule, each
from policies.stack import Place, Resource, Stack, Unreadable, field, optional

_QUEUE = "cloudflare:index/queue:Queue"
_CONSUMER = "cloudflare:index/queueConsumer:QueueConsumer"
_VALUE = "cloudflare:index/workersKv:WorkersKv"
_SECRET = "secret_text"  # noqa: S105  # the type of a binding
BINDINGS: Mapping[str, tuple[str, str]] = {
    "SETTINGS": ("json", ""),
    "TENANT_GATE": (OBJECTS, "TenantGate"),
    "POOL": (OBJECTS, "Pool"),
    "CALL_SESSION": (OBJECTS, "CallSession"),
    "PLANS": ("kv_namespace", ""),
    "CALLBACKS": ("queue", ""),
    "SHIELD": ("ratelimit", ""),
    "METRICS_TOKEN": (_SECRET, ""),
    "CALLBACKS_TOKEN": (_SECRET, ""),
    "ACCESS_CLIENT_ID": (_SECRET, ""),
    "ACCESS_CLIENT_SECRET": (_SECRET, ""),
    "REALTIME_KEY": (_SECRET, ""),
}
"""What scripts of ours read, each with the type and, of objects, the class that it must be bound to."""
_SAID = {
    SCRIPT: known("""
        accountId scriptName mainModule content compatibilityDate limits(cpuMs subrequests) observability(enabled)
        migrations(oldTag newTag newClasses newSqliteClasses steps(newClasses newSqliteClasses))
        bindings(name type className json namespaceId queueName scriptName simple(limit period) text)
    """),
    _QUEUE: known("accountId queueName"),
    _CONSUMER: known("accountId queueId scriptName deadLetterQueue type settings(batchSize maxRetries maxWaitTimeMs)"),
    _VALUE: known("accountId namespaceId keyName value"),
    "cloudflare:index/workersKvNamespace:WorkersKvNamespace": known("accountId title"),
}
"""What scripts, and what they are bound to, may say."""
_CAPS = "caps"
_LEAST = {"cpuMs": 10, "subrequests": 50}
"""What an event of a script has in a free account (Cloudflare, limits of Workers); with less no call begins."""
_EXPORTED = re.compile(r"export\s*\{([^}]*)\}")
_HEARTBEATS = 2
"""Of a lease, at least: one may fail."""
_RENDER = "deploy what the program renders"


def _bindings_resolve(stack: Stack, _context: Context) -> Iterator[Finding]:
    yield from each(stack.of_type(SCRIPT), lambda script: script.name, lambda script: _is_bound(stack, script))
    if any(stack.of_type(POOL)):  # scripts of others are told other things
        said = list(stack.of_type(*_SAID))
        yield from each(said, lambda resource: resource.name, lambda resource: unknown_of(resource, _SAID[resource.type]))
        yield from each(stack.of_type(SCRIPT), lambda script: script.name, _binds_what_is_read)
        yield from each(stack.of_type(_VALUE), lambda value: value.name, _is_read)
    yield from each(stack.of_type(SCRIPT), lambda script: script.name, _has_time)
    yield from each(stack.of_type(_CONSUMER), lambda consumer: consumer.name, lambda consumer: _is_emptied(stack, consumer))
    yield from each(stack.of_type(HOST), lambda host: host.name, lambda host: _names_script(stack, field(host, "service")))


def _is_bound(stack: Stack, script: Resource) -> Iterator[Finding]:
    bindings, read = field(script, "bindings").items(), _read_by(script)
    for name in sorted(read):
        found = [binding for binding in bindings if binding["name"].text() == name]
        if len(found) != 1:
            yield Finding(script.name, f"its source reads {name}, which is bound {len(found)} times", _RENDER)
            continue
        (binding,), (kind, objects) = found, BINDINGS[name]
        if (given := binding["type"].text()) != kind:
            yield Finding(script.name, f"{name} is bound as {given}; its source reads it as {kind}", _RENDER)
        elif kind == OBJECTS:
            yield from _leads_to(stack, script, binding, objects)
        elif kind == "queue":
            yield from _is_queued(stack, script, binding["queueName"].text())
    if "PLANS" in read:
        yield from _knows_callers(stack, script)


def _binds_what_is_read(script: Resource) -> Iterator[Finding]:
    names = {binding["name"].text() for binding in field(script, "bindings").items()}
    for name in sorted(names - BINDINGS.keys()):
        yield Finding(script.name, f"no rule knows its binding {name}", _RENDER)


def _is_read(value: Resource) -> Iterator[Finding]:
    if field(value, "keyName").text() != _CAPS:
        yield Finding(value.name, f"its key is not {_CAPS}: who writes others, as tenants', is not the stack", _RENDER)


def _has_time(script: Resource) -> Iterator[Finding]:
    for name, least in _LEAST.items():
        given = optional(script, f"limits.{name}")
        if given is not None and given.number() < least:
            message = f"limits.{name} ends each of its events at {given.number():g}"
            yield Finding(script.name, message, f"allow {least}", least, given.number())


def _read_by(script: Resource) -> set[str]:
    """Return what of the bindings the source of a script reads: the key of a model's vendor only for calls that go there."""
    content = field(script, "content").text()
    read = {name for name in BINDINGS if name in content}
    if "REALTIME_KEY" in read and not any("realtime" in vertical for vertical in told(script, _verticals)):
        read.remove("REALTIME_KEY")
    return read


def _verticals(settings: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    verticals = documents.mapping(settings.get("verticals"), "verticals")
    return [documents.mapping(one, f"verticals.{name}") for name, one in verticals.items()]


def _leads_to(stack: Stack, script: Resource, binding: Place, objects: str) -> Iterator[Finding]:
    name, given = binding["name"].text(), binding["className"].text()
    if given != objects:
        yield Finding(script.name, f"{name} leads to objects of {given}; its source asks {objects}", _RENDER)
        return
    owner = binding.get("scriptName") or field(script, "scriptName")
    yield from _names_script(stack, owner)
    for one in _scripts(stack, owner.text()):
        if objects not in _exported(one):
            yield Finding(script.name, f"{name} leads to {objects} of {owner.text()}, which exports no such class", _RENDER)
        elif objects not in _made(one, objects):
            message = f"{objects} is in none of its migrations as a class with SQLite: the account refuses it, or its storage"
            yield Finding(one.name, message, f"name {objects} in newSqliteClasses")


def _exported(script: Resource) -> set[str]:
    groups = _EXPORTED.findall(field(script, "content").text())
    return {name.split(" as ")[-1].strip() for group in groups for name in group.split(",")}


def _made(script: Resource, objects: str) -> set[str]:
    """Return the classes that a script's migrations make; those that are sent no more were made before."""
    sent = optional(script, "migrations")
    if sent is None or sent.get("oldTag") is not None:
        return {objects}
    steps = sent.listed("steps") or [sent]
    return {made.text() for step in steps for made in step.listed("newSqliteClasses")}


def _names_script(stack: Stack, named: Place) -> Iterator[Finding]:
    if not _scripts(stack, named.text()):
        yield Finding(named.resource.name, f"{named.path} is {named.text()}, a script that the stack does not have", _RENDER)


def _scripts(stack: Stack, name: str) -> list[Resource]:
    return [script for script in stack.of_type(SCRIPT) if field(script, "scriptName").text() == name]


def _queues(stack: Stack) -> set[str]:
    return {field(queue, "queueName").text() for queue in stack.of_type(_QUEUE)}


def _is_emptied(stack: Stack, consumer: Resource) -> Iterator[Finding]:
    yield from _names_script(stack, field(consumer, "scriptName"))
    dead = optional(consumer, "deadLetterQueue")
    if dead is not None and dead.text() not in _queues(stack):
        message = f"what nobody took goes to the queue {dead.text()}, which the stack does not have"
        yield Finding(consumer.name, message, _RENDER)


def _is_queued(stack: Stack, script: Resource, queue: str) -> Iterator[Finding]:
    if queue not in _queues(stack):
        yield Finding(script.name, f"it sends to the queue {queue}, which the stack does not have", _RENDER)
    elif not any(stack.of_type(_CONSUMER)):
        yield Finding(script.name, f"it sends to the queue {queue}, which nobody empties", _RENDER)


def _knows_callers(stack: Stack, script: Resource) -> Iterator[Finding]:
    """Yield where callers do not come to the script, or it does not know what they may."""
    audience, name = told(script, _audience), field(script, "scriptName").text()
    hosts = {field(host, "hostname").text() for host in stack.of_type(HOST) if field(host, "service").text() == name}
    if audience not in hosts:
        message = f"it takes tokens for {audience}; what leads to it is {', '.join(sorted(hosts)) or 'no host'}"
        yield Finding(script.name, message, _RENDER)
    if not values_of_caps(stack):
        yield Finding(script.name, "it admits by the KV value caps, which the stack does not have", _RENDER)


def _audience(settings: Mapping[str, Any]) -> str:
    return documents.text(documents.mapping(settings.get("tokens"), "tokens").get("audience"), "tokens.audience")


def _leases_outlive_heartbeats(stack: Stack, _context: Context) -> Iterator[Finding]:
    yield from each(gate_scripts(stack), lambda script: script.name, lambda script: _lasts(stack, script))


def _lasts(stack: Stack, script: Resource) -> Iterator[Finding]:
    owner = gate_owner(script)
    found = _scripts(stack, owner)
    if len(found) != 1:
        raise Unreadable(script.name, f"{len(found)} scripts of the stack are called {owner}, which has its gates", _RENDER)
    beat, lease = heartbeat_of(script), told(script, _seconds("leaseSeconds"))
    if script is not found[0]:
        if lease != (kept := told(found[0], _seconds("leaseSeconds"))):
            message = f"it takes leases of {lease:g} s; the objects that keep them count on {kept:g} s"
            yield Finding(script.name, message, f"set leaseSeconds to {kept:g}", kept, lease, "s")
        return
    margin, loan = told(script, _seconds("session", "marginSeconds")), told(script, _seconds("loanSeconds"))
    if lease < _HEARTBEATS * beat:
        message = f"a lease of {lease:g} s is gone with the first heartbeat of {beat:g} s that fails, and the call with it"
        yield Finding(script.name, message, f"set leaseSeconds to {_HEARTBEATS * beat:g}", _HEARTBEATS * beat, lease, "s")
    if lease - beat <= margin:
        message = f"a call ends {margin:g} s before its lease of {lease:g} s does, and is renewed after {beat:g} s: all calls end"
        yield Finding(script.name, message, f"set leaseSeconds above {beat + margin:g}", beat + margin, lease, "s")
    if loan < (least := 2 * (lease + beat)):
        message = (
            f"places are lent for {loan:g} s and renewed when half of it is over, at a heartbeat of {beat:g} s: a lease of "
            f"{lease:g} s may outlive its place"
        )
        yield Finding(script.name, message, f"set loanSeconds to {least:g}", least, loan, "s")


def _seconds(*path: str) -> Callable[[Mapping[str, Any]], float]:
    """Return what reads a number of seconds from settings."""

    def read(settings: Mapping[str, Any]) -> float:
        inside: Any = settings
        for key in path:
            inside = documents.mapping(inside, "it").get(key)
        return documents.number(inside, ".".join(path), 0)

    return read


RULES = (
    Rule(
        name="bindings-resolve",
        condition="Every script of the edge is bound to all that its source reads, each by its type, and has at least the time "
        "of a free account; it and what it is bound to say nothing that the gate does not know; the classes, scripts, "
        "queues and KV values that they name are in the stack; the host that clients call leads to the script that takes their "
        "tokens.",
        why="A script that does not find what it reads answers no call, and one that finds another's counts calls there.",
        reads="`content`, `bindings` and `migrations` of scripts; Queues and their consumers, custom domains, the KV value "
        "`caps`.",
        remedy="Deploy what the program renders, whole.",
        check=_bindings_resolve,
    ),
    Rule(
        name="leases-outlive-heartbeats",
        condition="A lease holds for two heartbeats and is renewed before its call ends; the router and the gates count on the "
        "same; a place is lent for longer than the lease that is counted against it.",
        why="A lease that is over too soon ends calls that stand; one that is over too late gives a place to two.",
        reads="`heartbeatSeconds`, `leaseSeconds`, `loanSeconds` and `session.marginSeconds` in SETTINGS of the scripts that are "
        "bound to TenantGate.",
        remedy="A longer lease or a shorter heartbeat; a loan of twice both.",
        check=_leases_outlive_heartbeats,
    ),
)
