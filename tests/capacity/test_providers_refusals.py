"""The chance of a 429: checked values, inverses, and the error of the normal curve."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capacity.providers.refusals import provider_refusals, refusal_chance, refused_share, sessions_within_chance
from tests.capacity.providers import read_token_limited, talk

SESSIONS, TOKENS, DEVIATIONS = st.floats(1, 1e5), st.floats(100, 1e5), st.floats(0, 1e5)


@pytest.mark.parametrize(
    ("load", "published"), [(0.90, {1: "2e-07", 4: "0.002", 8: "0.018"}), (0.95, {1: "0.007", 4: "0.08", 8: "0.15"})]
)
def test_the_checked_values(load: float, published: dict[int, str]) -> None:
    """20M tokens, 6,000 a session with a deviation of 4,000: at 90% and 95% mean load with Z = 1, 4, 8, rounded as printed."""
    for peakedness, shown in published.items():
        chance = refusal_chance(20e6, load * 20e6 / 6000, 6000, 4000, peakedness=peakedness)
        digits = len(shown.partition("e")[0].replace("0.", "").lstrip("0"))
        assert float(f"{chance:.{digits}g}") == float(shown)


def test_a_known_number_of_sessions() -> None:
    """With exactly N sessions, N = ((-z s + sqrt(z^2 s^2 + 4 mu T)) / 2 mu)^2 is the most that keep the chance."""
    z = 3.090232306167813
    published = ((-z * 4000 + math.sqrt((z * 4000) ** 2 + 4 * 6000 * 20e6)) / (2 * 6000)) ** 2
    assert sessions_within_chance(20e6, 6000, 4000, 0.001) == pytest.approx(published)
    assert refusal_chance(20e6, published, 6000, 4000) == pytest.approx(0.001)


@given(SESSIONS, TOKENS, DEVIATIONS, st.floats(0, 20), st.floats(1e-9, 0.999))
def test_the_two_directions_agree(sessions: float, tokens: float, deviation: float, peakedness: float, chance: float) -> None:
    """The sessions that keep a chance have that chance, for known and random numbers, rare and frequent refusals."""
    limit = sessions * tokens
    most = sessions_within_chance(limit, tokens, deviation, chance, peakedness=peakedness)
    spread = math.sqrt(most * (deviation**2 + peakedness * tokens**2))
    if spread > 1e-6 * limit:  # below it the chance is a step
        assert refusal_chance(limit, most, tokens, deviation, peakedness=peakedness) == pytest.approx(chance, rel=1e-3)
    else:
        assert most == pytest.approx(sessions, rel=1e-4)


@given(room=SESSIONS, sessions=SESSIONS, tokens=TOKENS, deviation=DEVIATIONS, peakedness=st.floats(0, 20), factor=st.floats(1, 3))
def test_more_load_is_never_refused_less(
    *, room: float, sessions: float, tokens: float, deviation: float, peakedness: float, factor: float
) -> None:
    """The chance lies in [0, 1], rises with sessions, and below the limit with spread and bursts; it falls with the limit."""
    limit = room * tokens
    base = refusal_chance(limit, sessions, tokens, deviation, peakedness=peakedness)
    assert 0 <= base <= 1
    assert refusal_chance(limit * factor, sessions, tokens, deviation, peakedness=peakedness) <= base
    # More sessions widen the spread as well: past the limit that alone would lower the chance, the mean raises it by more.
    assert refusal_chance(limit, sessions * factor, tokens, deviation, peakedness=peakedness) >= base
    if sessions <= room:
        assert refusal_chance(limit, sessions, tokens, deviation * factor, peakedness=peakedness) >= base
        assert refusal_chance(limit, sessions, tokens, deviation, peakedness=peakedness * factor) >= base


@given(TOKENS, DEVIATIONS, st.floats(0, 20), st.floats(1e-6, 0.4), st.floats(1.01, 2))
def test_bursts_and_spread_leave_fewer_sessions(
    tokens: float, deviation: float, peakedness: float, chance: float, factor: float
) -> None:
    """A rarer refusal, a wider spread and burstier calls each leave fewer sessions, never more than the plain ratio."""
    most = sessions_within_chance(20e6, tokens, deviation, chance, peakedness=peakedness)
    assert most <= 20e6 / tokens * (1 + 1e-9)
    for rarer in (
        sessions_within_chance(20e6, tokens, deviation, chance / factor, peakedness=peakedness),
        sessions_within_chance(20e6, tokens, deviation * factor, chance, peakedness=peakedness),
        sessions_within_chance(20e6, tokens, deviation, chance, peakedness=peakedness * factor),
    ):
        assert rarer <= most * (1 + 1e-9)


@pytest.mark.parametrize(
    ("sessions", "peakedness", "factors"),
    [(100, 1, (1.3, 1.9)), (100, 8, (2.0, 4.8)), (1000, 4, (1.2, 1.6)), (3000, 1, (1.05, 1.2)), (3000, 8, (1.2, 1.5))],
)
def test_the_normal_curve_is_low_by_what_is_said(sessions: int, peakedness: int, factors: tuple[float, float]) -> None:
    """Where the formula says 1% and 0.1%, two million drawn minutes are over the limit more often by the documented factors."""
    draw = np.random.default_rng(3)
    count = 2_000_000
    shape = (6000 / 4000) ** 2
    if peakedness == 1:
        live = draw.poisson(sessions, count)
    else:
        live = draw.negative_binomial(sessions / (peakedness - 1), 1 / peakedness, count)
    tokens = draw.gamma(np.maximum(live, 1e-9) * shape, 6000 / shape)
    spread = math.sqrt(sessions * (4000**2 + peakedness * 6000**2))
    for z, factor in zip((2.3263, 3.0902), factors, strict=True):
        limit = sessions * 6000 + z * spread
        expected = refusal_chance(limit, sessions, 6000, 4000, peakedness=peakedness)
        assert (tokens > limit).mean() / expected == pytest.approx(factor, rel=0.08)


def test_a_provider_is_judged_by_its_own_window() -> None:
    """A provider that sums over ten seconds refuses earlier than one that sums over a minute, at the same load."""
    minute = provider_refusals(read_token_limited(), 3000, peakedness=1)
    short = provider_refusals(read_token_limited(window="10s"), 3000, peakedness=1)
    assert minute.load == pytest.approx(0.9)
    assert short.load == pytest.approx(0.9)
    assert minute.chance == pytest.approx(refusal_chance(20e6, 3000, 6000, 4000, peakedness=1))
    assert short.chance == pytest.approx(refusal_chance(20e6 / 6, 3000, 1000, 4000 / math.sqrt(6), peakedness=1))
    assert minute.chance is not None
    assert short.chance is not None
    assert short.chance > minute.chance
    assert minute.formula == "P(normal > (20,000,000 - 3,000 x 6,000) / sqrt(3,000 x (4,000^2 + 1 x 6,000^2))) a window of 60 s"


def test_a_conversation_brings_its_own_spread() -> None:
    """Computed tokens have a deviation, given ones only where it is given: unknown stays unknown."""
    computed = read_token_limited(tokens_per_session_minute={"conversation": talk()})
    assert provider_refusals(computed, 2200, peakedness=1).chance is not None
    unknown = provider_refusals(read_token_limited(tokens_per_session_minute={"value": 6000}), 3000, peakedness=1)
    assert unknown.load == pytest.approx(0.9)
    assert unknown.chance is None
    assert "tokens_per_session_minute.deviation" in unknown.formula


def test_sessions_that_are_all_alike_are_refused_or_not() -> None:
    """Without any spread the limit is a step: at it nothing is refused, above it everything is over."""
    assert refusal_chance(600, 100, 6, 0) == 0
    assert refusal_chance(600, 101, 6, 0) == 1


def test_load_at_110_percent_loses_a_part_of_its_tokens() -> None:
    """1 - 1/1.1 = 9.1%; nothing up to the limit."""
    assert refused_share(1.1) == pytest.approx(1 / 11)
    assert refused_share(1.0) == refused_share(0.3) == 0


def test_figures_that_mean_nothing_are_refused() -> None:
    """Negative or infinite figures, no tokens at all and certain chances are errors that name the figure."""
    with pytest.raises(ValueError, match="limit_tokens must be a finite number above 0, got 0"):
        refusal_chance(0, 10, 6000, 4000)
    with pytest.raises(ValueError, match="sessions must be a finite number, 0 or more, got -1"):
        refusal_chance(20e6, -1, 6000, 4000)
    with pytest.raises(ValueError, match="deviation"):
        sessions_within_chance(20e6, 6000, math.inf, 0.001)
    with pytest.raises(ValueError, match="a chance of refusal must lie between 0 and 1"):
        sessions_within_chance(20e6, 6000, 4000, 0)
