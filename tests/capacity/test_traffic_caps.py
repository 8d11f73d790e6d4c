"""Plan limits on one fleet, against enumeration, Erlang B and each other."""

import math
from itertools import product
from math import factorial

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from capacity.traffic.caps import (
    GroupBlocking,
    TenantGroup,
    caps_blocking,
    guaranteed_sessions,
    oversold,
    sessions_for_caps,
)
from capacity.traffic.erlang import erlang_b


@st.composite
def small_groups(draw: st.DrawFn) -> list[TenantGroup]:
    """Draw up to four tenants in up to three groups, with caps, without, with guarantees."""
    groups = []
    for tenants in draw(st.sampled_from([(1,), (2,), (1, 1), (2, 1), (3,), (1, 2), (2, 2), (1, 1, 1)])):
        guaranteed = draw(st.integers(0, 2))
        cap = draw(st.none() | st.integers(max(1, guaranteed), 5))
        groups.append(TenantGroup(tenants, draw(st.floats(0.0, 6.0)), cap, guaranteed))
    return groups


def enumerated(capacity: int, groups: list[TenantGroup]) -> list[tuple[float, float]]:
    """Return what is refused at cap and at the pool, from the product form over every tenant's sessions."""
    shared = capacity - guaranteed_sessions(groups)
    tenants = [(index, group) for index, group in enumerate(groups) for _ in range(group.tenants)]
    total = 0.0
    at_cap, at_pool = [0.0] * len(groups), [0.0] * len(groups)
    limits = [group.guaranteed_sessions + shared if group.cap_sessions is None else group.cap_sessions for _, group in tenants]
    for state in product(*(range(limit + 1) for limit in limits)):
        used = sum(max(0, held - group.guaranteed_sessions) for held, (_, group) in zip(state, tenants, strict=True))
        if used > shared:
            continue
        weight = 1.0
        for held, (_, group) in zip(state, tenants, strict=True):
            weight *= group.offered_erlangs**held / factorial(held)
        total += weight
        for held, (index, group) in zip(state, tenants, strict=True):
            if held == group.cap_sessions:
                at_cap[index] += weight / group.tenants
            elif used == shared and held >= group.guaranteed_sessions:
                at_pool[index] += weight / group.tenants
    return [(cap / total, pool / total) for cap, pool in zip(at_cap, at_pool, strict=True)]


@given(small_groups(), st.integers(0, 10))
@settings(deadline=None)
def test_every_state_counts_with_its_weight(groups: list[TenantGroup], shared: int) -> None:
    """The convolution is the sum over all states, for caps, guarantees and groups of any kind."""
    capacity = guaranteed_sessions(groups) + shared
    found = caps_blocking(capacity, groups)
    for group, expected in zip(found, enumerated(capacity, groups), strict=True):
        assert (group.at_cap, group.at_pool) == pytest.approx(expected, rel=1e-9, abs=1e-29)


def test_golden_oversold_plans() -> None:
    """Two fleets whose caps exceed them lose 3.1% and 3.8%, the shares that a simulation found too."""
    for capacity, groups in (
        (200, [TenantGroup(1, 12.0, 20), TenantGroup(2, 90.0, 100)]),
        (300, [TenantGroup(2, 75.0, 100), TenantGroup(3, 48.0, 60)]),
    ):
        assert [round(group.total, 3) for group in caps_blocking(capacity, groups)] == [0.031, 0.038]


@given(st.integers(1, 2000), st.floats(0.01, 30.0), st.floats(0.3, 2.0))
@example(tenants=381, load=30.0, relative=1.0625)
@settings(max_examples=50, deadline=None)
def test_without_caps_the_fleet_is_one_group_of_servers(tenants: int, load: float, relative: float) -> None:
    """Whoever calls, a fleet without limits loses what Erlang B says of the sum, from the emptiest to the fullest."""
    capacity = max(1, int(tenants * load * relative))
    expected = erlang_b(tenants * load, capacity)
    groups = [TenantGroup(tenants, load / 2, None), TenantGroup(2 * tenants, load / 4, None)]
    for group in caps_blocking(capacity, groups):
        assert group.at_cap == 0
        assert group.at_pool == pytest.approx(expected, rel=1e-8, abs=1e-28)


@given(st.integers(1, 300), st.floats(0.1, 80.0), st.integers(1, 80))
@settings(max_examples=50, deadline=None)
def test_what_is_not_oversold_is_refused_only_at_its_cap(tenants: int, load: float, cap: int) -> None:
    """On a fleet of the sum of all caps each tenant is alone with its plan: Erlang B of its cap."""
    (blocking,) = caps_blocking(tenants * cap, [TenantGroup(tenants, load, cap)])
    assert blocking.at_pool == 0
    assert blocking.at_cap == pytest.approx(erlang_b(load, cap), rel=1e-9)


def test_guarantees_alone_divide_the_fleet() -> None:
    """Where all is guaranteed, whatever one tenant does leaves the others what they had."""
    calm = caps_blocking(30, [TenantGroup(2, 5.0, None, 10), TenantGroup(1, 5.0, None, 10)])
    wild = caps_blocking(30, [TenantGroup(2, 5.0, None, 10), TenantGroup(1, 500.0, None, 10)])
    assert calm[0] == wild[0]
    assert calm[0].total == pytest.approx(erlang_b(5.0, 10))
    assert wild[1].total == pytest.approx(erlang_b(500.0, 10))


def test_tilting_keeps_a_tenant_that_alone_overflows_the_fleet() -> None:
    """Ten times the fleet from one tenant, next to nothing from five: the sum still loses what Erlang B says."""
    for tenants in ([TenantGroup(1, 10_000.0, None), TenantGroup(5, 0.1, None)], [TenantGroup(5, 2000.1, None)]):
        for group in caps_blocking(1000, tenants):
            assert group.total == pytest.approx(erlang_b(10_000.5, 1000), rel=1e-9)


def test_groups_may_be_split_and_reordered() -> None:
    """A group of ten and two of five are the same tenants; their order means nothing."""
    together = caps_blocking(400, [TenantGroup(10, 35.0, 50), TenantGroup(1, 60.0, 100, 40)])
    split = caps_blocking(400, [TenantGroup(5, 35.0, 50), TenantGroup(1, 60.0, 100, 40), TenantGroup(5, 35.0, 50)])
    for whole, part in ((together[0], split[0]), (together[0], split[2]), (together[1], split[1])):
        assert (part.at_cap, part.at_pool) == pytest.approx((whole.at_cap, whole.at_pool), rel=1e-9)


@given(small_groups(), st.integers(0, 40), st.integers(0, 2))
@settings(deadline=None)
def test_a_larger_fleet_refuses_no_plan_more(groups: list[TenantGroup], shared: int, which: int) -> None:
    """Shares are shares, and fall for the fleet as a whole with a session more and rise with a tenant more."""
    capacity = guaranteed_sessions(groups) + shared

    def lost(size: int, tenants: list[TenantGroup]) -> float:
        blocking = caps_blocking(size, tenants)
        assert all(min(group.at_cap, group.at_pool) >= 0 and group.total <= 1 + 1e-12 for group in blocking)
        return sum(group.tenants * group.offered_erlangs * each.total for group, each in zip(tenants, blocking, strict=True))

    now = lost(capacity, groups)
    assert lost(capacity + 1, groups) <= now * (1 + 1e-9) + 1e-12
    newcomer = groups[which % len(groups)]
    grown = [*groups, TenantGroup(1, newcomer.offered_erlangs, newcomer.cap_sessions)]
    assert lost(capacity, grown) >= now * (1 - 1e-9) - 1e-12


def test_overselling_the_published_plans() -> None:
    """More small plans on one fleet are refused more, the reserved plan not at all more; its sessions come off first."""

    def fleet(small: int) -> list[TenantGroup]:
        return [TenantGroup(small, 30.0, 50), TenantGroup(4, 150.0, 200), TenantGroup(1, 950.0, 1000, guaranteed_sessions=1000)]

    results = [oversold(3000, fleet(small)) for small in (20, 40, 60)]
    assert [result.shared_sessions for result in results] == [2000, 2000, 2000]
    assert [result.promised_sessions for result in results] == [1800, 2800, 3800]
    assert [result.ratio for result in results] == [0.9, 1.4, 1.9]
    for plan in (0, 1):
        pool = [result.groups[plan].at_pool for result in results]
        assert pool[0] < 1e-12 < pool[1] < 0.01 < pool[2]
    for result in results:
        assert result.groups[2].at_pool == 0
        assert result.groups[2].at_cap == pytest.approx(erlang_b(950.0, 1000), rel=1e-9)


def test_a_plan_without_a_cap_has_no_ratio() -> None:
    """What has no limit cannot be oversold by a number."""
    result = oversold(1200, [TenantGroup(10, 5.0, 50), TenantGroup(1, 600.0, None, guaranteed_sessions=1000)])
    assert (result.promised_sessions, result.ratio) == (None, None)
    assert oversold(1000, [TenantGroup(1, 600.0, 1200, guaranteed_sessions=1000)]).ratio is None


@pytest.mark.parametrize("target", [0.1, 0.001, 1e-6])
def test_the_inverse_is_the_least_fleet(target: float) -> None:
    """On it no plan misses the target for want of room; on one session less some plan does."""
    groups = [TenantGroup(40, 12.0, 50), TenantGroup(10, 60.0, 200), TenantGroup(1, 80.0, 120, guaranteed_sessions=70)]
    size = sessions_for_caps(groups, target)
    assert max(group.at_pool for group in caps_blocking(size, groups)) <= target
    assert max(group.at_pool for group in caps_blocking(size - 1, groups)) > target


def test_ten_thousand_tenants_are_as_easy_as_ten() -> None:
    """At 88,000 erlangs the digits still hold: without caps that bind, Erlang B of the whole."""
    groups = [TenantGroup(8000, 6.0, 600), TenantGroup(2000, 20.0, 800)]
    for group in caps_blocking(88_400, groups):
        assert group.total == pytest.approx(erlang_b(88_000.0, 88_400), rel=1e-8)


def test_total_is_both_reasons() -> None:
    """A call is refused for one reason or the other, never counted twice."""
    assert GroupBlocking(0.25, 0.5).total == 0.75


def test_impossible_plans_are_refused() -> None:
    """The message names the argument, what came and what to do."""
    with pytest.raises(ValueError, match="cap_sessions must be at least 3, or None, got 2"):
        TenantGroup(1, 1.0, 2, guaranteed_sessions=3)
    with pytest.raises(ValueError, match="cap_sessions must be at least 1"):
        TenantGroup(1, 1.0, 0)
    with pytest.raises(ValueError, match="1 tenant or more"):
        TenantGroup(0, 1.0, 2)
    with pytest.raises(
        ValueError, match="guarantees of 20 sessions need at least as many: raise the capacity or lower them, got 19"
    ):
        caps_blocking(19, [TenantGroup(2, 1.0, 10, guaranteed_sessions=10)])


def test_a_fleet_of_many_thousands_agrees_with_the_binomial_law() -> None:
    """Tenants of one session each are a truncated binomial, whose terms are known one by one however many there are."""
    tenants, erlangs, fleet = 40_000, 0.25, 8_050
    busy = np.arange(fleet + 1)
    choices = [math.lgamma(tenants) - math.lgamma(k + 1) - math.lgamma(tenants - k) for k in busy.tolist()]
    others = np.exp(np.array(choices) + busy * math.log(erlangs) - (np.array(choices) + busy * math.log(erlangs)).max())
    # Of all states in which one tenant holds nothing, those in which the others fill the fleet; it may hold one in all but those.
    exact = others[-1] / (others.sum() + erlangs * others[:-1].sum())
    (found,) = caps_blocking(fleet, [TenantGroup(tenants, erlangs, 1)])
    assert found.at_pool == pytest.approx(exact, rel=1e-6)
