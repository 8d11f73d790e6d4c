"""Which uncertain figure matters most."""

import numpy as np
import pytest

from capacity.traffic.erlang_many import Array
from capacity.uncertain.draws import draw
from capacity.uncertain.importance import importance
from capacity.uncertain.interval import Quantiles


def _uniform(names: str, draws: int) -> dict[str, Array]:
    """Return figures that are uniform on 0 to 1: the ranks of any draws."""
    drawn = draw({name: Quantiles(1, 2, 4, 0.9) for name in names}, draws, seed=5)
    return {name: (np.argsort(np.argsort(values)) + 0.5) / draws for name, values in drawn.items()}


def test_a_sum_is_shared_by_variance() -> None:
    """Of 3a + b + 0c the figures explain 0.9, 0.1 and nothing, largest first."""
    drawn = _uniform("abc", 4096)
    shares = importance(drawn, 3 * drawn["a"] + drawn["b"])
    assert list(shares) == ["a", "b", "c"]
    assert list(shares.values()) == pytest.approx([0.9, 0.1, 0.0], abs=0.03)


def test_the_indices_of_ishigami_are_found() -> None:
    """Ishigami and Homma's function has the published first-order indices 0.3139, 0.4424 and 0, the last by interaction alone."""
    drawn = _uniform("abc", 8192)
    a, b, c = (np.pi * (2 * values - 1) for values in drawn.values())
    outcome = np.sin(a) + 7 * np.sin(b) ** 2 + 0.1 * c**4 * np.sin(a)
    shares = importance(drawn, outcome)
    assert [shares[name] for name in "abc"] == pytest.approx([0.3139, 0.4424, 0.0], abs=0.03)


def test_nothing_matters_where_nothing_changes() -> None:
    """An outcome that is the same on every draw, but for rounding, is explained by no figure."""
    drawn = _uniform("ab", 256)
    outcome = 0.1 + 0.2 + np.zeros(256)
    outcome[::2] = 0.3
    assert set(importance(drawn, outcome).values()) == {0.0}
