"""Caps, tokens and the queue; and that they change nothing where they do not bind."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from capacity.simulation.day import Autoscaler, Day, Fleet, Group, NodeLoss, Nodes, TokenBucket, Traffic
from capacity.simulation.run import simulate


def busy(**changes: object) -> Day:
    """An hour of 20 erlangs on 24 slots."""
    return replace(Day(Traffic((1.0,) * 60, 20.0), Fleet(3, 8)), **changes)  # type: ignore[arg-type]


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.floats(0.0, 3.0), min_size=5, max_size=30),
    st.sampled_from([None, 0.0, 1.5]),
    st.integers(0, 2),
    st.integers(0, 1000),
)
def test_gates_that_never_close_change_nothing(rates: list[float], variation: float | None, losses: int, seed: int) -> None:
    """A day with caps and tokens beyond all calls is the day without them: the quick way and the careful way agree."""
    lost = tuple(NodeLoss(100.0 * (number + 1), 60.0) for number in range(losses))
    fleet = Fleet(2, 6, Autoscaler(4, 2, 12), start_seconds=50.0, grace_seconds=40.0, nodes=Nodes(3), losses=lost)
    plain = Day(Traffic(tuple(rates), 30.0, holding_variation=variation), fleet)
    gated = replace(
        plain,
        traffic=replace(plain.traffic, groups=(Group("all", 1, 1.0, 10_000),)),
        tokens=TokenBucket(1e12, 1.0),
    )
    quick, careful = simulate(plain, seed), simulate(gated, seed)
    assert replace(careful, groups=(), tokens=None, invariants=quick.invariants) == quick
    assert careful.groups == (("all", quick.calls),)


def test_a_tenant_never_holds_more_than_its_cap() -> None:
    """One tenant with a cap of 3 on an empty fleet: three sessions at most, all refusals at the cap."""
    run = simulate(busy(traffic=Traffic((1.0,) * 60, 20.0, groups=(Group("small", 1, 1.0, 3),))), 1)
    assert run.peak == 3
    assert run.calls.at_cap == run.calls.refused > 0
    assert run.full_seconds == 0


def test_who_is_at_its_cap_waits_aside() -> None:
    """With a queue the capped plan's calls wait for its own sessions, and the other plan's calls pass them without waiting."""
    groups = (Group("capped", 1, 0.5, 3), Group("open", 1, 0.5))
    run = simulate(busy(traffic=Traffic((1.0,) * 60, 5.0, groups=groups), queue_depth=1000, fleet=Fleet(10, 10)), 1)
    capped, open_ = (tally for _, tally in run.groups)
    assert run.queued > 100
    assert run.queued == len(run.waits_seconds) + capped.waiting
    assert (open_.carried, open_.waiting) == (open_.offered, 0)


def test_a_full_queue_refuses() -> None:
    """Twice the load that fits and a depth of 10: few of the ten places are free at the end, half the calls found no slot."""
    run = simulate(busy(traffic=Traffic((2.4,) * 60, 20.0), queue_depth=10), 1)
    assert 5 <= run.calls.waiting <= 10
    assert run.calls.at_pods == run.calls.refused > 0.4 * run.calls.offered
    assert run.waits_seconds[-1] < 60


def test_a_queue_never_carries_less() -> None:
    """The same calls with a place to wait: more are carried, none is refused while it has room."""
    without, with_queue = simulate(busy(), 5), simulate(busy(queue_depth=10_000), 5)
    assert without.calls.refused > 0
    assert with_queue.calls.refused == 0
    assert with_queue.calls.carried > without.calls.carried
    assert with_queue.queued == len(with_queue.waits_seconds) + with_queue.calls.waiting


def test_new_pods_serve_who_waits() -> None:
    """Calls that wait for the first pod begin when it is ready, not when the next call ends."""
    traffic = Traffic((0.2, 0.0, 0.0, 0.0, 0.0), 1e6, holding_variation=0.0)
    day = Day(traffic, Fleet(0, 100, Autoscaler(10, 1, 1), start_seconds=120.0), queue_depth=100)
    run = simulate(day, 1)
    assert run.queued == run.calls.carried == run.calls.offered
    assert run.minutes.active == (0, 0, run.peak, run.peak, run.peak)


def test_calls_wait_for_tokens_too() -> None:
    """Where the model is the limit the line forms before free slots, and the token refusals become waits."""
    bucket = TokenBucket(60_000, 6_000)
    refused, waited = (simulate(busy(tokens=bucket, queue_depth=depth), 2) for depth in (0, 10_000))
    assert refused.calls.at_tokens == refused.calls.refused > 0
    assert waited.calls.refused == waited.full_seconds == 0
    assert waited.calls.waiting > 0


def test_an_empty_bucket_is_counted_and_ends_no_call() -> None:
    """Calls that outlast a full bucket: nobody is cut, and what they ask for beyond it is counted as refused."""
    traffic = Traffic((40.0, *(0.0,) * 59), 1e6, holding_variation=0.0)
    bucket = TokenBucket(60_000, 6_000, window_seconds=3600.0)
    run = simulate(Day(traffic, Fleet(1, 40), tokens=bucket), 1)
    assert run.tokens is not None
    assert (run.lost, run.minutes.active[-1]) == (0, 40)
    granted = run.tokens.asked - run.tokens.refused
    assert granted <= 3_600_000 + 60 * 60_000
    assert run.tokens.refused > 0.2 * run.tokens.asked
