"""Sockets of a node: descriptors, backlog, tracking and ports."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from capacity.sizing.poisson import poisson_cdf
from capacity.sizing.sockets import DESCRIPTOR_RESERVE, Sockets, backlog_needed, descriptors_needed, size_sockets, with_reconnects
from tests.capacity.sizing import SALES, read


def test_the_seed_sales_node_uses_few_of_its_65k_descriptors() -> None:
    """250 sessions on 8 workers with 6 files each are about 190 a worker; 65k hold more than 40,000 sessions a node."""
    sales = read(Sockets, SALES, base_descriptors=0)
    assert descriptors_needed(sales, 250) == 1.5 * 32 * 6
    assert round(250 / 8 * 6, -1) == 190
    sizing = size_sockets(read(Sockets, SALES), sessions=250, starts_per_second=2, safe_utilisation=0.9)
    files = next(limit for limit in sizing.limits if limit.name == "descriptors")
    assert files.value == 8 * ((65000 / 1.5 - 64) // 6)
    assert sizing.binding != "descriptors"
    assert sizing.shortfall is None


def test_a_process_on_the_old_default_is_too_small() -> None:
    """With 1,024 open files a node of 8 workers holds 824 sessions; the remedy is the computed need."""
    sizing = size_sockets(read(Sockets, SALES, descriptors=1024), sessions=1000, starts_per_second=5, safe_utilisation=1.0)
    assert (sizing.binding, sizing.hard) == ("descriptors", 8 * 103)
    assert sizing.shortfall is not None
    assert sizing.shortfall.remedy == "raise sockets.descriptors from 1024 to 1221"
    assert descriptors_needed(read(Sockets, SALES), 1000) == 1221


def test_the_backlog_holds_the_999th_of_a_thousand_stalls() -> None:
    """100 starts a second through a stall of half a second need 73, not 50."""
    assert backlog_needed(100, 0.5) == 73
    assert poisson_cdf(73, 50) >= 0.999 > poisson_cdf(72, 50)
    sizing = size_sockets(
        read(Sockets, SALES, backlog={"value": 60}), sessions=20_000, starts_per_second=100, safe_utilisation=1.0
    )
    assert sizing.binding == "backlog"
    assert sizing.shortfall is not None
    assert sizing.shortfall.remedy == "raise sockets.backlog.value from 60 to 73"


def test_the_kernel_grants_no_more_than_somaxconn() -> None:
    """A listen backlog above somaxconn is cut to it, so both must be raised."""
    both = read(Sockets, SALES, backlog={"value": 64}, somaxconn={"value": 32})
    sizing = size_sockets(both, sessions=1000, starts_per_second=200, safe_utilisation=1.0)
    assert sizing.shortfall is not None
    assert sizing.shortfall.remedy == (
        "raise sockets.backlog.value from 64 to 132 and raise sockets.somaxconn.value from 32 to 132"
    )


def test_tracking_holds_entries_of_ended_calls_too() -> None:
    """Entries >= starts x (duration + timeout): 2 a second of 180 s, tracked for 120 s more, twice a session, are 1,200."""
    node = read(Sockets, SALES, tracked=1200, outbound=None)
    sizing = size_sockets(node, sessions=2 * 180, starts_per_second=2, safe_utilisation=1.0)
    assert (sizing.binding, sizing.hard) == ("tracking", 360)
    assert sizing.shortfall is None
    sizing = size_sockets(read(Sockets, SALES, tracked=1199), sessions=360, starts_per_second=2, safe_utilisation=1.0)
    assert sizing.shortfall is not None
    assert sizing.shortfall.remedy == "raise sockets.tracked from 1199 to 1200"


def test_ports_run_out_towards_one_destination() -> None:
    """28,232 ports of one address, then a wider range, then more addresses."""
    node = read(Sockets, SALES, tracked="10M", descriptors="1M")
    few = size_sockets(node, sessions=28_232, starts_per_second=0, safe_utilisation=1.0)
    assert (few.binding, few.hard, few.shortfall) == ("ports", 28_232, None)
    wide = size_sockets(node, sessions=60_000, starts_per_second=0, safe_utilisation=1.0)
    assert wide.shortfall is not None
    assert wide.shortfall.remedy == "raise sockets.outbound.ports from 28232 to 60000"
    many = size_sockets(node, sessions=70_000, starts_per_second=0, safe_utilisation=1.0)
    assert many.shortfall is not None
    assert many.shortfall.remedy == "raise sockets.outbound.addresses from 1 to 3"


def test_each_pod_of_a_node_has_files_and_a_listener_of_its_own() -> None:
    """Three pods hold three times the sessions of one by files and backlog; tracking and ports are the node's."""
    one, three = (
        {
            limit.name: limit.value
            for limit in size_sockets(
                read(Sockets, SALES, pods=pods), sessions=250 * pods, starts_per_second=2 * pods, safe_utilisation=0.9
            ).limits
        }
        for pods in (1, 3)
    )
    for name, times in (("descriptors", 3), ("backlog", 3), ("tracking", 1), ("ports", 1)):
        assert three[name] == pytest.approx(times * one[name])


def test_remedies_are_those_of_one_pod() -> None:
    """A node of four pods and 4,000 sessions needs in each what one pod with 1,000 needs."""
    node = read(Sockets, SALES, pods=4, descriptors=1024, backlog={"value": 60})
    short = size_sockets(
        node, sessions=4000, starts_per_second=400, safe_utilisation=1.0, scope="x.sockets", pod_scope="x.pod"
    ).shortfall
    assert short is not None
    assert short.remedy == "raise x.pod.descriptors from 1024 to 1221 and raise x.sockets.backlog.value from 60 to 73"


def test_lost_calls_come_back_at_once() -> None:
    """300 calls offered again within 10 s add 30 starts a second."""
    assert with_reconnects(2, 300, 10) == 32
    with pytest.raises(ValueError, match="within_seconds"):
        with_reconnects(2, 300, 0)


def test_the_reserve_is_that_of_a_pod() -> None:
    """A pod's ceiling and a node's sockets keep the same share of descriptors in reserve."""
    assert read(Sockets, SALES).descriptor_reserve == DESCRIPTOR_RESERVE


@given(sessions=st.floats(1, 5000), starts=st.floats(0, 500), more=st.floats(1, 3))
def test_more_starts_never_leave_more_headroom(sessions: float, starts: float, more: float) -> None:
    """Starts count by themselves: at the same sessions a livelier node holds no more."""
    node = read(Sockets, SALES)
    calm = size_sockets(node, sessions=sessions, starts_per_second=starts, safe_utilisation=0.9)
    lively = size_sockets(node, sessions=sessions, starts_per_second=starts * more, safe_utilisation=0.9)
    assert calm.headroom is not None
    assert lively.headroom is not None
    assert lively.headroom <= calm.headroom + 1e-9


@given(sessions=st.floats(1, 5000), starts=st.floats(0, 500), more=st.floats(1, 3))
def test_more_sessions_never_leave_more_headroom(sessions: float, starts: float, more: float) -> None:
    """Sessions count by themselves: at the same starts a fuller node has no more room."""
    node = read(Sockets, SALES)
    less = size_sockets(node, sessions=sessions, starts_per_second=starts, safe_utilisation=0.9)
    full = size_sockets(node, sessions=sessions * more, starts_per_second=starts, safe_utilisation=0.9)
    assert less.headroom is not None
    assert full.headroom is not None
    assert full.headroom <= less.headroom + 1e-9


def test_an_idle_node_has_no_headroom_to_state() -> None:
    """Nothing required: no headroom, no shortfall; starts without sessions are an error."""
    idle = size_sockets(read(Sockets, SALES), sessions=0, starts_per_second=0, safe_utilisation=0.9)
    assert (idle.headroom, idle.shortfall) == (None, None)
    with pytest.raises(ValueError, match="none is to be held"):
        size_sockets(read(Sockets, SALES), sessions=0, starts_per_second=1, safe_utilisation=0.9)


def test_a_process_needs_its_base() -> None:
    """Fewer descriptors than a process opens by itself are refused as input; unknown figures too."""
    with pytest.raises(ValidationError, match="base_descriptors"):
        read(Sockets, SALES, descriptors=32)
    with pytest.raises(ValidationError, match="Extra inputs"):
        read(Sockets, SALES, backlogg=1)
