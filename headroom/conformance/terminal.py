"""Findings for a person, and as a document."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from headroom.conformance.contract import Finding

if TYPE_CHECKING:
    from rich.console import Console

_STYLES = {"held": "green", "broken": "bold red", "not judged": "yellow"}


def show_findings(findings: Sequence[Finding], console: "Console") -> None:
    """Print each rule with what was seen; where it is broken also what is demanded and what to do."""
    from rich.padding import Padding
    from rich.text import Text

    width = max(len(finding.rule.name) for finding in findings)
    for finding in findings:
        line = Text(f"{finding.verdict:<10}  ", style=_STYLES[finding.verdict])
        line.append(f"{finding.rule.name:<{width}}  ", style="default")
        console.print(line.append(finding.seen, style="default"))
        if finding.verdict == "broken":
            console.print(Padding(Text(f"demanded: {finding.rule.demand}\nremedy: {finding.rule.remedy}"), (0, 0, 0, 12)))
    console.print()
    console.print(Text(summary(findings)))


def summary(findings: Sequence[Finding]) -> str:
    """Return the verdict in a sentence."""
    counts = {verdict: sum(finding.verdict == verdict for finding in findings) for verdict in _STYLES}
    open_ones = f", {counts['not judged']} not judged" if counts["not judged"] else ""
    return f"{len(findings)} rules: {counts['held']} held, {counts['broken']} broken{open_ones}"


def findings_document(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """Return the findings as JSON values."""
    return [
        {
            "rule": finding.rule.name,
            "verdict": finding.verdict,
            "seen": finding.seen,
            "demanded": finding.rule.demand,
            "remedy": finding.rule.remedy,
        }
        for finding in findings
    ]
