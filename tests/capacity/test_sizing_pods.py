"""What runs in pods: PM2's workers, tool executors, the queue and its workers."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capacity.sizing.queue import Queue, drain_seconds, fill_seconds, jobs_in_memory, memory_needed, size_queue
from capacity.sizing.result import Sizing
from capacity.sizing.tools import Executors, size_tools
from capacity.sizing.workers import Workers, size_workers
from capacity.traffic.erlang import waiting_share
from tests.capacity.sizing import EXECUTORS, JOBS, PM2, read


def _queue(busy: float = 10.0, quiet: float = 1.0, **changes: object) -> Sizing:
    return size_queue(
        read(Queue, JOBS, **changes),
        busy_jobs_per_second=busy,
        busy_seconds=7200,
        quiet_jobs_per_second=quiet,
        safe_utilisation=0.9,
    )


def test_pm2_restarts_a_worker_that_its_sessions_fill() -> None:
    """1.3 x (100 MB + sessions x 40 MB) must stay below the restart figure: 2 GB hold 35 sessions a worker, 280 on eight."""
    sizing = size_workers(read(Workers, PM2), sessions=250, safe_utilisation=1.0)
    assert sizing.hard == 8 * 35
    assert 1.3 * (100 + 35 * 40) < 2000 <= 1.3 * (100 + 36 * 40)
    assert sizing.shortfall is None


def test_at_the_restart_figure_itself_a_worker_is_restarted() -> None:
    """1.3 x 10 sessions x 100 MB are 1,300 MB: a restart at 1,300 MB leaves room for nine."""
    exact = read(Workers, PM2, processes=1, base_memory="0B", memory_per_session="100MB", max_memory_restart="1300MB")
    assert size_workers(exact, sessions=1, safe_utilisation=1.0).hard == 9


def test_a_worker_has_time_for_its_calls_and_the_pod_for_its_worker() -> None:
    """PM2's default of 1.6 s cuts calls, and a kill time above the pod's grace never comes to pass."""
    quick = size_workers(read(Workers, PM2, kill_timeout="1600ms"), sessions=100, safe_utilisation=0.9).shortfall
    assert quick is not None
    assert (quick.required, quick.provided, quick.unit) == (600, 1.6, "seconds")
    assert quick.remedy == "raise workers.kill_timeout from 1.6s to 600s"
    late = size_workers(read(Workers, PM2, grace="30s"), sessions=100, safe_utilisation=0.9).shortfall
    assert late is not None
    assert late.remedy == "raise workers.grace from 30s to 600s"
    idle = size_workers(read(Workers, PM2, kill_timeout="700s"), sessions=100, safe_utilisation=0.9).shortfall
    assert idle is not None
    assert idle.remedy == "lower workers.kill_timeout from 700s to 630s"


def test_processes_are_restarted_before_the_kernel_ends_their_pod() -> None:
    """Eight processes of up to 2 GB do not fit into a pod of 15: PM2 would never come to restart one."""
    assert size_workers(read(Workers, PM2), sessions=100, safe_utilisation=0.9).shortfall is None
    short = size_workers(read(Workers, PM2, pod_memory="15GB"), sessions=100, safe_utilisation=0.9).shortfall
    assert short is not None
    assert (short.required, short.provided, short.unit) == (16e9, 15e9, "bytes")
    assert short.remedy == "raise workers.pod_memory from 15GB to 15259Mi"


def test_one_metrics_port_shows_one_worker_at_random() -> None:
    """In cluster mode the metric must be summed; one process a pod has nothing to sum."""
    random = size_workers(read(Workers, PM2, metric="of one process"), sessions=100, safe_utilisation=0.9).shortfall
    assert random is not None
    assert (random.required, random.provided) == (8, 1)
    alone = read(Workers, PM2, processes=1, metric="of one process")
    assert size_workers(alone, sessions=10, safe_utilisation=0.9).shortfall is None


def test_remedies_of_several_shortfalls_stand_together() -> None:
    """Too little memory and too short a kill time are one shortfall with both cures."""
    short = size_workers(read(Workers, PM2, kill_timeout="1600ms"), sessions=1000, safe_utilisation=0.9).shortfall
    assert short is not None
    assert short.unit == "sessions a pod"
    assert short.remedy == (
        "raise workers.max_memory_restart from 2GB to 7018Mi and raise workers.pod_memory from 16GB to 56144Mi "
        "and raise workers.kill_timeout from 1.6s to 600s"
    )


def test_tool_executors_are_a_line_with_a_latency_target() -> None:
    """2,000 sessions with 5 calls of 2 s in 180 s offer 111 erlangs; at the ceiling 5% wait longer than the target."""
    executors = read(Executors, EXECUTORS)
    sizing = size_tools(executors, sessions=2000, safe_utilisation=0.9)
    assert sizing.binding == "latency"
    offered = sizing.hard * 5 / 180 * 2
    assert waiting_share(offered, 11 * 20, wait_seconds=0.2, holding_seconds=2.0) == pytest.approx(0.05, rel=1e-6)
    assert offered < 220
    assert sizing.shortfall is None


def test_the_remedy_for_tools_counts_the_pod_that_may_be_gone() -> None:
    """The pods that are named hold the latency target at the load over the safe share, one of them lost."""
    short = size_tools(read(Executors, EXECUTORS, pods=3), sessions=3000, safe_utilisation=1.0).shortfall
    assert short is not None
    assert short.remedy == "raise tools.pods from 3 to 11"
    offered = 3000 * 5 / 180 * 2
    assert waiting_share(offered, 10 * 20, wait_seconds=0.2, holding_seconds=2.0) <= 0.05
    assert waiting_share(offered, 9 * 20, wait_seconds=0.2, holding_seconds=2.0) > 0.05


def test_no_executor_left_holds_nothing() -> None:
    """One pod that may be gone holds no session."""
    sizing = size_tools(read(Executors, EXECUTORS, pods=1), sessions=1, safe_utilisation=0.9)
    assert (sizing.hard, sizing.headroom) == (0, -1)


def test_a_queue_fills_and_drains_by_the_difference_of_rates() -> None:
    """50,000 jobs fill in 50,000 / (lambda - mu) and drain in 50,000 / (mu - lambda)."""
    assert fill_seconds(50_000, 30, 5) == drain_seconds(50_000, 5, 30) == 2000
    assert fill_seconds(50_000, 5, 5) == drain_seconds(50_000, 5, 5) == math.inf


def test_a_queue_holds_what_a_busy_stretch_leaves() -> None:
    """10 jobs a second for two hours against 5 worked off leave 36,000, of 45,000 safe."""
    sizing = _queue()
    assert (sizing.required, sizing.hard, sizing.safe, sizing.binding) == (36_000, 50_000, 45_000, "depth cap")
    assert sizing.headroom == pytest.approx(0.25)
    drain = next(limit for limit in sizing.limits if limit.name == "drain")
    assert drain.value == (5 - 1) * 4 * 3600


def test_memory_holds_every_job_twice_while_redis_forks() -> None:
    """50,000 jobs of 3 kB need 300 MB, and 10,000 finished ones 30 MB beside them."""
    queue = read(Queue, JOBS)
    assert memory_needed(queue, 50_000) == pytest.approx(330e6, rel=0.004)
    assert jobs_in_memory(queue) == (400_000_000 - 30_000_000) // 6000


def test_the_cap_comes_before_the_memory() -> None:
    """A queue that accepts more jobs than its memory holds is short even where the load is small."""
    short = _queue(busy=1.0, max_memory="200MB").shortfall
    assert short is not None
    assert (short.required, short.provided, short.unit) == (50_000, 28_333, "jobs")
    assert short.remedy == "raise queue.max_memory from 200MB to 315Mi"


def test_memory_is_raised_once_for_the_load_and_the_cap() -> None:
    """Where memory holds neither the jobs nor the cap, one figure cures both."""
    short = _queue(max_memory="100MB").shortfall
    assert short is not None
    assert short.remedy == "raise queue.max_memory from 100MB to 315Mi"
    assert _queue(max_memory="315MiB").shortfall is None


def test_a_queue_that_drains_too_slowly_needs_workers() -> None:
    """What a busy stretch leaves must be done in time: workers are added, not depth."""
    short = _queue(busy=10.0, quiet=4.9, depth_cap="100k", max_memory="1GB").shortfall
    assert short is not None
    assert short.remedy == "raise queue.replicas from 50 to 68"


def test_replicas_work_on_several_jobs_at_once() -> None:
    """Two replicas of 25 are 50 workers; what 68 workers must drain takes three of them."""
    queue = read(Queue, JOBS, replicas=2, concurrency=25)
    assert queue.workers == read(Queue, JOBS).workers == 50
    short = _queue(busy=10.0, quiet=4.9, depth_cap="100k", max_memory="1GB", replicas=2, concurrency=25).shortfall
    assert short is not None
    assert short.remedy == "raise queue.replicas from 2 to 3"


def test_a_quiet_time_is_not_busier_than_the_busy_one() -> None:
    """Rates in the wrong order are an error, not an endless queue."""
    with pytest.raises(ValueError, match="quiet"):
        _queue(busy=1.0, quiet=2.0)


@given(busy=st.floats(0, 100), more=st.floats(0, 100), quiet=st.floats(0, 1))
def test_busier_hours_never_leave_more_headroom(busy: float, more: float, quiet: float) -> None:
    """Jobs that wait only grow with the arrivals, what holds them does not."""
    quiet = min(quiet, busy)
    less, full = _queue(busy=busy, quiet=quiet), _queue(busy=busy + more, quiet=quiet)
    assert full.required >= less.required
    assert full.safe <= less.safe
