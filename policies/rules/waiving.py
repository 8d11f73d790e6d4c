"""waivers-end: what is let through, by waiver or adoption plan, names a rule, a reason and a day that is near."""

from collections.abc import Callable, Collection, Iterator

from policies.adoption import adoption_fault
from policies.break_glass import Intact
from policies.evidence import Context, usable
from policies.margins import ROOT
from policies.ratchet import longest_adoption_days
from policies.rule import Finding, Rule, each
from policies.stack import Stack
from policies.waivers import fault, longest_days, waivers_of


def waiving_rules(names: Callable[[], Collection[str]]) -> tuple[Rule, ...]:
    """Return the rule on waivers; it needs the names of all rules."""

    def check(stack: Stack, context: Context) -> Iterator[Finding]:
        yield from each(["adoption plan"], str, lambda subject: _adoption_ends(subject, context))
        root = stack.the_one(ROOT)
        if isinstance(context.glass, Intact):
            message = f"the glass was not broken, and lets nothing through: {context.glass.reason}"
            yield Finding(root.name, message, "break it with a reason and an end that is near")
        waivers = waivers_of(stack)
        if not waivers:
            return
        as_of, longest = usable(context.as_of), longest_days(context)
        for waiver in waivers:
            wrong = fault(waiver, names(), as_of, longest)
            if wrong is not None:
                message = f"the waiver of {waiver.rule} for {waiver.resource} lets nothing through: {wrong}"
                yield Finding(root.name, message, "cure the violation, or waive it by its rule, with an end that is near")

    return (
        Rule(
            name="waivers-end",
            condition="Every waiver names a rule that there is and that may be waived, and ends on a day that is neither past "
            "nor "
            "further away than the organisation allows; so does an adoption plan.",
            why="A waiver is for the night in which it is written; one without an end is a hole that nobody remembers.",
            reads="`waivers` of the root: rule, resource, reason, until; the adoption plan beside the lock; the floors "
            "`longest_waiver_days` (28 where it is left out) and `longest_adoption_days` (91).",
            remedy="Cure what is waived, and take the waiver out.",
            check=check,
        ),
    )


def _adoption_ends(subject: str, context: Context) -> Iterator[Finding]:
    if context.adoption is not None:
        plan, as_of = usable(context.adoption), usable(context.as_of)
        wrong = adoption_fault(plan, as_of, longest_adoption_days(context))
        if wrong is not None:
            yield Finding(subject, f"it lets nothing through: {wrong}", "cure what it records, or record what is left of it")
