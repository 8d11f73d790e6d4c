"""Callbacks a second through the queue gateway, beside the same gateway without a cap; on a real redis-server of this machine."""

import json
import subprocess

from benchmarks.measure import ROOT
from benchmarks.result import Result

SHARE = 0.9


def run() -> Result:
    """Return the callbacks that are acknowledged in a second of the processor time of gateway and Redis.

    A busy machine leaves that alone. The sides take turns, each on a fresh redis-server with the rendered configuration of
    prod; the best of three rounds counts. Needs Node.js with npm, and redis-server.
    """
    # The servers' clients are in the project's own environment, not in that of the rivals.
    measure = [str(ROOT / ".venv" / "bin" / "python"), "-m", "tests.edge.queue.rates"]
    found = json.loads(subprocess.run(measure, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout)
    best = {side: {clock: max(rounds) for clock, rounds in clocks.items()} for side, clocks in found["rates"].items()}
    ours, rival, answered = best["ours"], best["uncapped"], best["answered"]
    ratio = ours["processor"] / rival["processor"]
    return Result(
        key="queue",
        ours=ours["processor"],
        rival=rival["processor"],
        rival_name="without a cap",
        unit="callbacks/s of processor time",
        ratio=ratio,
        target=f"{SHARE:.0%} of the uncapped server's",
        met=ratio >= SHARE,
        peak_mib=None,
        findings=(
            (
                f"local, one gateway, {found['callbacks']:,} callbacks by 2 producers with 32 in flight each: by the wall clock "
                f"{ours['wall']:,.0f} a second, without a cap {rival['wall']:,.0f} ({ours['wall'] / rival['wall']:.0%})"
            ),
            (
                "waiting until Redis has appended a job costs "
                f"{1 - ours['processor'] / answered['processor']:.0%} of the rate of a gateway that only waits for its answer "
                f"({answered['processor']:,.0f}, by the wall clock {answered['wall']:,.0f})"
            ),
        ),
    )
