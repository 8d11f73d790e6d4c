"""Erlang B for many loads at once: what an evaluation over draws asks for.

All loads together go once through 1/B(n) = 1 + (n/a) / B(n-1) from B(0) = 1, the recursion of `capacity.traffic.erlang`.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from capacity.traffic.arguments import require, require_target

Array = NDArray[np.float64]
Counts = NDArray[np.int64]
_NEGLIGIBLE = 2.0**-56


def erlang_b_many(offered_erlangs: Array, servers: Counts) -> Array:
    """Return the share of calls lost, for each load (rows) by each of its numbers of servers (columns).

    Raises:
        ValueError: a load or a number of servers is negative or not finite, or there are not as many rows as loads.

    >>> erlang_b_many(np.array([10.0, 100.0]), np.array([[15, 20], [120, 128]])).round(4).tolist()
    [[0.0365, 0.0019], [0.0057, 0.001]]
    """
    _require_loads(offered_erlangs)
    require(holds=bool((servers >= 0).all()), what="servers must be 0 or more", got=int(servers.min(initial=0)))
    require(
        holds=servers.ndim == 2 and len(servers) == len(offered_erlangs),  # noqa: PLR2004  # rows and columns
        what="servers must have a row for each load, got the shape",
        got=servers.shape,
    )
    lost = np.empty(servers.shape)
    order = np.argsort(servers, axis=None, kind="stable")
    counts, starts = np.unique(servers.ravel()[order], return_index=True)
    cells = dict(zip(counts.tolist(), np.split(order, starts[1:]), strict=True))
    with _infinite_inverses():
        for count, inverse in _inverses(offered_erlangs, int(servers.max(initial=0))):
            if count in cells:
                lost.ravel()[cells[count]] = 1 / inverse[cells[count] // servers.shape[1]]
    return lost


def mean_losses(offered_erlangs: Array, weights: Array, *, most: int) -> Array:
    """Return the mean of weight x share of calls lost over all loads, for 0, 1, 2, ... servers up to the most.

    Raises:
        ValueError: a load is negative or not finite.

    >>> mean_losses(np.array([1.0, 2.0]), np.array([1.0, 1.0]), most=3).round(3).tolist()
    [1.0, 0.583, 0.3, 0.137]
    """
    _require_loads(offered_erlangs)
    with _infinite_inverses():
        sums = [weights @ (1 / inverse) for _, inverse in _inverses(offered_erlangs, most)]
    return np.array(sums) / len(weights)


def servers_for_blocking_many(offered_erlangs: Array, blocking: float) -> Counts:
    """Return the least numbers of servers that lose at most this share of calls, for each load; at least 1.

    Raises:
        ValueError: a load is negative or not finite, or the target not strictly between 0 and 1.

    >>> servers_for_blocking_many(np.array([0.0, 100.0, 20_000.0]), 0.001).tolist()
    [1, 128, 20211]
    """
    _require_loads(offered_erlangs)
    require_target(blocking)
    servers = np.ones(offered_erlangs.shape, dtype=np.int64)
    left = np.flatnonzero(offered_erlangs)
    # Below n = a (1 - blocking) servers could not even carry what must not be lost.
    loads = offered_erlangs[left]
    counts = np.floor(loads * (1 - blocking))
    inverse = _inverse_below(loads, counts)
    while len(left):
        done = inverse * blocking >= 1
        servers[left[done]] = np.maximum(counts[done], 1)
        left, loads, counts, inverse = left[~done], loads[~done], counts[~done] + 1, inverse[~done]
        inverse = 1 + inverse * counts / loads
    return servers


def _inverse_below(offered: Array, servers: Array) -> Array:
    """Return 1/B of every load for as many servers each as are fewer than its erlangs.

    The recursion unrolled from above: 1 + n/a + n (n-1)/a^2 + ..., of which about 10 sqrt(a) terms count.
    """
    total, term, step = np.zeros_like(offered), np.ones_like(offered), 0
    while (term > total * _NEGLIGIBLE * (1 - (servers - step) / offered)).any():
        total += term
        term *= np.maximum(servers - step, 0) / offered
        step += 1
    return total


def _inverses(offered: Array, most: int) -> Iterator[tuple[int, Array]]:
    """Yield 1/B of every load for 0, 1, ... servers, always in the same array."""
    inverse, ratio = np.ones_like(offered), np.empty_like(offered)
    yield 0, inverse
    for count in range(1, most + 1):
        np.divide(count, offered, out=ratio)
        inverse *= ratio
        inverse += 1
        yield count, inverse


def _infinite_inverses() -> np.errstate:
    # 1/B is infinite where B is below the smallest float, and from one server on where there is no load at all.
    return np.errstate(over="ignore", divide="ignore")


def _require_loads(offered_erlangs: Array) -> None:
    require(
        holds=bool(np.isfinite(offered_erlangs).all() and (offered_erlangs >= 0).all()),
        what="offered_erlangs must be finite, 0 or more",
        got=offered_erlangs,
    )
