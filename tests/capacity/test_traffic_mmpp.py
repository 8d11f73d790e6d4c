"""Bursty calls: the exact solution against golden values, a brute-force chain and limits; the two-moment formulas beside it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capacity.traffic.erlang import erlang_b, servers_for_blocking
from capacity.traffic.mmpp import (
    Congestion,
    PhasedArrivals,
    mean_calls_per_second,
    mmpp_congestion,
    phase_shares,
    servers_for_mmpp,
)
from capacity.traffic.peaked import (
    hayward_blocking,
    mmpp_peakedness,
    servers_for_hayward,
    two_phase_arrivals,
    wilkinson_blocking,
)
from capacity.traffic.search import least_servers

GOLDEN = PhasedArrivals((60.0, 140.0), ((0.0, 1.0), (1.0, 0.0)))
"""100 erlangs at a holding time of 1, peakedness 1 + 1600/300 = 6.33."""

rates = st.floats(0.0, 20.0)
changes = st.floats(0.01, 5.0)


@st.composite
def bursty(draw: st.DrawFn) -> PhasedArrivals:
    """Draw arrivals of 1 to 4 phases, some of which may bring no call."""
    phases = draw(st.integers(1, 4))
    table = tuple(tuple(draw(changes) if i != j else 0.0 for j in range(phases)) for i in range(phases))
    return PhasedArrivals((draw(st.floats(0.1, 20.0)), *(draw(rates) for _ in range(phases - 1))), table)


def brute_force(arrivals: PhasedArrivals, servers: int, holding_seconds: float) -> Congestion:
    """Return the congestion by solving the whole chain of phases and busy servers at once."""
    phases = len(arrivals.calls_per_second)
    size = phases * (servers + 1)
    generator = np.zeros((size, size))
    for busy in range(servers + 1):
        for phase in range(phases):
            state = busy * phases + phase
            for other in range(phases):
                if other != phase:
                    generator[state, busy * phases + other] += arrivals.changes_per_second[phase][other]
            if busy < servers:
                generator[state, state + phases] += arrivals.calls_per_second[phase]
            if busy:
                generator[state, state - phases] += busy / holding_seconds
    generator -= np.diag(generator.sum(axis=1))
    equations = np.vstack([generator.T, np.ones(size)])
    shares, *_ = np.linalg.lstsq(equations, np.append(np.zeros(size), 1.0), rcond=None)
    levels = shares.reshape(servers + 1, phases)
    calls = levels @ np.array(arrivals.calls_per_second)
    return Congestion(calls=float(calls[-1] / calls.sum()), time=float(levels[-1].sum()))


def test_the_golden_case() -> None:
    """Peakedness, exact loss, Hayward, the equivalent random method and plain Erlang B are those found and simulated before."""
    peakedness = mmpp_peakedness(GOLDEN, 1.0)
    assert peakedness == pytest.approx(19 / 3)
    found = {
        servers: (
            round(mmpp_congestion(GOLDEN, servers, 1.0).calls, 4),
            round(hayward_blocking(100.0, peakedness, servers), 4),
            round(wilkinson_blocking(100.0, peakedness, servers), 4),
        )
        for servers in (120, 150)
    }
    assert found == {120: (0.0620, 0.0824, 0.0808), 150: (0.0042, 0.0151, 0.0133)}
    assert round(erlang_b(100.0, 120), 4) == 0.0057


def test_hayward_sizes_the_golden_fleets() -> None:
    """100 erlangs at 0.1% need 128 servers for random calls and 195 at a peakedness of 8, 1.52 times as many."""
    assert (servers_for_hayward(100.0, 1.0, 0.001), servers_for_hayward(100.0, 8.0, 0.001)) == (128, 195)


@given(bursty(), st.integers(0, 8), st.floats(0.1, 3.0))
@settings(deadline=None)
def test_the_recursion_is_the_whole_chain(arrivals: PhasedArrivals, servers: int, holding_seconds: float) -> None:
    """Level by level or all at once: the same congestion, for any number of phases."""
    found = mmpp_congestion(arrivals, servers, holding_seconds)
    expected = brute_force(arrivals, servers, holding_seconds)
    assert (found.calls, found.time) == pytest.approx((expected.calls, expected.time), rel=1e-7, abs=1e-11)


@given(st.floats(0.1, 50.0), changes, changes, st.integers(0, 80))
@settings(deadline=None)
def test_equal_rates_are_random_calls(rate: float, there: float, back: float, servers: int) -> None:
    """Where the phase sets nothing, calls and time congestion are Erlang B."""
    found = mmpp_congestion(PhasedArrivals((rate, rate), ((0.0, there), (back, 0.0))), servers, 1.0)
    assert (found.calls, found.time) == pytest.approx((erlang_b(rate, servers),) * 2, rel=1e-9)


@pytest.mark.parametrize("servers", [5900, 6100, 6400])
def test_a_large_fleet_of_random_calls_is_erlang_b(servers: int) -> None:
    """At 6,000 erlangs, where probabilities span more than a float, the limit still holds to nine digits."""
    found = mmpp_congestion(PhasedArrivals((100.0, 100.0), ((0.0, 0.01), (0.02, 0.0))), servers, 60.0)
    assert (found.calls, found.time) == pytest.approx((erlang_b(6000.0, servers),) * 2, rel=1e-9)


def test_slow_phases_average_the_loss_and_quick_ones_the_load() -> None:
    """Phases that last for ever mix two Erlang B by their calls; phases that flicker leave one, of the mean load."""
    slow = PhasedArrivals((60.0, 140.0), ((0.0, 1e-7), (1e-7, 0.0)))
    assert mmpp_congestion(slow, 120, 1.0).calls == pytest.approx(
        0.3 * erlang_b(60.0, 120) + 0.7 * erlang_b(140.0, 120), rel=1e-4
    )
    quick = PhasedArrivals((60.0, 140.0), ((0.0, 1e7), (1e7, 0.0)))
    assert mmpp_congestion(quick, 120, 1.0).calls == pytest.approx(erlang_b(100.0, 120), rel=1e-3)


@given(bursty(), st.integers(0, 60))
@settings(deadline=None)
def test_a_server_more_loses_no_more(arrivals: PhasedArrivals, servers: int) -> None:
    """Both congestions are probabilities and fall with servers; calls and time agree at no server."""
    found = mmpp_congestion(arrivals, servers, 1.0)
    more = mmpp_congestion(arrivals, servers + 1, 1.0)
    assert 0 <= more.calls <= found.calls * (1 + 1e-9) <= 1 + 1e-8
    assert 0 <= more.time <= found.time * (1 + 1e-9) <= 1 + 1e-8
    none = mmpp_congestion(arrivals, 0, 1.0)
    assert (none.calls, none.time) == pytest.approx((1.0, 1.0))


@given(st.floats(1.0, 50.0), st.floats(1.01, 20.0), st.floats(0.05, 0.5), st.floats(0.2, 10.0), st.integers(1, 120))
@settings(max_examples=50, deadline=None)
def test_bursts_lose_no_less_than_random_calls(load: float, peakedness: float, share: float, memory: float, servers: int) -> None:
    """At the same mean rate, a burstier stream never loses less, and its calls see at least what a monitor sees."""
    swing_squared = (peakedness - 1) * load * (1 + 1 / memory) / (share * (1 - share))
    if load < share * swing_squared**0.5:
        peakedness = 1 + (load / share) ** 2 * share * (1 - share) / (load * (1 + 1 / memory)) * (1 - 1e-9)
    arrivals = two_phase_arrivals(load, peakedness, holding_seconds=1.0, burst_share=share, memory_seconds=memory)
    found = mmpp_congestion(arrivals, servers, 1.0)
    assert found.calls >= erlang_b(load, servers) * (1 - 1e-9)
    assert found.calls >= found.time * (1 - 1e-9)


@given(bursty(), st.floats(0.1, 10.0))
@settings(deadline=None)
def test_peakedness_is_that_of_the_unlimited_fleet(arrivals: PhasedArrivals, holding_seconds: float) -> None:
    """Z solves the moment equations of infinite servers: the variance over the mean of the calls that are up."""
    calls = np.array(arrivals.calls_per_second)
    shares = np.array(phase_shares(arrivals))
    generator = np.array(arrivals.changes_per_second)
    generator -= np.diag(generator.sum(axis=1))
    identity = np.eye(len(calls)) / holding_seconds
    first = (shares * calls) @ np.linalg.inv(identity - generator)
    second = 2 * (first * calls) @ np.linalg.inv(2 * identity - generator)
    mean = first.sum()
    variance = second.sum() + mean - mean**2
    assert mmpp_peakedness(arrivals, holding_seconds) == pytest.approx(variance / mean, rel=1e-6)


def test_two_phases_have_the_mean_and_peakedness_asked_for() -> None:
    """The arrivals built from a measurement give the measurement back."""
    arrivals = two_phase_arrivals(20.0, 6.0, holding_seconds=180.0, burst_share=0.25, memory_seconds=600.0)
    assert mean_calls_per_second(arrivals) == pytest.approx(20.0)
    assert mmpp_peakedness(arrivals, 180.0) == pytest.approx(6.0)
    assert phase_shares(arrivals) == pytest.approx((0.75, 0.25))
    golden = two_phase_arrivals(100.0, 19 / 3, holding_seconds=1.0, burst_share=0.5, memory_seconds=0.5)
    assert golden.calls_per_second == pytest.approx(GOLDEN.calls_per_second)


@pytest.mark.parametrize("target", [0.3, 0.01, 1e-4])
def test_the_inverse_is_the_least_number_of_servers(target: float) -> None:
    """It meets the target, and one server less does not; for random calls it is Erlang's."""
    count = servers_for_mmpp(GOLDEN, 1.0, target)
    assert mmpp_congestion(GOLDEN, count, 1.0).calls <= target < mmpp_congestion(GOLDEN, count - 1, 1.0).calls
    random = PhasedArrivals((100.0,), ((0.0,),))
    assert servers_for_mmpp(random, 1.0, target) == servers_for_blocking(100.0, target)


@given(st.integers(0, 500), st.integers(0, 500))
@settings(deadline=None)
def test_the_search_finds_the_least(least: int, start: int) -> None:
    """From any start, above or below."""
    assert least_servers(lambda count: count >= least, start) == least


@given(st.floats(0.5, 500.0), st.floats(1.0, 12.0), st.integers(0, 800))
@settings(deadline=None)
def test_two_moment_formulas_are_probabilities_that_fall_with_servers(load: float, peakedness: float, servers: int) -> None:
    """Hayward and Wilkinson stay within 0 and 1, and are Erlang B for random calls."""
    for law in (hayward_blocking, wilkinson_blocking):
        lost = law(load, peakedness, servers)
        assert 0 <= law(load, peakedness, servers + 1) <= lost * (1 + 1e-9) <= 1 + 1e-9
        assert law(load, 1.0, servers) == pytest.approx(erlang_b(load, servers), rel=1e-12)


@pytest.mark.parametrize(
    ("calls", "table", "message"),
    [
        ((1.0,), ((0.0, 1.0),), "a row and a column for each phase"),
        ((), (), "a row and a column for each phase"),
        ((-1.0, 1.0), ((0.0, 1.0), (1.0, 0.0)), "rates must be finite, 0 or more"),
        ((0.0, 0.0), ((0.0, 1.0), (1.0, 0.0)), "a phase must bring calls"),
        ((1.0, 1.0), ((0.0, 1.0), (0.0, 0.0)), "every phase must be reachable"),
    ],
)
def test_impossible_arrivals_are_refused(calls: tuple[float, ...], table: tuple[tuple[float, ...], ...], message: str) -> None:
    """What is no process of arrivals says why."""
    with pytest.raises(ValueError, match=message):
        PhasedArrivals(calls, table)


def test_a_peakedness_that_no_quiet_phase_explains_is_refused() -> None:
    """The message names what to change."""
    with pytest.raises(ValueError, match="smaller burst_share or a longer memory_seconds"):
        two_phase_arrivals(1.0, 500.0, holding_seconds=180.0, burst_share=0.5, memory_seconds=60.0)
    with pytest.raises(ValueError, match="peakedness must be a finite number, 1 or more"):
        wilkinson_blocking(10.0, 0.5, 10)
