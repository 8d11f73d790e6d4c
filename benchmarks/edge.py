"""Frames a second through the deployed edge, beside a bare bridge from a router to an object; both in workerd on this machine."""

import json
import subprocess
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.measure import ROOT
from benchmarks.result import Result

SHARE = 0.9
_Runs = list[dict[str, float]]
FOLDER = ROOT / "benchmarks" / "edge_bridge"


def run() -> Result:
    """Return the frames that come back to 50 clients in a second of workerd's processor time, as medians.

    A busy machine changes that less than the wall clock, but it does: the ratio is the median of those of single rounds.

    Ours is what an `up` of local by the real engine deploys, its batch window 0; both sides are driven by turns by the same
    clients against the same upstream. Needs Node.js with npm, and Go for the engine.
    """
    with TemporaryDirectory() as folder:
        # The engine's packages are in the project's own environment, not in that of the rivals.
        deploy: list[str | Path] = [ROOT / ".venv" / "bin" / "python", "-m", "tests.edge_accounts", folder]
        account = subprocess.run(deploy, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()[-1]
        load: list[str | Path] = ["node", FOLDER / "load.mjs", account]
        found: dict[str, Any] = json.loads(subprocess.run(load, check=True, stdout=subprocess.PIPE, text=True).stdout)
    rates = found["rates"]
    ratios = {name: _ratio(rates["ours"], rates["bare"], name) for name in ("processor", "wall")}
    awake = _ratio(rates["ours"], rates["sleeping"], "processor")
    ours, bare, sleeping = (_middle(rates[side], "processor") for side in ("ours", "bare", "sleeping"))
    wall = {side: _middle(rates[side], "wall") for side in ("ours", "bare")}
    admitted, opened = (found["admissions"][side] for side in ("ours", "bare"))
    late = {side: {name: min(run[name] for run in runs) for name in ("p50", "p99")} for side, runs in found["latencies"].items()}
    added = {name: late["ours"][name] - late["bare"][name] for name in ("p50", "p99")}
    return Result(
        key="edge",
        ours=ours,
        rival=bare,
        rival_name="bare bridge",
        unit="frames/s of processor time",
        ratio=ratios["processor"],
        target=f"{SHARE:.0%} of the bare bridge's",
        met=ratios["processor"] >= SHARE,
        peak_mib=None,
        findings=(
            (
                f"local, workerd: {found['clients']} calls, frames of {found['frame']} bytes there and back, no batching; by the "
                f"wall clock {wall['ours']:,.0f} a second, bare {wall['bare']:,.0f} ({ratios['wall']:.0%}); medians of "
                f"{len(rates['ours'])} rounds, each side's frames beside the others' of the same round"
            ),
            (
                f"a bare bridge that could sleep (the hibernation API): {sleeping:,.0f} a second of processor time; "
                f"ours has {awake:.0%} of that"
            ),
            (
                f"a frame every 20 ms of {found['clients'] // 2} calls, there and back, best of 3: "
                f"p50 {late['ours']['p50']:.2f} ms, p99 {late['ours']['p99']:.2f} ms; "
                f"beside the bare bridge {added['p50']:+.2f} ms and {added['p99']:+.2f} ms"
            ),
            (
                f"calls admitted, opened and hung up: {admitted['wall']:,.0f} a second, {admitted['processor']:,.0f} of "
                "processor time (KV and rate limit are simulated in it); "
                f"the bare bridge admits everybody: {opened['wall']:,.0f}, {opened['processor']:,.0f}"
            ),
            f"memory of workerd for each open call: {found['memory']['ours']:.0f} KiB; bare {found['memory']['bare']:.0f} KiB",
        ),
    )


def _middle(runs: _Runs, name: str) -> float:
    return median(run[name] for run in runs)


def _ratio(ours: _Runs, theirs: _Runs, name: str) -> float:
    return median(one[name] / other[name] for one, other in zip(ours, theirs, strict=True))
