"""Waivers: violations that somebody answers for until a day. Each is seen in every output, and each ends."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from policies import documents
from policies.break_glass import BreakGlass
from policies.documents import WrongDocument
from policies.evidence import Context, usable
from policies.margins import ROOT
from policies.reasons import LEAST, says_why
from policies.stack import Place, Stack, WrongField, optional
from policies.verdict import Violation

LONGEST_DAYS = 28
"""How long a waiver may last where the organisation says nothing."""
NEVER = frozenset({"plan-exists", "claims-match-lock", "waivers-end", "workloads-are-known"})
"""Rules that no waiver stands above: without them no other rule means anything."""


@dataclass(frozen=True)
class Waiver:
    """One violation that is let through."""

    rule: str
    resource: str
    reason: str
    until: date
    """The last day."""


@dataclass(frozen=True)
class Waived:
    """A violation that stands, and the waiver that lets it through."""

    violation: Violation
    waiver: Waiver
    days_left: int
    adopted: bool = False
    """Whether it is an adoption plan that holds it."""


def waivers_of(stack: Stack) -> tuple[Waiver, ...]:
    """Return the waivers that the stack's root carries; one that cannot be read is `WrongField`."""
    listed = optional(stack.the_one(ROOT), "waivers")
    return tuple(_waiver(place) for place in ([] if listed is None else listed.items()))


def longest_days(context: Context) -> int:
    """Return how long a waiver may last from the day of the judgement on."""
    longest = usable(context.floors).longest_waiver_days
    return LONGEST_DAYS if longest is None else longest


def fault(waiver: Waiver, rules: Collection[str], as_of: date, longest: int) -> str | None:
    """Return why a waiver lets nothing through, or None where it does."""
    if waiver.rule not in rules:
        return f"there is no rule {waiver.rule}"
    if waiver.rule in NEVER:
        return f"{waiver.rule} cannot be waived"
    if not says_why(waiver.reason):
        return f"it needs a reason of at least {LEAST} characters"
    if waiver.until < as_of:
        return f"it ended on {waiver.until}"
    if waiver.until > as_of + timedelta(days=longest):
        return f"it lasts until {waiver.until}, and {longest} days from {as_of} are the longest"
    return None


def split(
    violations: Iterable[Violation], stack: Stack, context: Context, rules: Collection[str]
) -> tuple[tuple[Violation, ...], tuple[Waived, ...]]:
    """Return the violations that refuse, and those that a waiver lets through.

    Waivers that cannot be read, or judged, let nothing through: `waivers-end` refuses them besides.
    """
    violations = tuple(violations)
    if isinstance(glass := context.glass, BreakGlass):
        return (), tuple(
            Waived(each, Waiver(each.rule, each.resource, f"the glass was broken: {glass.reason}", glass.until.date()), 0)
            for each in violations
        )
    try:
        as_of, longest = usable(context.as_of), longest_days(context)
        valid = {
            (waiver.rule, waiver.resource): waiver for waiver in waivers_of(stack) if fault(waiver, rules, as_of, longest) is None
        }
    except Exception:  # noqa: BLE001  # whatever a waiver is broken by, it lets nothing through
        return violations, ()
    let_through = tuple(
        Waived(violation, waiver, (waiver.until - as_of).days)
        for violation in violations
        if (waiver := valid.get((violation.rule, violation.resource))) is not None
    )
    passed = {each.violation for each in let_through}
    return tuple(violation for violation in violations if violation not in passed), let_through


def render_waived(waived: Waived) -> str:
    """Return the text of a waived violation, the same in every place that shows it."""
    waiver = waived.waiver
    left = "its last day" if waived.days_left == 0 else f"{waived.days_left} days left"
    return f"{waiver.resource}: {waived.violation.message}. Waived until {waiver.until} ({left}): {waiver.reason}"


def waived_json(waived: Waived) -> dict[str, Any]:
    """Return a waived violation as JSON values."""
    waiver = waived.waiver
    return {
        "rule": waiver.rule,
        "resource": waiver.resource,
        "message": waived.violation.message,
        "reason": waiver.reason,
        "until": waiver.until.isoformat(),
        "days_left": waived.days_left,
    }


def _waiver(place: Place) -> Waiver:
    until = place["until"]
    try:
        day = documents.day(until.text(), until.path)
    except WrongDocument:
        raise WrongField(place.resource.name, until.path, "a day such as 2026-11-02") from None
    return Waiver(place["rule"].text(), place["resource"].text(), place["reason"].text(), day)
