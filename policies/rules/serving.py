"""Rules on pools that all calls share: tool executors, the models' gateway, the queues' gateways."""

from collections.abc import Callable, Iterator
from datetime import date

from policies.demand import Demand, demand_of
from policies.evidence import Context
from policies.figures import waiting_share
from policies.jobs import queues
from policies.margins import growth
from policies.parts import Part, shortfall
from policies.rule import Finding, Rule, each
from policies.rules.gpus import MODELS
from policies.stack import Resource, Stack, Unreadable, annotation, field
from policies.workloads import container_of, environment, of_kind, remaining

_HALVINGS = 60
_MILLISECONDS = 1000


def _tools_cover_burst(stack: Stack, context: Context) -> Iterator[Finding]:
    demand = demand_of(stack, context)

    def check(executors: Resource) -> Iterator[Finding]:
        yield from shortfall(_answered(executors, demand), demand.lock)

    yield from each(of_kind(stack, "tools"), lambda executors: executors.name, check)


def _answered(executors: Resource, demand: Demand) -> Part:
    """Return the executors against the tool calls of every session, in calls a second."""
    calls, seconds, level = (
        annotation(executors, name).number() for name in ("calls-per-session", "call-seconds", "service-level")
    )
    container = container_of(executors, "app")
    slots = environment(container, "HEADROOM_SLOTS").count(at_least=1)
    wait = environment(container, "HEADROOM_WAIT_MS").number() / _MILLISECONDS
    left, safe = remaining(executors), demand.kept.safe_utilisation
    held = _most_erlangs(left * slots, wait, seconds, level) / seconds * safe if seconds else 0.0
    return Part(
        resource=executors.name,
        what="the sessions make",
        unit="tool calls a second",
        asked=lambda day: calls * demand.starts_per_second(day),
        provided=lambda _day: held,
        holds=f"{left} pods left x {slots} slots answer {level:.1%} within {wait:g} s of waiting, {safe:g} of it safe",
        remedy="take more executors, or more slots in each",
        lead_seconds=None,
    )


def _most_erlangs(slots: int, wait: float, seconds: float, level: float) -> float:
    """Return the offered load with which just the share that may wait longer does; waiting only grows with the load."""
    low, high = 0.0, float(slots)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        late = waiting_share(middle, slots, wait / seconds)
        low, high = (middle, high) if late <= 1 - level else (low, middle)
    return low


def _gateways_cover_burst(stack: Stack, context: Context) -> Iterator[Finding]:
    demand = demand_of(stack, context)

    def streams(gateway: Resource) -> Iterator[Finding]:
        yield from shortfall(_carried(stack, gateway, demand), demand.lock)

    def callbacks(gateway: Resource) -> Iterator[Finding]:
        yield from shortfall(_taken(stack, gateway, demand), demand.lock)

    yield from each(of_kind(stack, "gateway"), lambda gateway: gateway.name, streams)
    yield from each(of_kind(stack, "queue-gateway"), lambda gateway: gateway.name, callbacks)


def _carried(stack: Stack, gateway: Resource, demand: Demand) -> Part:
    """Return the models' gateway against what the sessions ask of the models at once."""
    shares = sum(annotation(model, "share").number() for model in of_kind(stack, *MODELS))
    one = environment(container_of(gateway, "app"), "HEADROOM_MAX_STREAMS").count(at_least=1)
    return _pods(
        gateway, demand, one, "streams", "the sessions' requests to the models are", lambda day: shares * demand.sessions(day)
    )


def _taken(stack: Stack, gateway: Resource, demand: Demand) -> Part:
    """Return a queue's gateway against the callbacks of a busy stretch."""
    name = annotation(gateway, "queue").text()
    servers = [server for server in queues(stack) if annotation(server, "vertical").text() == name]
    if len(servers) != 1:
        raise Unreadable(gateway.name, f"the stack has {len(servers)} queues {name}", "deploy what the program renders")
    busy, one = annotation(servers[0], "busy-jobs-per-second").number(), annotation(gateway, "per-second").number()

    def asked(day: date) -> float:
        return demand.kept.burst * growth(demand.lock, day, demand.kept) * busy

    return _pods(gateway, demand, one, "callbacks a second", "a busy stretch brings", asked)


def _pods(  # noqa: PLR0917  # what a part is
    gateway: Resource, demand: Demand, one: float, unit: str, what: str, asked: Callable[[date], float]
) -> Part:
    left, safe = remaining(gateway), demand.kept.safe_utilisation
    return Part(
        resource=gateway.name,
        what=what,
        unit=unit,
        asked=asked,
        provided=lambda _day: left * one * safe,
        holds=f"{left} pods left x {one:g} {unit} x {safe:g} safe",
        remedy=f"take at least {field(gateway, 'spec.replicas').count() + 1} pods",
        lead_seconds=None,
    )


RULES = (
    Rule(
        name="tools-cover-burst",
        condition="With as many tool executors gone as must be survived, the tool calls of all required sessions wait no longer "
        "than planned, but for the share that may.",
        why="Where slots are short callers hear silence in mid-sentence, while every pod of their vertical looks idle.",
        reads="Deployments of kind `tools`: replicas, HEADROOM_SLOTS, HEADROOM_WAIT_MS, and the claims `survive`, "
        "`calls-per-session`, `call-seconds`, `service-level`; mean lengths of calls; the lock.",
        remedy="More executors, or more slots in each.",
        check=_tools_cover_burst,
    ),
    Rule(
        name="gateways-cover-burst",
        condition="With as many of its pods gone as must be survived, the models' gateway carries the streams of all required "
        "sessions, and a queue's gateway the callbacks of its busy stretch.",
        why="A gateway that is full refuses what the GPUs, or the queue behind it, still had room for.",
        reads="Deployments of kind `gateway` and `queue-gateway`: replicas, HEADROOM_MAX_STREAMS, the claims `survive`, `queue` "
        "and `per-second`; the claims `share` of the models and `busy-jobs-per-second` of the queue; the lock.",
        remedy="More pods.",
        check=_gateways_cover_burst,
    ),
)
