"""Quantiles of observed numbers, always one of them."""

import numpy as np
from numpy.typing import NDArray


def rank(count: int, per_mille: int) -> int:
    """Return the place, from 0, of a quantile among sorted values: the first with that share at or below it.

    The nearest rank, in whole numbers: a share such as 0.999 has no exact float, and an interpolated quantile
    lies below what was seen.

    >>> rank(10080, 990), rank(10080, 999), rank(4, 500), rank(1, 999)
    (9979, 10069, 1, 0)
    """
    return max(1, -(-count * per_mille // 1000)) - 1


def quantile(values: NDArray[np.int64], per_mille: int) -> int:
    """Return a quantile of some whole numbers by nearest rank; there must be one at least."""
    if not len(values):
        raise ValueError("no values, so no quantile")
    place = rank(len(values), per_mille)
    return int(np.partition(values, place)[place])
