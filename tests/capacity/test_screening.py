"""GPUs or a provider's minutes: the published break-even, the cheapest split, and from where on it pays."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capacity.screening import LoadShape, Prices, crossover, screening

PRICES = Prices(gpu_hour=3.0, sessions_per_gpu=8, spares=1, operations_hour=20.0, session_minute=0.02)
shapes = st.tuples(st.floats(0.05, 1), st.floats(1, 500)).map(lambda drawn: LoadShape(drawn[0] * drawn[1], drawn[1]))
prices = st.builds(
    Prices,
    gpu_hour=st.floats(0.5, 10),
    sessions_per_gpu=st.integers(1, 64),
    spares=st.integers(0, 3),
    operations_hour=st.floats(0, 50),
    session_minute=st.floats(0.005, 0.2),
)


def _cost(shape: LoadShape, given_prices: Prices, gpus: int) -> float:
    carried = shape.carried(gpus * given_prices.sessions_per_gpu)
    own = (gpus + given_prices.spares) * given_prices.gpu_hour + given_prices.operations_hour if gpus else 0.0
    return own + 60 * given_prices.session_minute * (shape.mean - carried)


def test_the_published_break_even() -> None:
    """U* = G / (60 p): a GPU of $3 an hour beside $0.02 a minute pays from 2.5 mean live sessions on."""
    assert PRICES.break_even_sessions == pytest.approx(2.5)


@given(shapes)
def test_the_law_has_the_mean_and_the_peak_that_it_was_given(shape: LoadShape) -> None:
    """The integral of P(N >= x) up to the peak is the mean, up to a place what the places below it carry."""
    # Steps that shrink towards the peak, where the curve falls off.
    at = shape.peak * (1 - np.linspace(1, 0, 20_001) ** 3)
    above = np.asarray([shape.share_above(float(x)) for x in at])
    assert float(np.trapezoid(above, at)) == pytest.approx(shape.mean, rel=0.01)
    half = len(at) // 2
    assert float(np.trapezoid(above[:half], at[:half])) == pytest.approx(shape.carried(float(at[half - 1])), rel=1e-3)
    assert shape.share_above(0) == shape.share_open <= 1 + 1e-12
    assert shape.carried(shape.peak) == pytest.approx(shape.mean)


@given(shapes, prices)
def test_the_split_is_the_cheapest_of_all(shape: LoadShape, drawn: Prices) -> None:
    """Trying every number of GPUs finds none that costs less."""
    made = screening(shape, drawn)
    tried = [_cost(shape, drawn, gpus) for gpus in range(math.ceil(shape.peak / drawn.sessions_per_gpu) + 2)]
    assert made.split_hour == pytest.approx(min(tried), rel=1e-9)
    assert made.provider_hour == pytest.approx(tried[0])
    assert (made.gpus == 0) == (made.share == 0)


@given(shapes, prices)
def test_from_the_crossover_on_gpus_pay(shape: LoadShape, drawn: Prices) -> None:
    """Just below it they do not, just above it and far above it they do; where none is named they never do."""
    mean = crossover(shape, drawn)
    if mean is None:
        assert screening(shape.scaled(1e6), drawn).gpus == 0
        return
    assert screening(shape.scaled(mean / shape.mean * 1.001), drawn).gpus > 0
    assert screening(shape.scaled(mean / shape.mean * 50), drawn).gpus > 0
    assert screening(shape.scaled(mean / shape.mean * 0.99), drawn).gpus == 0


def test_a_steady_load_by_hand() -> None:
    """A GPU full at 8 sessions saves 8 x 1.2 - 3 = 6.6; a spare and operations of 23 are paid from 29.17 sessions on."""
    # Three full GPUs save 19.8; the fourth, partly used, 1.2 a session - 3: 19.8 + 1.2 x - 3 = 23 at x = 5.1667.
    steady = crossover(LoadShape(1, 1), PRICES)
    assert steady == pytest.approx(24 + 6.2 / 1.2, rel=1e-5)


def test_a_peaky_load_needs_more_of_it() -> None:
    """The same mean with a higher peak crosses over later: GPUs for the peak would mostly stand still."""
    means = [crossover(LoadShape(1, peak), PRICES) for peak in (1, 2, 4, 8)]
    known = [mean for mean in means if mean is not None]
    assert len(known) == 4
    assert known == sorted(known)


def test_a_gpu_that_holds_too_little_never_pays() -> None:
    """Two sessions on a GPU that needs 2.5 of them: no load is large enough."""
    poor = Prices(3.0, 2, 0, 0.0, 0.02)
    assert crossover(LoadShape(100, 100), poor) is None
    assert screening(LoadShape(1e6, 1e6), poor).gpus == 0


def test_a_load_has_a_mean_below_its_peak() -> None:
    """A shape that cannot be is an error."""
    for mean, peak in ((0, 1), (2, 1), (1, math.inf)):
        with pytest.raises(ValueError, match="expected 0 < mean <= peak"):
            LoadShape(mean, peak)
