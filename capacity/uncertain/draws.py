"""Draws of uncertain figures: one stream a figure, keyed by its path."""

import hashlib
from collections.abc import Mapping

import numpy as np

from capacity.uncertain.distribution import Array, at_chances
from capacity.uncertain.interval import Quantiles

_NARROWEST = 1e-12


def draw(figures: Mapping[str, Quantiles], draws: int, seed: int) -> dict[str, Array]:
    """Return `draws` values of every figure, independent of one another.

    Latin hypercube sampling (McKay, Beckman and Conover, Technometrics 21, 1979): each figure's range is cut into `draws` equally
    likely parts and one value drawn from each, in random order, so that its quantiles are met to one part. The stream of a figure
    comes of the seed and its path alone: another figure beside it changes none of its values, and all options are judged on the
    same draws (common random numbers).
    """
    return {path: at_chances(known, _chances(path, draws, seed)) for path, known in figures.items()}


def _chances(path: str, draws: int, seed: int) -> Array:
    key = hashlib.blake2b(path.encode(), digest_size=8).digest()
    generator = np.random.default_rng([seed, int.from_bytes(key, "big")])
    chances = (generator.permutation(draws) + generator.random(draws)) / draws
    # The normal quantiles of 0 and 1 are not finite; rounding can make either of them.
    return np.clip(chances, _NARROWEST, 1 - _NARROWEST)
