"""Erlang B over many loads."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capacity.traffic.erlang import erlang_b, servers_for_blocking
from capacity.traffic.erlang_many import erlang_b_many, servers_for_blocking_many

loads = st.lists(st.just(0.0) | st.floats(1e-3, 3000.0), min_size=1, max_size=5)


@settings(max_examples=60, deadline=None)
@given(loads, st.lists(st.integers(0, 3500), min_size=1, max_size=6))
def test_many_losses_are_each_the_single_one(offered: list[float], servers: list[int]) -> None:
    """Every cell of the table is what the one-load formula gives, in whatever order the servers stand."""
    table = erlang_b_many(np.array(offered), np.array([servers] * len(offered)))
    single = np.array([[erlang_b(load, count) for count in servers] for load in offered])
    assert table == pytest.approx(single, rel=1e-9, abs=1e-300)


@settings(max_examples=60, deadline=None)
@given(loads, st.floats(1e-6, 0.5))
def test_many_inverses_are_each_the_single_one(offered: list[float], blocking: float) -> None:
    """The least servers of every load are what the one-load formula gives."""
    assert servers_for_blocking_many(np.array(offered), blocking).tolist() == [
        servers_for_blocking(load, blocking) for load in offered
    ]


def test_bad_arguments_are_named() -> None:
    """A negative load, negative servers and a table of another height are refused."""
    one = np.array([1.0])
    with pytest.raises(ValueError, match="offered_erlangs"):
        erlang_b_many(-one, np.array([[1]]))
    with pytest.raises(ValueError, match="servers must be 0 or more"):
        erlang_b_many(one, np.array([[-1]]))
    with pytest.raises(ValueError, match="a row for each load"):
        erlang_b_many(one, np.array([[1], [2]]))
    with pytest.raises(ValueError, match="target probability"):
        servers_for_blocking_many(one, 1.0)
