"""A preview of prod with the pack beside one of a bare program with the same resources, and both of more and more resources."""

import json
import math
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Literal

from benchmarks.measure import ROOT
from benchmarks.process_tree import Taken, watched
from benchmarks.result import Result

REPEATS = 5
COPIES = (1, 8, 36)
"""Of each vertical of prod: 1, 4 and 16 times its resources, for some it has once."""
MOST = 2.0
_KINDS = (("pulumi.policy", "pack"), ("language_host", "program"), ("_standin", "providers"))

Way = Literal["bare", "without the pack", "ours"]


@dataclass(frozen=True)
class Project:
    """What `benchmarks.preview_project` made."""

    made: dict[str, Any]

    def preview(self, way: Way) -> Taken:
        """Run the engine; raises AssertionError where it ends with another code than 0."""
        folder = Path(self.made["bare" if way == "bare" else "ours"])
        command = ["pulumi", "preview", "--stack", "prod", "--non-interactive", *(self.made["pack"] if way == "ours" else ())]
        taken = watched(command, folder, self.made["environ"], _kind)
        assert taken.code == 0, f"{way}: the preview ended with {taken.code}"
        return taken

    @property
    def resources(self) -> int:
        """Return how many resources each of its previews has."""
        return int(self.made["resources"])


def run() -> Result:
    """Return how many times a bare preview's time ours takes: medians of previews that alternate."""
    with tempfile.TemporaryDirectory(prefix="headroom-bench-") as folder:
        projects = [_project(Path(folder) / str(copies), copies) for copies in COPIES]
        ways: tuple[Way, ...] = ("bare", "without the pack", "ours")
        rounds = [{way: projects[0].preview(way) for way in ways} for _ in range(REPEATS)]
        larger = [{way: project.preview(way) for way in ("bare", "ours")} for project in projects[1:]]
    seconds = {way: median(taken[way].seconds for taken in rounds) for way in ways}
    processor = {way: median(sum(taken[way].processor.values()) for taken in rounds) for way in ways}
    peaks = {way: median(taken[way].peak_mib for taken in rounds) for way in ways}
    ratio = seconds["ours"] / seconds["bare"]
    made = projects[0].made
    kinds = {kind: median(taken["ours"].processor.get(kind, 0.0) for taken in rounds) for kind in _all_kinds()}
    sizes = [
        (projects[0].resources, seconds["bare"], seconds["ours"], peaks["bare"], peaks["ours"]),
        *(
            (project.resources, taken["bare"].seconds, taken["ours"].seconds, taken["bare"].peak_mib, taken["ours"].peak_mib)
            for project, taken in zip(projects[1:], larger, strict=True)
        ),
    ]
    return Result(
        key="preview",
        ours=seconds["ours"],
        rival=seconds["bare"],
        rival_name="bare program",
        unit="s",
        ratio=1 / ratio,
        target=f"at most {MOST:g}x a bare program's time",
        met=ratio <= MOST,
        peak_mib=peaks["ours"],
        findings=(
            (
                f"{projects[0].resources} resources, medians of {REPEATS}, in turn: bare {seconds['bare']:.1f} s, our program "
                f"{seconds['without the pack']:.1f} s, with the pack {seconds['ours']:.1f} s: {ratio:.2f} times the bare one's"
            ),
            (
                f"processor time: bare {processor['bare']:.1f} s, our program {processor['without the pack']:.1f} s, "
                f"with the pack {processor['ours']:.1f} s ({processor['ours'] / processor['bare']:.2f} times): "
                + ", ".join(f"{kind} {taken:.1f} s ({taken / processor['ours']:.0%})" for kind, taken in kinds.items())
            ),
            (
                f"in the program: plan {1000 * made['plan_seconds']:.0f} ms, rendering {1000 * made['render_seconds']:.0f} ms, "
                f"gate {1000 * made['gate_seconds']:.0f} ms ({made['gate_seconds'] / processor['ours']:.1%} of processor time)"
            ),
            *(
                f"{resources:,} resources: bare {bare:.1f} s, {bare_mib:,.0f} MiB; ours {ours:.1f} s, {ours_mib:,.0f} MiB: "
                f"{ours / bare:.2f} times"
                for resources, bare, ours, bare_mib, ours_mib in sizes
            ),
            (
                f"growth exponents from {sizes[0][0]:,} to {sizes[-1][0]:,} resources: time {_exponent(sizes, 2):.2f} "
                f"(bare {_exponent(sizes, 1):.2f}), memory {_exponent(sizes, 4):.2f} (bare {_exponent(sizes, 3):.2f})"
            ),
            "in-program gate: "
            + ", ".join(f"{each.resources:,} resources {each.made['gate_seconds']:.2f} s" for each in projects),
        ),
    )


def _project(folder: Path, copies: int) -> Project:
    """Make a project with the product's own packages, and a stack for each of its programs."""
    folder.mkdir()
    python = ROOT / ".venv" / "bin" / "python"
    command = [str(python), "-m", "benchmarks.preview_project", str(folder), str(copies)]
    made = json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout)
    for root in (made["ours"], made["bare"]):
        select = ["pulumi", "stack", "select", "--create", "--stack", "prod", "--non-interactive"]
        subprocess.run(select, cwd=root, env=made["environ"], check=True, stdout=subprocess.DEVNULL)
    return Project(made)


def _kind(line: str) -> str:
    """Return what a process of the engine's is; what is no other is the engine itself."""
    return next((kind for word, kind in _KINDS if word in line), "engine")


def _all_kinds() -> tuple[str, ...]:
    return ("engine", *(kind for _, kind in _KINDS))


def _exponent(sizes: list[tuple[int, float, float, float, float]], column: int) -> float:
    """Return the slope of a column's logarithm over that of the resources, from the first size to the last."""
    return math.log(sizes[-1][column] / sizes[0][column]) / math.log(sizes[-1][0] / sizes[0][0])
