"""Erlang's formulas against published values, high precision and their own laws."""

import math
from collections.abc import Callable
from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capacity.traffic.erlang import (
    erlang_b,
    erlang_c,
    offered_for_blocking,
    servers_for_blocking,
    servers_for_wait,
    waiting_share,
)

loads = st.floats(1e-3, 3000.0)
servers = st.integers(0, 3000)
targets = st.floats(1e-9, 0.9)
TOLERANCE = 1e-10


def exact_b(offered: Fraction, count: int) -> Fraction:
    """Return a^n/n! over the sum of a^k/k!, the formula as Erlang wrote it."""
    terms = [Fraction(1)]
    for k in range(1, count + 1):
        terms.append(terms[-1] * offered / k)
    return terms[-1] / sum(terms)


def precise_b(offered: float, count: float) -> float:
    """Return the analytic continuation of B to 60 digits, by series alone: no recursion and no continued fraction.

    Gamma(x+1, a) = g(x+1, A) - g(x+1, a) with the lower g(s, a) = a^s e^-a sum of a^k / (s ... (s+k)) and A so large that what
    lies beyond it does not count.
    """
    with localcontext() as context:
        context.prec = 60 + int(offered / 2)  # the series of light loads cancels about e^a
        a, x = Decimal(offered), Decimal(count)

        def lower(bound: Decimal) -> Decimal:
            term = 1 / (x + 1)
            total, k = term, 1
            while term > total * Decimal(10) ** -(context.prec + 5):
                term *= bound / (x + 1 + k)
                total += term
                k += 1
            return total * (bound.ln() * (x + 1) - bound).exp()

        far = 3 * max(a, x) + 300
        return float((a.ln() * x - a).exp() / (lower(far) - lower(a)))


@pytest.mark.parametrize(
    ("offered", "count", "lost", "digits"),
    [
        (10.0, 15, 0.0365, 4),
        (900.0, 930, 0.00944, 5),
        (100.0, 120, 0.0057, 4),
        (1.0, 1, 0.5, 15),
        (0.0, 3, 0.0, 15),
        (7.0, 0, 1.0, 15),
    ],
)
def test_known_losses(offered: float, count: int, lost: float, digits: int) -> None:
    """Published and simulated values are met to the digits given."""
    assert round(erlang_b(offered, count), digits) == lost


def test_known_numbers_of_servers() -> None:
    """100 erlangs at 0.1% need 128 servers; 20,000 at 99% within 20 s of calls of 200 s need 20,043."""
    assert servers_for_blocking(100.0, 0.001) == 128
    assert servers_for_wait(20_000.0, wait_seconds=20.0, holding_seconds=200.0, service_level=0.99) == 20_043


@given(st.integers(1, 400), st.integers(0, 60))
@settings(deadline=None)
def test_loss_is_erlangs_formula(tenths: int, count: int) -> None:
    """For whole servers the sum is the factorial form, in exact arithmetic."""
    offered = Fraction(tenths, 10)
    assert erlang_b(tenths / 10, count) == pytest.approx(float(exact_b(offered, count)), rel=TOLERANCE)


@pytest.mark.parametrize(
    ("offered", "count"),
    [
        (0.001, 0.25),
        (0.3, 0.999),
        (0.7, 2.5),
        (1.999, 0.5),
        (2.0, 0.5),
        (2.001, 1.75),
        (12.5, 16.25),
        (15.75, 18.9),
        (100.0, 10.125),
        (100.0, 90.5),
        (100.0, 200.75),
        (900.0, 930.5),
        (1000.0, 1200.001),
    ],
)
def test_loss_between_whole_servers_is_the_incomplete_gamma_function(offered: float, count: float) -> None:
    """The continuation agrees with a series in 60 digits."""
    assert erlang_b(offered, count) == pytest.approx(precise_b(offered, count), rel=TOLERANCE)


def test_large_fleets_keep_their_digits() -> None:
    """At 100,000 erlangs the loss agrees with the recursion in 40 digits."""
    with localcontext() as context:
        context.prec = 40
        offered, inverse = Decimal(100_000), Decimal(1)
        for count in range(1, 100_501):
            inverse = 1 + inverse * count / offered
        expected = float(1 / inverse)
    assert erlang_b(100_000.0, 100_500) == pytest.approx(expected, rel=TOLERANCE)


def test_what_no_float_holds_is_zero() -> None:
    """Far above the load the loss is 0, neither an overflow nor a negative number."""
    assert erlang_b(1.0, 5000) == 0.0
    assert erlang_b(1e-300, 2.5) == 0.0
    assert waiting_share(1.0, 5000, wait_seconds=0.0, holding_seconds=1.0) == 0.0


@given(loads, st.floats(0.0, 3000.0))
@settings(deadline=None)
def test_one_server_more_follows_the_recursion(offered: float, count: float) -> None:
    """B(x+1) = a B(x) / (x + 1 + a B(x)) holds between whole servers too."""
    lost = erlang_b(offered, count)
    assert erlang_b(offered, count + 1) == pytest.approx(offered * lost / (count + 1 + offered * lost), rel=1e-9, abs=1e-300)


@given(loads, st.floats(0.0, 3000.0), st.floats(1.0, 1.5), st.floats(0.0, 50.0))
@settings(deadline=None)
def test_more_load_loses_more_and_more_servers_less(offered: float, count: float, growth: float, more: float) -> None:
    """Loss is a probability, at least what cannot be carried, and monotone in both arguments."""
    lost = erlang_b(offered, count)
    assert max(0.0, 1 - count / offered) * (1 - 1e-12) <= lost <= 1
    assert erlang_b(offered * growth, count) >= lost * (1 - 1e-11)
    assert erlang_b(offered, count + more) <= lost * (1 + 1e-11)


@given(loads, servers)
@settings(deadline=None)
def test_waiting_is_likelier_than_loss(offered: float, count: int) -> None:
    """B <= C <= 1, and C falls with the wait allowed."""
    share = erlang_c(offered, count)
    assert erlang_b(offered, count) <= share * (1 + 1e-12) <= 1 + 1e-12
    later = [waiting_share(offered, count, wait_seconds=wait, holding_seconds=180.0) for wait in (0.0, 5.0, 60.0)]
    assert [share, *later[1:]] == sorted(later, reverse=True)


def test_a_line_without_spare_servers_never_ends() -> None:
    """At or below the load every call waits, however long the wait allowed."""
    assert erlang_c(10.0, 10) == erlang_c(10.0, 9.5) == 1.0
    assert waiting_share(10.0, 10, wait_seconds=1e6, holding_seconds=1.0) == 1.0


@pytest.mark.parametrize("count", [1, 2, 5])
def test_waiting_is_that_of_the_textbook(count: int) -> None:
    """C is a^n/n! n/(n-a) over the sum, in exact arithmetic; for one server it is the load."""
    offered = Fraction(4, 5)
    full = offered**count / math.factorial(count) * Fraction(count) / (count - offered)
    below = sum((offered**k / math.factorial(k) for k in range(count)), Fraction(0))
    assert erlang_c(0.8, count) == pytest.approx(float(full / (below + full)), rel=TOLERANCE)


@given(loads, targets)
@settings(deadline=None)
def test_the_inverse_is_the_least_number_of_servers(offered: float, target: float) -> None:
    """It meets the target, and one server less does not."""
    count = servers_for_blocking(offered, target)
    assert erlang_b(offered, count) <= target * (1 + 1e-11)
    assert erlang_b(offered, count - 1) > target * (1 - 1e-11)


@given(loads, st.floats(0.0, 60.0), st.floats(0.01, 0.9999))
@settings(deadline=None)
def test_the_waiting_inverse_is_the_least_number_of_servers(offered: float, wait: float, level: float) -> None:
    """It meets the level, and one server less does not."""
    count = servers_for_wait(offered, wait_seconds=wait, holding_seconds=30.0, service_level=level)
    assert waiting_share(offered, count, wait_seconds=wait, holding_seconds=30.0) <= (1 - level) * (1 + 1e-9)
    assert waiting_share(offered, count - 1, wait_seconds=wait, holding_seconds=30.0) > (1 - level) * (1 - 1e-9)


@given(st.floats(1.0, 20_000.0), st.floats(1e-200, 0.95))
@settings(deadline=None)
def test_the_load_inverse_loses_exactly_the_target(count: float, target: float) -> None:
    """The erlangs it names lose the target, to ten digits."""
    assert erlang_b(offered_for_blocking(count, target), count) == pytest.approx(target, rel=1e-9)


def test_no_load_needs_one_server() -> None:
    """With no server every call is lost, even if none comes: one is the least."""
    assert servers_for_blocking(0.0, 0.5) == 1
    assert servers_for_wait(0.0, wait_seconds=0.0, holding_seconds=1.0, service_level=0.5) == 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: erlang_b(-1.0, 3), "offered erlangs must be a finite number, 0 or more, got -1.0"),
        (lambda: erlang_b(math.nan, 3), "offered erlangs must be"),
        (lambda: erlang_b(1.0, -3), "servers must be a finite number, 0 or more, got -3"),
        (lambda: erlang_b(1.0, math.inf), "servers must be"),
        (lambda: servers_for_blocking(1.0, 0.0), "a target probability must lie between 0 and 1, both excluded, got 0.0"),
        (lambda: servers_for_blocking(1.0, 1.0), "a target probability"),
        (lambda: offered_for_blocking(0, 0.1), "servers must be a finite number, 1 or more"),
        (lambda: waiting_share(1.0, 3, wait_seconds=-1.0, holding_seconds=1.0), "wait_seconds must be"),
        (
            lambda: waiting_share(1.0, 3, wait_seconds=1.0, holding_seconds=0.0),
            "holding_seconds must be a finite number above 0, got 0.0",
        ),
        (lambda: servers_for_wait(1.0, wait_seconds=1.0, holding_seconds=1.0, service_level=1.0), "a target probability"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(call: Callable[[], float], message: str) -> None:
    """An argument out of its range is named, with what came."""
    with pytest.raises(ValueError, match=message):
        call()


def test_a_fleet_far_above_its_load_loses_nothing_and_is_not_counted_through() -> None:
    """Half as many servers again for a thousand million erlangs: no float holds the loss, and it is said at once."""
    assert erlang_b(1e9, 1.5e9) == 0.0
    assert 0 < erlang_b(1000.0, 1900.0) < 1e-120
