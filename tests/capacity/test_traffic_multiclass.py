"""Calls of different sizes, with and without reservation, against enumeration and the whole chain."""

from itertools import product
from math import factorial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capacity.traffic.erlang import erlang_b
from capacity.traffic.multiclass import CallClass, equalising_reserves, multiclass_blocking, reservation_blocking

loads = st.floats(0.0, 12.0)
mixed = st.lists(st.builds(CallClass, offered_erlangs=loads, slots=st.integers(1, 5)), min_size=1, max_size=3)


def enumerated(capacity: int, classes: list[CallClass]) -> tuple[float, ...]:
    """Return the share of calls lost from the product form over every state, without reservation."""
    total = 0.0
    lost = [0.0] * len(classes)
    for state in product(*(range(capacity // call.slots + 1) for call in classes)):
        used = sum(count * call.slots for count, call in zip(state, classes, strict=True))
        if used > capacity:
            continue
        weight = 1.0
        for count, call in zip(state, classes, strict=True):
            weight *= call.offered_erlangs**count / factorial(count)
        total += weight
        for index, call in enumerate(classes):
            lost[index] += weight * (used + call.slots > capacity)
    return tuple(each / total for each in lost)


def whole_chain(capacity: int, classes: list[CallClass]) -> tuple[float, ...]:
    """Return the share of calls lost by solving the chain over the calls of each class, with reservation."""
    states = [
        state
        for state in product(*(range(capacity // call.slots + 1) for call in classes))
        if sum(count * call.slots for count, call in zip(state, classes, strict=True)) <= capacity
    ]
    place = {state: index for index, state in enumerate(states)}
    generator = np.zeros((len(states), len(states)))
    refused = np.zeros((len(classes), len(states)))
    for state, index in place.items():
        free = capacity - sum(count * call.slots for count, call in zip(state, classes, strict=True))
        for kind, call in enumerate(classes):
            one_more = tuple(count + (other == kind) for other, count in enumerate(state))
            if free >= call.slots + call.reserved_slots:
                generator[index, place[one_more]] += call.offered_erlangs
            else:
                refused[kind, index] = 1.0
            if state[kind]:
                one_less = tuple(count - (other == kind) for other, count in enumerate(state))
                generator[index, place[one_less]] += state[kind]
    generator -= np.diag(generator.sum(axis=1))
    equations = np.vstack([generator.T, np.ones(len(states))])
    shares, *_ = np.linalg.lstsq(equations, np.append(np.zeros(len(states)), 1.0), rcond=None)
    return tuple(float(share) for share in refused @ shares)


@given(st.integers(0, 12), mixed)
@settings(deadline=None)
def test_without_reservation_it_is_the_product_form(capacity: int, classes: list[CallClass]) -> None:
    """Kaufman and Roberts' recursion counts every state with its weight."""
    assert multiclass_blocking(capacity, classes) == pytest.approx(enumerated(capacity, classes), rel=1e-9, abs=1e-15)


@given(st.floats(0.0, 500.0), st.integers(0, 600))
@settings(deadline=None)
def test_one_class_of_single_slots_is_erlang_b(load: float, capacity: int) -> None:
    """Alone and without a reserve, by either law, it loses what Erlang B says."""
    expected = pytest.approx(erlang_b(load, capacity), rel=1e-9, abs=1e-300)
    assert multiclass_blocking(capacity, [CallClass(load)])[0] == expected
    assert reservation_blocking(capacity, [load], [0])[0] == expected


@given(st.integers(1, 7), st.lists(st.tuples(st.floats(0.1, 6.0), st.integers(0, 4)), min_size=1, max_size=3))
@settings(deadline=None)
def test_reservation_with_equal_times_is_exact(capacity: int, calls: list[tuple[float, int]]) -> None:
    """The birth-death chain, Roberts' recursion for single slots and the chain over all classes agree."""
    classes = [CallClass(load, reserved_slots=reserve) for load, reserve in calls]
    found = reservation_blocking(capacity, [load for load, _ in calls], [reserve for _, reserve in calls])
    assert found == pytest.approx(whole_chain(capacity, classes), rel=1e-7, abs=1e-12)
    assert found == pytest.approx(multiclass_blocking(capacity, classes), rel=1e-9)


def test_roberts_approximation_is_near_the_whole_chain() -> None:
    """With sizes 1 and 4 and equalising reserves it errs by less than a tenth, and its losses are equal."""
    reserves = equalising_reserves([1, 4])
    classes = [CallClass(8.0, 1, reserves[0]), CallClass(1.0, 4, reserves[1])]
    single, fourfold = multiclass_blocking(20, classes)
    assert single == pytest.approx(fourfold)
    assert (single, fourfold) == pytest.approx(whole_chain(20, classes), rel=0.1)


@given(st.lists(st.integers(1, 6), min_size=1, max_size=4), st.floats(0.1, 20.0), st.integers(10, 60))
@settings(deadline=None)
def test_equalising_reserves_refuse_all_alike(slots: list[int], load: float, capacity: int) -> None:
    """Whatever the sizes, every class loses the same share."""
    reserves = equalising_reserves(slots)
    lost = multiclass_blocking(capacity, [CallClass(load, size, kept) for size, kept in zip(slots, reserves, strict=True)])
    assert lost == pytest.approx((lost[0],) * len(lost))


@given(st.integers(1, 300), st.floats(0.1, 300.0), st.floats(0.1, 300.0), st.integers(0, 20))
@settings(deadline=None)
def test_a_reserve_moves_loss_to_those_who_leave_it(capacity: int, first: float, second: float, reserve: int) -> None:
    """The class that leaves slots loses more with each of them, the other less; both stay shares."""
    favoured, leaving = reservation_blocking(capacity, [first, second], [0, reserve])
    still_more = reservation_blocking(capacity, [first, second], [0, reserve + 1])
    assert 0 <= still_more[0] <= favoured * (1 + 1e-9) <= leaving * (1 + 2e-9) <= still_more[1] * (1 + 3e-9) <= 1 + 1e-8


@given(st.integers(1, 200), mixed, st.floats(1.0, 2.0))
@settings(deadline=None)
def test_more_capacity_loses_less_and_more_load_more(capacity: int, classes: list[CallClass], growth: float) -> None:
    """The slots lost are fewer on a larger pool and more under the same mix grown."""

    def lost_slots(size: int, factor: float) -> float:
        grown = [CallClass(call.offered_erlangs * factor, call.slots) for call in classes]
        lost = multiclass_blocking(size, grown)
        assert all(0 <= share <= 1 + 1e-12 for share in lost)
        return sum(share * call.offered_erlangs * call.slots for share, call in zip(lost, grown, strict=True))

    assert lost_slots(capacity + 1, 1.0) <= lost_slots(capacity, 1.0) * (1 + 1e-9) + 1e-12
    assert lost_slots(capacity, growth) >= lost_slots(capacity, 1.0) * (1 - 1e-9) - 1e-12


def test_large_pools_neither_overflow_nor_lose_their_tail() -> None:
    """At 6,000 slots two classes of like calls still lose what one of their sum loses."""
    assert multiclass_blocking(6000, [CallClass(3500.0), CallClass(2400.0)]) == pytest.approx(
        (erlang_b(5900.0, 6000),) * 2, rel=1e-9
    )


def test_a_call_larger_than_the_pool_is_always_lost() -> None:
    """Nothing is carried that does not fit, and a reserve as large as the pool refuses all."""
    assert multiclass_blocking(3, [CallClass(1.0, slots=4), CallClass(1.0, reserved_slots=3)]) == (1.0, 1.0)
    assert reservation_blocking(3, [1.0, 1.0], [0, 7])[1] == 1.0


def test_impossible_calls_are_refused() -> None:
    """The message names the argument and what came."""
    with pytest.raises(ValueError, match="a call must take 1 slot or more, got 0"):
        CallClass(1.0, slots=0)
    with pytest.raises(ValueError, match="reserved_slots must be 0 or more, got -1"):
        CallClass(1.0, reserved_slots=-1)
    with pytest.raises(ValueError, match="capacity_slots must be 0 or more"):
        multiclass_blocking(-1, [CallClass(1.0)])
    with pytest.raises(ValueError, match="a reserve for each load"):
        reservation_blocking(3, [1.0, 2.0], [0])
