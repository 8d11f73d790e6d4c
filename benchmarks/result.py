"""What a benchmark found, as a row of the table and of build/bench.json."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Result:
    """One row: ours beside its rival, and the target."""

    key: str
    ours: float
    rival: float | None
    """None where there is no rival."""
    rival_name: str | None
    unit: str
    """Of ours and of the rival's."""
    ratio: float | None
    """How many times better ours is."""
    target: str
    met: bool
    peak_mib: float | None
    """None where the target says nothing of memory."""
    findings: tuple[str, ...]
    """What else was measured, one line each; stands below the table, not in the JSON."""

    def document(self) -> dict[str, Any]:
        """Return the row as JSON, without its key."""
        return {name: value for name, value in asdict(self).items() if name not in {"key", "findings"}}


_HEADS = ("key", "ours", "rival", "unit", "ratio", "peak MiB", "target", "met")


def table(results: Sequence[Result]) -> str:
    """Return the rows in aligned columns, and the findings below them."""
    rows = [_HEADS, *(_cells(result) for result in results)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    findings = [f"{result.key}: {finding}" for result in results for finding in result.findings]
    return "\n".join([*lines, "", *findings])


def _cells(result: Result) -> tuple[str, ...]:
    rival = "none" if result.rival is None else f"{result.rival:.3g} {result.rival_name}"
    ratio = "" if result.ratio is None else f"{result.ratio:.3g}x"
    peak = "" if result.peak_mib is None else f"{result.peak_mib:,.0f}"
    return (result.key, f"{result.ours:.3g}", rival, result.unit, ratio, peak, result.target, "yes" if result.met else "MISSED")
