"""waivers-end: what is let through names a rule, a reason and a day that is near."""

from collections.abc import Callable, Collection, Iterator

from policies.break_glass import Intact
from policies.evidence import Context, usable
from policies.margins import ROOT
from policies.rule import Finding, Rule
from policies.stack import Stack
from policies.waivers import fault, longest_days, waivers_of


def waiving_rules(names: Callable[[], Collection[str]]) -> tuple[Rule, ...]:
    """Return the rule on waivers; it needs the names of all rules."""

    def check(stack: Stack, context: Context) -> Iterator[Finding]:
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
            "further away than the organisation allows.",
            why="A waiver is for the night in which it is written; one without an end is a hole that nobody remembers.",
            reads="`waivers` of the root: rule, resource, reason, until; the floor `longest_waiver_days` (28 where it is left "
            "out).",
            remedy="Cure what is waived, and take the waiver out.",
            check=check,
        ),
    )
