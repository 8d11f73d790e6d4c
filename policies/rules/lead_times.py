"""lead-times-met: what cannot grow at once is ordered before it is short."""

from collections.abc import Callable, Iterator

from policies.demand import Demand, demand_of
from policies.evidence import Context, usable
from policies.parts import Part, late_order
from policies.placement import POOL
from policies.rule import Finding, Rule, each
from policies.rules.arrivals import depth
from policies.rules.carriers import CARRIER, trunks
from policies.rules.gpus import MODELS, streams
from policies.rules.model import allowed
from policies.rules.nodes import machines
from policies.rules.tunnels import routes
from policies.rules.turn import relays
from policies.stack import Resource, Stack
from policies.workloads import of_kind

_Parts = Callable[[Resource], Iterator[Part]]


def _lead_times_met(stack: Stack, context: Context) -> Iterator[Finding]:
    demand, as_of = demand_of(stack, context), usable(context.as_of)

    def late(found: tuple[str, Callable[[], Iterator[Part]]]) -> Iterator[Finding]:
        for part in found[1]():
            yield from late_order(part, demand.lock, as_of)

    yield from each(_ordered(stack, demand), lambda found: found[0], late)


def _ordered(stack: Stack, demand: Demand) -> Iterator[tuple[str, Callable[[], Iterator[Part]]]]:
    """Yield everything that takes time to get more of, by its resource; each is read when it is judged."""
    model = stack.the_one("headroom:model:Model")
    yield model.name, lambda: allowed(model, demand)
    for carrier in stack.of_type(CARRIER):
        yield carrier.name, lambda carrier=carrier: trunks(carrier, demand)  # type: ignore[misc]
    for servers in of_kind(stack, "turn"):
        yield servers.name, lambda servers=servers: iter([relays(stack, servers, demand)])  # type: ignore[misc]
    for gpus in of_kind(stack, *MODELS):
        yield gpus.name, lambda gpus=gpus: iter([streams(gpus, demand)])  # type: ignore[misc]
    for queue in of_kind(stack, "redis"):
        yield queue.name, lambda queue=queue: iter([depth(stack, queue, demand)])  # type: ignore[misc]
    for pool in stack.of_type(POOL):
        yield pool.name, lambda pool=pool: iter([machines(stack, pool, demand)])  # type: ignore[misc]
    yield "tunnels", lambda: routes(stack, demand)


RULES = (
    Rule(
        name="lead-times-met",
        condition="For everything that cannot grow at once, the first day on which the load passes it is further away than it "
        "takes to get more.",
        why="A limit that is enough today and takes four weeks to raise is refused today, or it is short in the busy week.",
        reads="the same figures as `tokens-cover-burst`, `carrier-rate-covers-arrivals`, `turn-ports-cover-burst`, "
        "`gpu-memory-covers-sessions`, `backlog-covers-arrivals` (queues), `tunnel-replicas-fixed` and `nodes-cover-maximum` "
        "(with as many pods of each live Deployment as the load of the day asks for), and the claims "
        "`leadSeconds` and `lead-seconds`; the lock, two years ahead; the day.",
        remedy="Order more now: both days are in the message.",
        check=_lead_times_met,
    ),
)
