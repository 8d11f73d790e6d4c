"""How many replicas and nodes of given shapes cost the least on average, calls that find no room included."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from capacity.traffic.erlang_many import Array, Counts

_STEP = 1.01
"""Numbers of replicas are tried one by one up to two hundred, then in steps of a hundredth."""
_HALVINGS = 14
"""Of the price of a node in the search for the one that fills so many nodes: to a sixteen-thousandth."""


@dataclass(frozen=True)
class Candidates:
    """One vertical in one pod size: numbers of replicas, and what they lose."""

    replicas: Counts
    """Rising; the first is the least that may be."""
    expected: Array
    """Money a month for calls that find no room, on average over the draws, for each of them."""

    def at_price(self, price: float) -> int:
        """Return the place of the number that is cheapest on average where a replica has a price."""
        return int(np.argmin(self.expected + price * self.replicas))


@dataclass(frozen=True)
class Amounts:
    """The places chosen among each vertical's candidates, and the nodes that hold them."""

    places: tuple[int, ...]
    nodes: int


def tried(least: int, most: int) -> Counts:
    """Return the numbers of replicas to try from the least to the most.

    >>> tried(3, 6).tolist(), tried(1000, 1030).tolist()
    ([3, 4, 5, 6], [1000, 1010, 1020, 1030])
    """
    numbers = [least]
    while numbers[-1] < most:
        numbers.append(min(most, max(numbers[-1] + 1, math.floor(numbers[-1] * _STEP))))
    return np.array(numbers, dtype=np.int64)


@dataclass(frozen=True)
class Pool:
    """One pool in one shape: its verticals, and what its nodes hold and cost."""

    candidates: Sequence[Candidates]
    """Of each vertical."""
    shares: Sequence[float]
    """Of a node, that one replica of each takes."""
    nodes_for: Callable[[tuple[int, ...]], int]
    """Nodes that hold so many replicas of each."""
    price: float
    """Of one node a month, on average."""
    standing: int
    """Nodes that are paid whether they are needed or not."""

    def at(self, node_price: float) -> Amounts:
        """Return the replicas that are cheapest on average where a node has a price."""
        places = tuple(each.at_price(node_price * share) for each, share in zip(self.candidates, self.shares, strict=True))
        counts = tuple(int(each.replicas[place]) for each, place in zip(self.candidates, places, strict=True))
        return Amounts(places, self.nodes_for(counts))

    def cost(self, amounts: Amounts) -> float:
        """Return what amounts cost a month on average."""
        lost = sum(float(each.expected[place]) for each, place in zip(self.candidates, amounts.places, strict=True))
        return lost + self.price * max(self.standing, amounts.nodes)

    def filling(self, nodes: int) -> Amounts:
        """Return the best that so many nodes hold; the least that there is where they do not hold it."""
        low, high = 0.0, 1.0
        while (found := self.at(high * self.price)).nodes > nodes and high < 2**_HALVINGS:
            low, high = high, 2 * high
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            tighter = self.at(middle * self.price)
            if tighter.nodes <= nodes:
                high, found = middle, tighter
            else:
                low = middle
        return found


def cheapest(pool: Pool) -> Amounts:
    """Return the replicas of a pool's verticals, and its nodes, that cost the least on average.

    What a vertical loses falls ever more slowly with its replicas (Erlang B is convex in servers: Messerli, BSTJ 51, 1972), so
    its best number follows from the price of a replica alone, its share of a node (the newsvendor's rule). Nodes are whole: the
    prices that fill as many, one less or one more are tried too, on and on while the cost falls. For one vertical that is the
    optimum among the numbers tried, for several it is near it.
    """
    best = pool.at(pool.price)
    if not any(each.expected[0] for each in pool.candidates):
        return best  # nothing is lost, or losses have no price: the least will do
    for step in (0, -1, 1):
        # Nodes that stand anyhow are filled first.
        while pool.cost(other := pool.filling(max(best.nodes + step, 0 if step < 0 else pool.standing))) < pool.cost(best):
            best = other
    return best
