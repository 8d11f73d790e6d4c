"""One pool on draws: its machines of one shape, and the pods of its verticals in given sizes."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np

from capacity.cost import HOURS_PER_MONTH
from capacity.load_path import LoadPath
from capacity.node_room import allocatable
from capacity.packing import Allocatable, PodRequest, largest_share
from capacity.pool_plan import Deployed, parts_on, pool_nodes, pool_pods
from capacity.pools import Pool
from capacity.spec import Spec
from capacity.traffic.erlang_many import Array
from capacity.uncertain import amounts
from capacity.uncertain.amounts import Candidates, cheapest, tried
from capacity.uncertain.demand import Demand, demand
from capacity.uncertain.vertical import MIDDLE, Pods, World, blocked, expected_lost, pods, replicas_needed
from capacity.verticals import LiveVertical, QueueVertical

AS_PLANNED = "as planned"


class NotComparable(ValueError):
    """Options that cannot be compared: a price is missing, or there are too many of them."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}")
        self.path = path
        self.message = message


@dataclass(frozen=True)
class Fleet:
    """One pool in one option: its machines, and the most pods of each live vertical."""

    pool: str
    shape: str
    sizes: Mapping[str, str]
    """The pod size of each live vertical."""
    replicas: Mapping[str, int]
    """The number that is cheapest on average, never less than what the plan asks for."""
    nodes: int
    idle: Mapping[str, float]
    """Share of the nodes that no pod asks for, by resource."""
    machines: Array
    """Money a month on each draw."""
    lost: Array
    """Money a month for calls that find no room, on each draw; 0 where they have no price."""
    expected_lost: float
    """The same on average, over more pairs of draws than stand in `lost` (vertical.py, `expected_lost`)."""


@dataclass(frozen=True)
class Unfit:
    """Machines and pods that do not go together."""

    pool: str
    shape: str
    sizes: Mapping[str, str]
    reason: str


@dataclass(frozen=True)
class Fleets:
    """What one pool may be."""

    planned: Fleet | Unfit
    """As the plan has it: its machines, its pods and no more replicas than it asks for."""
    options: tuple[Fleet | Unfit, ...]
    """In every shape and with every pod size of the spec's options."""


@dataclass(frozen=True)
class _Sized:
    """One live vertical in one pod size."""

    vertical: LiveVertical
    safe_sessions: int
    """That a pod holds where every figure is its middle."""
    demand: Demand
    takes: Pods
    candidates: Candidates

    def lost(self, replicas: set[int]) -> dict[int, Array]:
        """Return the money lost on each draw with some numbers of replicas."""
        numbers = np.array(sorted(replicas), dtype=np.int64)
        price = self.demand.price
        lost = np.zeros((len(self.takes.guaranteed), len(numbers)))
        if price is not None:
            lost = blocked(self.demand.wanted, self.takes, numbers) * price[:, np.newaxis]
        return {int(number): lost[:, place] for place, number in enumerate(numbers)}


@dataclass(frozen=True)
class _Inside:
    """What runs on one pool."""

    live: Mapping[str, Mapping[str, _Sized]]
    """By vertical and pod size."""
    fixed: tuple[Deployed, ...]
    """Its queues, and the parts of the stack that stand on it."""


@dataclass(frozen=True)
class _Chosen:
    """Amounts of one shape and of one pod size of each vertical."""

    machines: "_Machines"
    verticals: Mapping[str, tuple[str, _Sized]]
    """Live ones, with their pod size."""
    replicas: Mapping[str, int]
    """At most, of each of them."""
    expected_lost: float
    """Money a month."""
    nodes: int
    idle: Mapping[str, float]


def fleets(name: str, spec: Spec, path: LoadPath, world: World) -> Fleets:
    """Return what one pool may be, on the draws.

    Raises NotComparable where machines have no price.
    """
    verticals = {vertical: its for vertical, its in spec.verticals.items() if its.pool == name}
    demands = [demand(vertical, spec, path, world) for vertical, its in verticals.items() if isinstance(its, LiveVertical)]
    live = {each.name: {size: _sized(sized, each, spec, world) for size, sized in _sizes(each.name, spec)} for each in demands}
    queues = tuple(Deployed(queue, its, its.replicas, 0) for queue, its in verticals.items() if isinstance(its, QueueVertical))
    inside, shapes = _Inside(live, (*queues, *parts_on(name, spec))), tuple(_machines(name, spec))
    chosen = [_choose(shapes[0], dict.fromkeys(live, AS_PLANNED), inside, world, least=True)]
    chosen += [
        _choose(machines, dict(zip(live, sizes, strict=True)), inside, world)
        for machines in shapes
        for sizes in product(*live.values())
    ]
    planned, *options = _fleets(chosen, inside, world)
    return Fleets(planned, tuple(options))


def _fleets(chosen: Sequence[_Chosen | Unfit], inside: _Inside, world: World) -> Iterator[Fleet | Unfit]:
    # All numbers of replicas of a pod size go through Erlang's recursion together.
    numbers: dict[tuple[str, str], set[int]] = {}
    for each in chosen:
        if isinstance(each, _Chosen):
            for name, count in each.replicas.items():
                numbers.setdefault((name, each.verticals[name][0]), set()).add(count)
    lost = {(name, size): inside.live[name][size].lost(counts) for (name, size), counts in numbers.items()}
    for each in chosen:
        if isinstance(each, Unfit):
            yield each
            continue
        machines, replicas = each.machines, each.replicas
        sizes = {name: size for name, (size, _) in each.verticals.items()}
        yield Fleet(
            pool=machines.pool,
            shape=machines.shape,
            sizes=sizes,
            replicas=replicas,
            nodes=each.nodes,
            idle=each.idle,
            machines=each.nodes * HOURS_PER_MONTH * world.of(machines.price_path, machines.price),
            lost=sum((lost[name, size][replicas[name]] for name, size in sizes.items()), start=np.zeros(world.draws)),
            expected_lost=each.expected_lost,
        )


@dataclass(frozen=True)
class _Machines:
    """One shape that a pool may have."""

    pool: str
    shape: str
    spec: Pool
    price_path: str
    price: float


def _machines(name: str, spec: Spec) -> Iterator[_Machines]:
    pool = spec.pools[name]
    shapes = spec.options.shapes.get(name, {})
    paths = {AS_PLANNED: f"pools.{name}"} | {shape: f"options.shapes.{name}.{shape}" for shape in shapes}
    for shape, path in paths.items():
        # What a shape does not say is as in the pool, but for the number of nodes: how many of it are needed is the question.
        own = shapes.get(shape)
        said = {} if own is None else {field: getattr(own, field) for field in own.model_fields_set}
        its = pool if own is None else pool.model_copy(update={"nodes": None, "price_per_node_hour": None, **said})
        if its.price_per_node_hour is None:
            raise NotComparable(f"{path}.price_per_node_hour", "is missing, and without it nothing can be compared")
        yield _Machines(name, shape, its, f"{path}.price_per_node_hour", its.price_per_node_hour.amount)


def _sizes(name: str, spec: Spec) -> Iterator[tuple[str, LiveVertical]]:
    vertical = spec.verticals[name]
    if isinstance(vertical, LiveVertical):
        yield AS_PLANNED, vertical
        for size, own in spec.options.pods.get(name, {}).items():
            # Requests are not taken over: they would be above the limits of a smaller pod, and hold a larger one down.
            said = {field: getattr(own, field) for field in own.model_fields_set}
            yield size, vertical.model_copy(update={"pod": vertical.pod.model_copy(update={"requests": None, **said})})


def _sized(vertical: LiveVertical, of: Demand, spec: Spec, world: World) -> _Sized:
    margins = spec.margins
    planned = pods(of.name, vertical, margins.safe_utilisation, MIDDLE)
    admitted = vertical.pins.sessions_per_pod or int(planned.guaranteed[0])
    planned = planned.admitting(admitted)
    least = vertical.pins.maximum or int(replicas_needed(of.at_middle, planned, margins.blocking)[0])
    takes = pods(of.name, vertical, margins.safe_utilisation, world).admitting(admitted)
    most = least
    if vertical.pins.maximum is None:
        # Where each pod that holds anything holds the least that one does on any draw.
        holding = takes.guaranteed[takes.guaranteed > 0]
        most = max(least, math.ceil((len(of.lost) - 1) / int(holding.min(initial=admitted or 1))))
    replicas = tried(least, most)
    candidates = Candidates(replicas, expected_lost(of.lost, takes, replicas))
    return _Sized(vertical, int(planned.guaranteed_safe[0]), of, takes, candidates)


def _choose(
    machines: _Machines, sizes: Mapping[str, str], inside: _Inside, world: World, *, least: bool = False
) -> _Chosen | Unfit:
    verticals = {name: (size, inside.live[name][size]) for name, size in sizes.items()}
    pool, standing = machines.spec.model_copy(update={"nodes": None}), machines.spec.nodes or 0

    def deployed(counts: Sequence[int]) -> tuple[Deployed, ...]:
        live = (
            Deployed(name, its.vertical, count, its.safe_sessions)
            for (name, (_, its)), count in zip(verticals.items(), counts, strict=True)
        )
        return (*live, *inside.fixed)

    nodes_for = cache(lambda counts: pool_nodes(pool, deployed(counts)))
    candidates = [its.candidates for _, its in verticals.values()]
    node, requests = allocatable(pool), pool_pods(deployed([1] * len(candidates)))
    if (reason := _unfit(node, requests, verticals)) is not None:
        return Unfit(machines.pool, machines.shape, sizes, reason)
    of = {request.name: request for request in requests}
    places = (0,) * len(candidates)
    if not least:
        of_amounts = amounts.Pool(
            candidates=candidates,
            shares=[largest_share(of[name], node) for name in verticals],
            nodes_for=nodes_for,
            price=float(world.of(machines.price_path, machines.price).mean()) * HOURS_PER_MONTH,
            standing=standing,
        )
        places = cheapest(of_amounts).places
    replicas = {name: int(each.replicas[place]) for name, each, place in zip(verticals, candidates, places, strict=True)}
    nodes = max(nodes_for(tuple(replicas.values())), standing, 1)
    asked = pool_pods(deployed(tuple(replicas.values())))
    return _Chosen(
        machines,
        verticals,
        replicas,
        sum(float(each.expected[place]) for each, place in zip(candidates, places, strict=True)),
        nodes,
        _idle(asked, node, nodes),
    )


def _unfit(node: Allocatable, pods: Sequence[PodRequest], verticals: Mapping[str, tuple[str, _Sized]]) -> str | None:
    for name, (_, its) in verticals.items():
        if its.safe_sessions == 0:
            return f"a pod of {name} safely holds no session"
    if not node.cpu_cores or not node.memory_bytes:
        return "a node keeps all of itself for the system"
    too_large = [pod.name for pod in pods if not node.holds(pod)]
    return f"no node takes a pod of {too_large[0]}" if too_large else None


def _idle(pods: Sequence[PodRequest], node: Allocatable, nodes: int) -> dict[str, float]:
    cores = sum(pod.cpu_cores * pod.count for pod in pods)
    size = sum(pod.memory_bytes * pod.count for pod in pods)
    return {"cpu": 1 - cores / (nodes * node.cpu_cores), "memory": 1 - size / (nodes * node.memory_bytes)}
