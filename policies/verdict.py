"""What the gate says: violations, the verdict that collects them, and their one text."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from policies.waivers import Waived


@dataclass(frozen=True)
class Violation:
    """One rule that one resource breaks."""

    rule: str
    resource: str
    """The resource's name in the stack, or the piece of evidence that is wrong."""
    required: float | None
    provided: float | None
    unit: str
    message: str
    remedy: str
    """The smallest change that cures it."""
    level: str = "mandatory"
    unread: bool = False
    """Whether the rule could not read what it needs: how much falls short behind that nobody knows."""


@dataclass(frozen=True)
class Verdict:
    """The violations of a stack, and the rules that ran to find them."""

    violations: tuple[Violation, ...]
    rules_run: tuple[str, ...]
    waived: "tuple[Waived, ...]" = ()
    """Violations that a waiver lets through, until its day."""

    @property
    def refused(self) -> bool:
        """Whether the stack must not be deployed. No rule run is a refusal: nothing was checked."""
        return bool(self.violations) or not self.rules_run


def render_violation(violation: Violation) -> str:
    """Return the text of a violation, the same in every place that shows it."""
    return f"{violation.resource}: {violation.message}. Remedy: {violation.remedy}."


def violation_json(violation: Violation) -> dict[str, Any]:
    """Return a violation as JSON values; its figures are counts, so they are rounded to whole numbers."""
    fields = asdict(violation)
    del fields["unread"]
    for key in ("required", "provided"):
        if fields[key] is not None:
            fields[key] = round(fields[key])
    return fields
