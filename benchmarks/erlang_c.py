"""The least number of agents for a waiting target at 20,000 erlangs: ours, pyworkforce."""

from benchmarks.measure import best_of
from benchmarks.result import Result
from capacity.traffic.erlang import servers_for_wait

ERLANGS = 20_000
TIMES_FASTER = 30.0
_HOLDING_MINUTES = 4.0
_WAIT_SECONDS = 24.0
_LEVEL = 0.99


def run() -> Result:
    """Return the times of one inverse: 99% wait at most a tenth of the mean call.

    Raises AssertionError where the answers differ.
    """
    from pyworkforce.queuing import ErlangC

    interval = 30.0
    rival_model = ErlangC(
        transactions=ERLANGS * interval / _HOLDING_MINUTES,
        aht=_HOLDING_MINUTES,
        asa=_WAIT_SECONDS / 60,
        interval=interval,
        shrinkage=0.0,
    )
    rival = best_of(20, lambda: rival_model.required_positions(_LEVEL))
    ours = best_of(
        200,
        lambda: servers_for_wait(
            float(ERLANGS), wait_seconds=_WAIT_SECONDS, holding_seconds=60 * _HOLDING_MINUTES, service_level=_LEVEL
        ),
    )
    found = rival.answer["raw_positions"]
    assert found == ours.answer, f"ours says {ours.answer}, pyworkforce {found}"
    ratio = rival.seconds / ours.seconds
    return Result(
        key="erlang_c",
        ours=1000 * ours.seconds,
        rival=1000 * rival.seconds,
        rival_name="pyworkforce",
        unit="ms",
        ratio=ratio,
        target=f"{TIMES_FASTER:g}x",
        met=ratio >= TIMES_FASTER,
        peak_mib=None,
        findings=(f"both need {found:,} for {ERLANGS:,} erlangs (best of 200 and of 20)",),
    )
