"""Figures that are intervals: their distribution and their draws."""

from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capacity.uncertain.distribution import at_chances
from capacity.uncertain.draws import draw
from capacity.uncertain.interval import Quantiles

steps = st.floats(1.001, 50.0)
known = st.builds(
    lambda least, low, up, further, confidence: Quantiles(
        least + low, least + low * up, least + low * up * further, confidence, least
    ),
    st.sampled_from([0.0, 1.0]),
    st.floats(0.01, 1e6),
    steps,
    steps,
    st.floats(0.05, 0.99),
)


@settings(max_examples=300)
@given(known)
def test_the_stated_quantiles_are_hit(stated: Quantiles) -> None:
    """Low, middle and high are the quantiles that they were said to be, for every skew."""
    tail = (1 - stated.confidence) / 2
    values = at_chances(stated, (tail, 0.5, 1 - tail))
    assert values == pytest.approx([stated.low, stated.middle, stated.high], rel=1e-6)


@settings(max_examples=100)
@given(known)
def test_the_distribution_rises_above_its_bound(stated: Quantiles) -> None:
    """Quantiles rise with the chance and never reach the bound that the figure is above."""
    values = at_chances(stated, np.linspace(0.001, 0.999, 201))
    assert (np.diff(values) >= 0).all()
    assert (values >= stated.least).all()


def test_a_geometric_middle_makes_it_lognormal() -> None:
    """Where the middle is the geometric mean of low and high, all quantiles are those of the lognormal."""
    sigma = np.log(10) / NormalDist().inv_cdf(0.95)
    chances = np.linspace(0.01, 0.99, 25)
    expected = [10_000 * np.exp(sigma * NormalDist().inv_cdf(chance)) for chance in chances]
    assert at_chances(Quantiles(1_000, 10_000, 100_000, 0.9), chances) == pytest.approx(expected)


@pytest.mark.parametrize(
    "stated", [Quantiles(1_000, 10_000, 100_000, 0.9), Quantiles(40, 50, 60, 0.9), Quantiles(90, 120, 200, 0.8)], ids=str
)
def test_draws_lie_outside_the_interval_as_often_as_stated(stated: Quantiles) -> None:
    """Of 1,000 draws the stated share is below low, above high, and half below the middle, to one draw."""
    drawn = draw({"figure": stated}, 1000, seed=3)["figure"]
    tail = 1000 * (1 - stated.confidence) / 2
    assert (drawn < stated.low).sum() == pytest.approx(tail, abs=1.001)
    assert (drawn > stated.high).sum() == pytest.approx(tail, abs=1.001)
    assert (drawn < stated.middle).sum() == pytest.approx(500, abs=1.001)


def test_a_figure_more_changes_no_draw_of_the_others() -> None:
    """Each path has its own stream: values depend on seed and path alone."""
    one, other = Quantiles(1, 2, 4, 0.9), Quantiles(5, 6, 9, 0.9)
    alone, together = draw({"a": one}, 256, 7), draw({"b": other, "a": one}, 256, 7)
    assert (alone["a"] == together["a"]).all()
    assert (draw({"a": one}, 256, 8)["a"] != alone["a"]).any()


def test_figures_are_drawn_independently() -> None:
    """Ranks of different figures are uncorrelated: the largest of 45 correlations stays within what chance gives."""
    figures = {f"figure {number}": Quantiles(1, 2, 3, 0.9) for number in range(10)}
    drawn = draw(figures, 4096, seed=1)
    ranks = np.array([np.argsort(np.argsort(values)) for values in drawn.values()])
    apart = np.corrcoef(ranks)[np.triu_indices(10, 1)]
    assert np.abs(apart).max() < 4 / np.sqrt(4096)


@pytest.mark.parametrize(
    ("low", "middle", "high", "confidence"), [(1, 1, 2, 0.9), (3, 2, 4, 0.9), (0, 1, 2, 0.9), (1, 2, 3, 1.0)]
)
def test_what_is_no_distribution_is_refused(low: float, middle: float, high: float, confidence: float) -> None:
    """Figures out of order, at their bound, or certain are refused with what came."""
    with pytest.raises(ValueError, match=r"got"):
        Quantiles(low, middle, high, confidence)
