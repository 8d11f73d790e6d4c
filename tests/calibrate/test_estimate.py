"""Figures out of generated usage whose truth is known, and when there is none."""

from dataclasses import replace

import numpy as np
import pytest

from headroom.calibrate.estimate import (
    NotMeasured,
    SessionLine,
    Tokens,
    cpu_line,
    descriptor_line,
    held_lately,
    memory_line,
    peak_demand,
    start_up,
    tokens_a_session_minute,
)
from headroom.calibrate.line import Interval
from headroom.calibrate.usage import Floats, PodUsage, Starts, VerticalUsage
from tests.calibrate.fleet import DAY_S, START, Fleet, Truth, drawn, starts

TRUTH = Truth()
NOBODY = Starts(np.array([]), np.array([]))


def rows(columns: dict[str, Floats]) -> PodUsage:
    """Return a draw's columns as rows."""
    return PodUsage(
        columns["pod"].astype(np.int64),
        columns["time"],
        columns["sessions"],
        columns["sessions"],
        columns["memory_bytes"],
        columns["cpu_cores"],
        columns["descriptors"],
        columns["tokens_per_minute"],
    )


def holds(interval: Interval, truth: float) -> bool:
    """Return whether an interval holds a figure."""
    return interval.low <= truth <= interval.high


def test_costs_are_found_again() -> None:
    """The intervals of a fleet of six pods over ten days hold what its usage was made of."""
    usage = rows(drawn(Fleet(), 1))
    memory, cpu, files = memory_line(usage), cpu_line(usage), descriptor_line(usage)
    assert isinstance(memory, SessionLine)
    assert isinstance(cpu, SessionLine)
    assert isinstance(files, SessionLine)
    assert holds(memory.session.interval, TRUTH.memory)
    assert holds(cpu.session.interval, TRUTH.cpu)
    assert holds(cpu.base.interval, TRUTH.base_cpu)
    assert holds(files.session.interval, TRUTH.descriptors)
    assert (memory.session.sample.points, memory.session.sample.pods, memory.session.sample.days) == (1440, 6, 10)
    # The upper line: what noise adds in one case of a hundred stands in the base.
    assert memory.base.value > TRUTH.base_memory + 2 * 25e6


def test_memory_that_outlives_its_sessions_is_not_taken_for_cheap_sessions() -> None:
    """Memory that stays for four hours makes a line through the sessions of the moment too flat; the carried one is right."""
    columns = drawn(Fleet(), 4)
    usage = rows(columns)
    noise = columns["memory_bytes"] - TRUTH.base_memory - TRUTH.memory * columns["sessions"]
    carried = held_lately(usage, 4 * 3600)
    usage = replace(usage, memory_bytes=TRUTH.base_memory + TRUTH.memory * carried + noise)
    line = memory_line(usage)
    assert isinstance(line, SessionLine)
    assert line.session.note.startswith("memory follows the most sessions in 240 min")
    assert holds(line.session.interval, TRUTH.memory)
    naive = cpu_line(replace(usage, cpu_cores=usage.memory_bytes))
    assert isinstance(naive, SessionLine)
    assert naive.session.interval.high < TRUTH.memory


def test_what_a_pod_held_lately_ends_with_the_pod_and_with_a_gap() -> None:
    """The running maximum looks back its time within one pod, and a pod that was not seen for long has started anew."""
    minutes = np.array([0, 5, 10, 15, 20, 60, 65, 0, 5], dtype=float)
    sessions = np.array([9, 1, 2, 1, 1, 1, 2, 3, 1], dtype=float)
    usage = replace(rows(drawn(Fleet(pods=1, days=1), 1)), pod=np.array([0] * 7 + [1] * 2), time=minutes * 60, sessions=sessions)
    assert held_lately(usage, 0).tolist() == sessions.tolist()
    assert held_lately(usage, 600).tolist() == [9, 9, 9, 2, 2, 1, 2, 3, 3]
    assert held_lately(usage, np.inf).tolist() == [9, 9, 9, 9, 9, 1, 2, 3, 3]


def test_outliers_do_not_bend_the_processor_time() -> None:
    """One point in thirty of a hundred times the usage moves the line by less than its interval."""
    columns = drawn(Fleet(), 7)
    columns["cpu_cores"][::30] *= 100
    line = cpu_line(rows(columns))
    assert isinstance(line, SessionLine)
    assert holds(line.session.interval, TRUTH.cpu)


def test_a_base_below_nothing_is_nothing() -> None:
    """A line that bends upwards would start below zero; the pod is said to take nothing before its first session."""
    columns = drawn(Fleet(), 8)
    columns["cpu_cores"] = 0.002 * columns["sessions"] ** 2
    line = cpu_line(rows(columns))
    assert isinstance(line, SessionLine)
    assert (line.base.value, line.base.interval.low) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"sessions": 40.0, "mean_sessions": 40.0}, "sessions hardly vary: 90% of the points are between 40 and 40 a pod"),
        ({"cpu_cores": np.nan}, "no measurement of it"),
        ({"time": START + 5.0}, "1440 points on 1 days; 200 on 3 days are needed"),
        ({"cpu_cores": 1.0}, "the usage does not tell it: between"),
    ],
)
def test_a_figure_that_usage_does_not_tell_has_a_reason(changes: dict[str, float], reason: str) -> None:
    """Load that stands still, no series, a single day, usage that has nothing to do with sessions."""
    usage = rows(drawn(Fleet(), 1))
    usage = replace(usage, **{name: np.full(len(usage.time), value) for name, value in changes.items()})
    found = cpu_line(usage)
    assert isinstance(found, NotMeasured)
    assert found.reason.startswith(reason)


def test_few_points_are_refused() -> None:
    """Ten points a day on four days are too few."""
    usage = rows(drawn(Fleet(pods=1, days=4, step_s=8640), 1))
    assert cpu_line(usage) == NotMeasured("40 points on 4 days; 200 on 3 days are needed")


def test_tokens_of_a_session_minute_and_their_deviation_are_found_again() -> None:
    """All verticals count together; the deviation is that of one session's minute."""
    verticals = [VerticalUsage(rows(drawn(Fleet(days=14), seed)), NOBODY) for seed in (1, 2)]
    tokens = tokens_a_session_minute(verticals)
    assert isinstance(tokens, Tokens)
    assert holds(tokens.mean.interval, TRUTH.tokens)
    assert tokens.deviation == pytest.approx(TRUTH.token_deviation, rel=0.1)


def test_start_ups_give_their_upper_quantile() -> None:
    """The interval of the 95% quantile holds the truth; too few starts give none."""
    seconds = starts(TRUTH, 400, 5)
    found = start_up(Starts(np.array([START + DAY_S / 10 * number for number in range(400)]), seconds))
    assert not isinstance(found, NotMeasured)
    assert holds(found.interval, TRUTH.start_s)
    few = start_up(Starts(np.zeros(19), seconds[:19]))
    assert few == NotMeasured("19 pods were seen to start; 20 are needed")


def test_the_peak_is_that_of_all_pods_together() -> None:
    """Sessions of one instant add up over pods."""
    usage = rows(drawn(Fleet(pods=2, days=1), 1))
    demand = peak_demand(usage)
    together = usage.sessions.reshape(2, -1).sum(axis=0)
    assert demand.sessions == together.max()
    assert demand.time == usage.time[int(np.argmax(together))]
