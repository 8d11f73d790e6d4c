"""The books of a run: they agree on every day that can be drawn, and a run whose books do not is refused."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capacity.simulation import accounts
from capacity.simulation import run as running
from capacity.simulation.accounts import Marks
from capacity.simulation.day import Autoscaler, Behaviour, Day, Fleet, Floor, Group, NodeLoss, Nodes, Policy, TokenBucket, Traffic
from capacity.simulation.outcome import CALLS, LITTLE, TOKENS, InvariantBroken, Outcome
from capacity.simulation.run import simulate
from capacity.traffic.mmpp import PhasedArrivals


@st.composite
def days(draw: st.DrawFn) -> Day:
    """Any day of up to 40 minutes, with anything that can happen in one."""
    minutes = draw(st.integers(1, 40))
    seconds = st.floats(0.0, 60.0 * minutes)
    groups = (
        Group("a", 3, 0.25, draw(st.none() | st.integers(1, 10))),
        Group("b", 1, 0.75, draw(st.none() | st.integers(1, 40))),
    )
    traffic = Traffic(
        tuple(draw(st.lists(st.floats(0.0, 4.0), min_size=minutes, max_size=minutes))),
        draw(st.floats(0.5, 300.0)),
        holding_variation=draw(st.none() | st.floats(0.0, 3.0)),
        day_cv=draw(st.sampled_from([0.0, 0.3])),
        bursts=draw(st.sampled_from([None, PhasedArrivals((1.0, 4.0), ((0.0, 0.02), (0.05, 0.0)))])),
        groups=draw(st.sampled_from([(), groups])),
    )
    floors = tuple(Floor(draw(seconds), draw(seconds), draw(st.integers(1, 20))) for _ in range(draw(st.integers(0, 2))))
    minimum = draw(st.integers(1, 4))
    scaler = Autoscaler(draw(st.integers(1, 8)), minimum, draw(st.integers(minimum, 20)), floors=floors)
    fleet = Fleet(
        draw(st.integers(0, 8)),
        draw(st.integers(1, 10)),
        draw(st.sampled_from([None, scaler])),
        start_seconds=draw(st.sampled_from([0.0, 10.0, 200.0])),
        grace_seconds=draw(st.sampled_from([0.0, 30.0, float("inf")])),
        nodes=Nodes(draw(st.integers(1, 4)), draw(st.none() | st.integers(1, 4))),
        losses=tuple(NodeLoss(draw(seconds), draw(st.floats(0.0, 400.0))) for _ in range(draw(st.integers(0, 3)))),
    )
    return Day(
        traffic,
        fleet,
        tokens=draw(st.none() | st.builds(TokenBucket, st.floats(1e3, 1e6), st.floats(1e2, 1e4), st.floats(0.1, 120.0))),
        queue_depth=draw(st.sampled_from([0, 5, 1000])),
        reconnect_seconds=draw(st.sampled_from([None, 0.0, 30.0])),
    )


@settings(max_examples=200, deadline=None)
@given(days(), st.integers(0, 2**32))
def test_every_day_closes_its_books(day: Day, seed: int) -> None:
    """Calls and groups add up, Little's law holds, minutes add up to the day, and the same seed gives the same."""
    run = simulate(day, seed)
    calls = run.calls
    assert calls.offered == calls.carried + calls.at_cap + calls.at_tokens + calls.at_pods + calls.waiting
    for name in ("offered", "carried", "at_cap", "at_tokens", "at_pods", "waiting"):
        assert not run.groups or getattr(calls, name) == sum(getattr(tally, name) for _, tally in run.groups)
    assert run.mean_active * day.traffic.seconds == pytest.approx(calls.carried * run.held_seconds)
    assert (sum(run.minutes.offered), sum(run.minutes.refused)) == (calls.offered, calls.refused)
    assert run.peak == max(run.minutes.active)
    assert calls.waiting <= day.queue_depth
    assert 0 <= run.full_seconds <= day.traffic.seconds * (1 + 1e-9)
    assert run.called_again <= run.lost <= calls.carried
    assert simulate(day, seed) == run


def test_an_outcome_says_what_its_books_were_held_to() -> None:
    """Tokens are among it where they are limited."""
    plain = Day(Traffic((1.0,) * 5, 60.0), Fleet(pods=2, sessions_per_pod=10))
    assert simulate(plain, 1).invariants == (CALLS, LITTLE)
    assert simulate(replace(plain, tokens=TokenBucket(1000.0, 10.0)), 1).invariants == (CALLS, LITTLE, TOKENS)


def test_another_fleet_meets_the_same_calls() -> None:
    """What is offered depends on traffic and seed alone, minute by minute."""
    traffic = Traffic((1.0,) * 30, 60.0, day_cv=0.2)
    small, large = (simulate(Day(traffic, Fleet(pods, 10)), 9) for pods in (2, 20))
    assert small.minutes.offered == large.minutes.offered
    assert small.calls.refused > large.calls.refused == 0


def _with_close(monkeypatch: pytest.MonkeyPatch, change: Callable[[dict[str, Any], Marks], None]) -> None:
    """Let a run's books be changed before they are closed."""
    close = accounts.close

    def closed(day: Day, ledger: Any, marks: Marks, **counted: Any) -> Outcome:
        change(counted, marks)
        return close(day, ledger, marks, **counted)

    monkeypatch.setattr(running, "close", closed)


def _forget_a_refusal(counted: dict[str, Any], _: Marks) -> None:
    counted["refused"] -= 1


def _leak_a_slot(_: dict[str, Any], marks: Marks) -> None:
    marks.active[3] += 1


def _forget_tokens(counted: dict[str, Any], _: Marks) -> None:
    counted["tokens"].asked -= 1.0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_forget_a_refusal, "calls refused and waiting"),
        (_leak_a_slot, "sessions after minute 3"),
        (_forget_tokens, "tokens asked for"),
    ],
)
def test_books_that_disagree_are_refused(
    monkeypatch: pytest.MonkeyPatch, change: Callable[[dict[str, Any], Marks], None], said: str
) -> None:
    """One call, one slot or one token amiss is found, and the message says where and what to report."""
    day = Day(Traffic((1.0,) * 10, 60.0), Fleet(2, 10), tokens=TokenBucket(1e6, 6000))
    _with_close(monkeypatch, change)
    with pytest.raises(InvariantBroken, match=f"{said}.*report the day and the seed"):
        simulate(day, 1)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda: Traffic((), 1.0), "one for each minute"),
        (lambda: Traffic((1.0, -1.0), 1.0), "0 or more"),
        (lambda: Traffic((1.0,), 0.0), "holding_seconds"),
        (lambda: Traffic((1.0,), 1.0, day_cv=-0.1), "day_cv"),
        (lambda: Traffic((1.0,), 1.0, groups=(Group("a", 1, 0.5),)), "shares must add up to 1"),
        (lambda: Group("a", 0, 1.0), "tenants"),
        (lambda: Autoscaler(10, 3, 2), "minimum <= maximum"),
        (lambda: Policy("Pods", 0, 15.0), "value must be above 0"),
        (lambda: Behaviour((), "Max", 0.0), "needs a policy"),
        (lambda: NodeLoss(-1.0), "at_seconds"),
        (lambda: Fleet(1, 0), "sessions_per_pod"),
        (lambda: Nodes(0), "1 node or more"),
        (lambda: TokenBucket(0, 1), "tokens_per_minute"),
        (lambda: Day(Traffic((1.0,), 1.0), Fleet(1, 1), queue_depth=-1), "queue_depth"),
    ],
)
def test_days_that_cannot_be_are_refused(wrong: Callable[[], object], said: str) -> None:
    """Each figure out of its range is named, with what came."""
    with pytest.raises(ValueError, match=said):
        wrong()


def test_a_day_without_calls_is_a_day() -> None:
    """Nothing offered, nothing held, and no division by it."""
    run = simulate(Day(Traffic((0.0,) * 3, 60.0), Fleet(1, 1)), 1)
    assert (run.calls.offered, run.calls.blocking, run.held_seconds, run.peak) == (0, 0.0, 0.0, 0)
    assert np.isfinite(run.mean_active)
