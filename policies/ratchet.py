"""The ratchet: while an adoption plan runs, what it records may stand, and nothing may get worse."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import date

from policies.adoption import LONGEST_DAYS, Adoption, Recorded, adoption_fault
from policies.evidence import Context, Unusable, usable
from policies.figures import TINY, count, counts
from policies.verdict import Violation, render_violation
from policies.waivers import NEVER, Waived, Waiver

_DAY = re.compile(r"\d{4}-\d\d-\d\d")


def record(
    refused: Sequence[Violation], adopted: Sequence[Violation], context: Context, until: date | None, reason: str | None
) -> Adoption:
    """Return the plan that holds what refuses on a day or, where one is running, what that still lets through.

    A running plan keeps its end and its reason unless others are given. Raises ValueError with what is in the way: violations
    that no plan can hold, a running plan that refuses, a plan without end or reason, a term that is too long.
    """
    as_of = usable(context.as_of)
    if isinstance(context.adoption, Adoption):
        until, reason = until or context.adoption.until, reason or context.adoption.reason
    if until is None or reason is None:
        raise ValueError("a new plan needs an end and a reason")
    if context.adoption is not None and refused:
        raise ValueError(_lines("the running plan does not hold", refused))
    if never := [violation for violation in refused if _never(violation)]:
        raise ValueError(_lines("no adoption plan can hold", never))
    entries = (
        Recorded(each.rule, each.resource, each.message, each.required, each.provided, each.unit) for each in (*refused, *adopted)
    )
    plan = Adoption(as_of, until, reason, tuple(entries))
    if fault := adoption_fault(plan, as_of, longest_adoption_days(context)):
        raise ValueError(fault)
    return plan


def longest_adoption_days(context: Context) -> int:
    """Return how long an adoption plan may last from the day of its record on."""
    longest = usable(context.floors).longest_adoption_days
    return LONGEST_DAYS if longest is None else longest


def ratchet(
    violations: tuple[Violation, ...], context: Context, on: Callable[[date], Iterable[Violation]]
) -> tuple[tuple[Violation, ...], tuple[Waived, ...]]:
    """Return the violations that refuse, each with why the plan does not hold it, and those that it lets through.

    `on` returns the violations of the same stack on the day of the record: there what time does by itself (growth, ages) is as
    it was, so that a difference is one that the deploy makes. A plan that has ended, or lasts too long, lets nothing through:
    `waivers-end` refuses it besides.
    """
    plan = context.adoption
    if plan is None or isinstance(plan, Unusable) or isinstance(context.as_of, Unusable) or isinstance(context.floors, Unusable):
        return violations, ()
    if adoption_fault(plan, context.as_of, longest_adoption_days(context)) is not None or not violations:
        return violations, ()
    before = tuple(on(plan.recorded))
    refused, let_through = [], []
    for violation in violations:
        then = [each for each in before if _key(each) == _key(violation)]
        now = [each for each in violations if _key(each) == _key(violation)]
        why, reason = _held(violation, now, then, plan)
        if why:
            refused.append(replace(violation, message=f"{violation.message} ({why})"))
        else:
            waiver = Waiver(violation.rule, violation.resource, f"adoption plan of {plan.recorded}, {reason}", plan.until)
            let_through.append(Waived(violation, waiver, (plan.until - context.as_of).days, adopted=True))
    return tuple(refused), tuple(let_through)


def _held(violation: Violation, now: Sequence[Violation], then: Sequence[Violation], plan: Adoption) -> tuple[str | None, str]:
    """Return why a plan does not hold a violation, or None and how it stands to the record."""
    allowed = [each for each in plan.violations if _key(each) == _key(violation)]
    if why := _never(violation) or _more(now, allowed, plan):
        return why, ""
    compared = then or now
    for each in compared:
        if why := _looser(each, allowed, plan):
            return why, ""
    same = all(any(_words(each) == _words(entry) for entry in allowed) for each in compared)
    return None, f"{'as recorded' if same else 'nearer than recorded'}: {plan.reason}"


def _never(violation: Violation) -> str | None:
    if violation.rule in NEVER:
        return "no adoption plan can hold it"
    if violation.unread:
        return "no adoption plan can hold what could not be judged"
    return None


def _more(found: Sequence[Violation], allowed: Sequence[Recorded], plan: Adoption) -> str | None:
    if not allowed:
        return f"the adoption plan of {plan.recorded} does not have it"
    if len(found) > len(allowed):
        return f"the adoption plan of {plan.recorded} has {count(len(allowed))} of its kind, and these are {count(len(found))}"
    return None


def _looser(found: Violation, allowed: Sequence[Recorded], plan: Adoption) -> str | None:
    """Return why a violation is worse than all that is recorded of its kind; None where it is one of them, or nearer."""
    if any(_words(found) == _words(entry) for entry in allowed):
        return None
    alike = [entry for entry in allowed if _side(entry) is not None and _side(entry) == _side(found)]
    if not alike:
        return f"the adoption plan of {plan.recorded} has it otherwise"
    nearest = min(alike, key=_distance)
    if _distance(found) < _distance(nearest) - TINY:
        return None
    return f"the adoption plan of {plan.recorded} has {_figures(nearest)}, and it may only come nearer"


def _lines(head: str, violations: Sequence[Violation]) -> str:
    return "\n".join([f"{head}:", *(f"  [{each.rule}] {render_violation(each)}" for each in violations)])


def _key(entry: Violation | Recorded) -> tuple[str, str]:
    return entry.rule, entry.resource


def _words(entry: Violation | Recorded) -> tuple[str, float | None, float | None]:
    """Return what is said of a resource, but for days: a new lock moves them."""
    return _DAY.sub("", entry.message), entry.required, entry.provided


def _side(entry: Violation | Recorded) -> tuple[str, bool] | None:
    """Return in what unit and on which side of what is required a figure lies."""
    if entry.required is None or entry.provided is None:
        return None
    return entry.unit, entry.provided < entry.required


def _distance(entry: Violation | Recorded) -> float:
    """Return how far a figure is from what is required, from 0 (there) to 1."""
    low, high = sorted(max(0.0, figure or 0.0) for figure in (entry.required, entry.provided))
    return 1 - low / high if high else 0.0


def _figures(entry: Recorded) -> str:
    required, provided = counts(entry.required or 0.0, entry.provided or 0.0)
    return f"{provided} of {required} {entry.unit}".rstrip()
