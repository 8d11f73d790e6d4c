"""What the policy pack writes down of its verdicts: one line of JSON a rule, in which no figure is rounded."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from policies import documents
from policies.verdict import Verdict, Violation


@dataclass(frozen=True)
class VerdictLine:
    """The verdict of one rule."""

    rule: str
    as_of: str | None
    """The day that was judged, as the pack was told it."""
    violations: tuple[Violation, ...]
    adopted: tuple[Violation, ...]
    """What an adoption plan lets through."""


def verdict_line(rule: str, as_of: str | None, verdict: Verdict) -> str:
    """Return the line of one rule."""
    adopted = tuple(waived.violation for waived in verdict.waived if waived.adopted)
    return json.dumps(asdict(VerdictLine(rule, as_of, verdict.violations, adopted)))


def read_verdict_lines(text: str) -> tuple[VerdictLine, ...]:
    """Return the verdicts of a file; raises ValueError, KeyError or TypeError where it is none.

    A pack of an older commit says neither day nor adoption plan.
    """
    return tuple(
        VerdictLine(line["rule"], line.get("as_of"), _violations(line["violations"]), _violations(line.get("adopted", ())))
        for line in map(documents.parse, text.splitlines())
    )


def _violations(listed: Iterable[dict[str, object]]) -> tuple[Violation, ...]:
    return tuple(Violation(**violation) for violation in listed)  # type: ignore[arg-type]
