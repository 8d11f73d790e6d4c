"""planned-parts-stand: each part that the plan sizes is in the stack, so that the rule of the part has something to judge."""

from collections.abc import Callable, Iterator

from policies import documents
from policies.documents import WrongDocument
from policies.evidence import Context
from policies.margins import ROOT
from policies.placement import POOL
from policies.rule import Finding, Rule
from policies.rules.carriers import CARRIER
from policies.rules.latency import LATENCY
from policies.stack import Identity, Stack, Unreadable, annotation, field, find_object
from policies.workloads import CONFIG_MAP, of_kind, watchers

_PLAN = Identity("headroom", "capacity-plan")
_RENDER = "deploy the program's whole blueprint"
_Is = Callable[[Stack], bool]
_PARTS: dict[str, tuple[str, _Is]] = {
    "bus": ("servers of kind bus", lambda stack: any(of_kind(stack, "bus"))),
    "carrier channels": ("the component of the carrier", lambda stack: any(stack.of_type(CARRIER))),
    "first audio": ("the component of the latency budget", lambda stack: any(stack.of_type(LATENCY))),
    "gateway": ("pods of kind gateway", lambda stack: any(of_kind(stack, "gateway"))),
    "metrics": ("servers of Prometheus", lambda stack: bool(watchers(stack, "prometheus"))),
    "tools": ("pods of kind tools", lambda stack: any(of_kind(stack, "tools"))),
    "tunnel": ("pods of kind tunnel", lambda stack: any(of_kind(stack, "tunnel"))),
    "turn": ("pods of kind turn", lambda stack: any(of_kind(stack, "turn"))),
}
"""What a part is in the stack, by its name in the plan. What serves one vertical is asked for by the vertical."""
_OF_QUEUES = {"queue": "redis", "gateway": "queue-gateway"}


def _planned_parts_stand(stack: Stack, _context: Context) -> Iterator[Finding]:
    try:
        verticals, pools, parts = _plan(stack)
    except WrongDocument as error:
        raise Unreadable("capacity-plan", f"data[plan.json]: {error}", _RENDER) from None
    for name, (what, stands) in _PARTS.items():
        if name in parts and not stands(stack):
            yield Finding(name, f"the plan sizes it, and the stack has no {what}", _RENDER)
    standing = {field(pool, "pool").text() for pool in stack.of_type(POOL)}
    for name in sorted(pools - standing):
        yield Finding(name, "the plan counts on its machines, and the stack has no pool of this name", _RENDER)
    for vertical, kind in sorted(verticals.items()):
        if kind == "queue":
            wanted = {"queue", *(of for part, of in _OF_QUEUES.items() if f"{vertical} {part}" in parts)}
            yield from _of_queue(stack, vertical, sorted(wanted))


def _plan(stack: Stack) -> tuple[dict[str, str], frozenset[str], frozenset[str]]:
    """Return the kinds of the plan's verticals by their names, its pools, and the parts that it sizes."""
    config_map = find_object(stack, CONFIG_MAP, _PLAN)
    if config_map is None:
        raise Unreadable(stack.the_one(ROOT).name, "there is no ConfigMap headroom/capacity-plan that holds the plan", _RENDER)
    plan = documents.mapping(documents.parse(field(config_map, "data")["plan.json"].text()), "the plan")
    verticals = documents.mapping(plan.get("verticals"), "verticals").items()
    kinds = {name: documents.text(documents.mapping(one, name).get("kind"), f"the kind of {name}") for name, one in verticals}
    shared = documents.mapping(plan.get("shared"), "shared")
    pools = documents.mapping(shared.get("pools"), "shared.pools")
    return kinds, frozenset(pools), frozenset(documents.mapping(plan.get("stack"), "stack"))


def _of_queue(stack: Stack, vertical: str, kinds: list[str]) -> Iterator[Finding]:
    for kind in kinds:
        name = "queue" if kind == "queue-gateway" else "vertical"
        if not any(annotation(one, name).text() == vertical for one in of_kind(stack, kind)):
            yield Finding(vertical, f"the plan has its queue, and the stack has no pods of kind {kind} for it", _RENDER)


RULES = (
    Rule(
        name="planned-parts-stand",
        condition="Each part that the plan sizes is in the stack: pools, carrier, latency budget, bus, relays, tunnels, tools, "
        "gateways, Prometheus, and of each queue its servers, its workers and its gateways.",
        why="A part that is left out is judged by no rule of its own, and the calls that need it find nothing.",
        reads="`stack`, `verticals` and `shared.pools` of `plan.json` in the ConfigMap headroom/capacity-plan; the kinds of "
        "workloads; components of the carrier, the latency budget and the pools.",
        remedy="Deploy the program's whole blueprint.",
        check=_planned_parts_stand,
    ),
)
