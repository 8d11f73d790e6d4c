"""The edge as it is rendered: what its router admits by, and its scripts with what they are told."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from policies import documents
from policies.documents import WrongDocument
from policies.stack import Place, Resource, Stack, WrongField, field

Read = TypeVar("Read")
SCRIPT = "cloudflare:index/workersScript:WorkersScript"
HOST = "cloudflare:index/workersCustomDomain:WorkersCustomDomain"
RULESET = "cloudflare:index/ruleset:Ruleset"
OBJECTS = "durable_object_namespace"
"""The type of a binding that leads to Durable Objects."""
_VALUE = "cloudflare:index/workersKv:WorkersKv"
_CAPS = "caps"
_GATE = "TenantGate"


@dataclass(frozen=True)
class Places:
    """The calls of one vertical that the router admits."""

    calls: int
    reserved: int
    """Of them, for calls within a guarantee."""
    shards: int
    """Objects that count them, each its part."""


@dataclass(frozen=True)
class Admitted:
    """What the router lets a tenant of a plan do."""

    cap: int
    guaranteed: int
    guarantees: Mapping[str, int]
    """Calls that it always finds room for, by vertical: those of `guaranteed`."""
    starts_per_second: float
    """Calls that it may begin for long."""
    starts_at_once: float


@dataclass(frozen=True)
class Caps:
    """The KV value that the router admits by."""

    plans: Mapping[str, Admitted]
    verticals: Mapping[str, Places]


def values_of_caps(stack: Stack) -> list[Resource]:
    """Return the KV values that routers admit by."""
    return [value for value in stack.of_type(_VALUE) if field(value, "keyName").text() == _CAPS]


def caps_of(value: Resource) -> Caps:
    """Return the caps of plans, and the places of verticals, as the router reads them."""
    text = field(value, "value")
    document = object_of(text)
    try:
        caps = documents.members(document, "it", frozenset({"plans", "verticals", "pools"}))
        plans = documents.mapping(caps["plans"], "plans")
        pools, verticals = documents.mapping(caps["pools"], "pools"), documents.mapping(caps["verticals"], "verticals")
        return Caps(
            {name: _admitted(plan, f"plans.{name}") for name, plan in plans.items()},
            {name: _places(calls, pools.get(name), name) for name, calls in verticals.items()},
        )
    except WrongDocument as error:
        raise WrongField(value.name, text.path, "the caps of the plans", why=str(error)) from None


def _admitted(value: Any, where: str) -> Admitted:
    plan = documents.mapping(value, where)
    guarantees = documents.mapping(plan.get("guarantees"), f"{where}.guarantees")
    starts = documents.mapping(plan.get("starts"), f"{where}.starts")
    return Admitted(
        cap=documents.integer(plan.get("cap"), f"{where}.cap", 0),
        guaranteed=documents.integer(plan.get("guaranteed"), f"{where}.guaranteed", 0),
        guarantees={name: documents.integer(given, f"{where}.guarantees.{name}", 0) for name, given in guarantees.items()},
        starts_per_second=documents.number(starts.get("perSecond"), f"{where}.starts.perSecond", 0),
        starts_at_once=documents.number(starts.get("burst"), f"{where}.starts.burst", 0),
    )


def _places(calls: Any, value: Any, vertical: str) -> Places:
    where = f"pools.{vertical}"
    pool, places = documents.mapping(value, where), documents.integer(calls, f"verticals.{vertical}", 0)
    return Places(
        calls=places,
        reserved=documents.integer(pool.get("reserved"), f"{where}.reserved", 0, places),
        shards=documents.integer(pool.get("shards"), f"{where}.shards", 1),
    )


def gate_scripts(stack: Stack) -> Iterator[Resource]:
    """Yield the scripts that reach the gates of tenants."""
    yield from (script for script in stack.of_type(SCRIPT) if _gate(script) is not None)


def gate_owner(script: Resource) -> str:
    """Return the name of the script that has the gates which a script reaches: its own where the binding names none."""
    binding = _gate(script)
    named = None if binding is None else binding.get("scriptName")
    return (named or field(script, "scriptName")).text()


def _gate(script: Resource) -> Place | None:
    objects = (binding for binding in field(script, "bindings").items() if binding["type"].text() == OBJECTS)
    return next((binding for binding in objects if binding["className"].text() == _GATE), None)


def told(script: Resource, read: Callable[[Mapping[str, Any]], Read]) -> Read:
    """Return what is read from the settings of a script; what raises `WrongDocument` is `Unreadable`."""
    found = [one for one in field(script, "bindings").items() if one["name"].text() == "SETTINGS"]
    if len(found) != 1:
        raise WrongField(script.name, "bindings", "a list with SETTINGS, once")
    text = found[0]["json"]
    try:
        return read(object_of(text))
    except WrongDocument as error:
        raise WrongField(script.name, text.path, "the settings of a script", why=str(error)) from None


def heartbeat_of(script: Resource) -> float:
    """Return how often calls renew their leases, in seconds."""
    return told(script, lambda settings: documents.number(settings.get("heartbeatSeconds"), "heartbeatSeconds", 1))


def object_of(text: Place) -> dict[str, Any]:
    """Return the JSON object of a text."""
    try:
        return dict(documents.mapping(documents.parse(text.text()), "it"))
    except WrongDocument as error:
        raise WrongField(text.resource.name, text.path, "a JSON object", why=str(error)) from None
