"""A fleet that stays: worked out at once, it comes to what the play call by call comes to."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capacity.simulation.day import Autoscaler, Day, Fleet, Nodes, Traffic
from capacity.simulation.fixed import ranks
from capacity.simulation.run import simulate


@st.composite
def plain_days(draw: st.DrawFn) -> Day:
    """Any day of up to 20 minutes on pods that stay, from idle to overrun."""
    minutes = draw(st.integers(1, 20))
    traffic = Traffic(
        tuple(draw(st.lists(st.floats(0.0, 4.0), min_size=minutes, max_size=minutes))),
        draw(st.floats(0.5, 300.0)),
        holding_variation=draw(st.none() | st.floats(0.0, 3.0)),
        day_cv=draw(st.sampled_from([0.0, 0.3])),
    )
    nodes = Nodes(draw(st.integers(1, 3)), draw(st.none() | st.integers(1, 3)))
    return Day(traffic, Fleet(draw(st.integers(0, 8)), draw(st.integers(1, 30)), nodes=nodes))


@settings(max_examples=150, deadline=None)
@given(plain_days(), st.integers(0, 2**32))
def test_it_is_the_play_call_by_call(day: Day, seed: int) -> None:
    """Nobody is cut on pods that stay, so that calling again changes nothing but the way the day is played: all figures agree."""
    assert simulate(day, seed) == simulate(replace(day, reconnect_seconds=0.0), seed)


@settings(max_examples=50, deadline=None)
@given(plain_days(), st.integers(0, 2**32))
def test_it_is_a_fleet_whose_autoscaler_has_no_choice(day: Day, seed: int) -> None:
    """With minimum = maximum = the pods there are the loop over slots comes to the same."""
    pods = max(1, day.fleet.pods)
    fixed = replace(day, fleet=replace(day.fleet, pods=pods))
    held = replace(fixed, fleet=replace(fixed.fleet, autoscaler=Autoscaler(1, pods, pods)))
    assert simulate(fixed, seed) == simulate(held, seed)


@pytest.mark.parametrize("size", [0, 1, 70_000])
def test_ranks_are_those_of_one_search(size: int) -> None:
    """Block by block as in one go, with equal times on both sides."""
    generator = np.random.default_rng(1)
    times, instants = (np.sort(generator.integers(0, 5000, size).astype(np.float64)) for _ in range(2))
    assert (ranks(times, instants) == np.searchsorted(times, instants, side="right")).all()
