"""One harmful change of each rule, for those who try the gate elsewhere: through the engine, as a policy pack."""

from policies.stack import Stack
from tests.gate_proof.changes import harms_of, push_of
from tests.gate_proof.leaves import with_leaf
from tests.gate_proof.objects import object_changes
from tests.gate_proof.proof import World
from tests.gate_proof.table import row_of, rows


def one_of_each_rule(here: World) -> dict[str, tuple[str, Stack]]:
    """Return by rule what was done and the stack with it, for every rule that a change of a leaf or an object can break."""
    found: dict[str, tuple[str, Stack]] = {}
    wanted = {rule.name for rule in here.gate}

    def note(what: str, stack: Stack, by: tuple[str, ...]) -> None:
        for rule in (rule for rule in by if rule in wanted and rule not in found):
            if here.refuses(stack, (rule,)):
                found[rule] = what, stack

    for leaf in here.leaves:
        row = row_of(rows(), leaf, here.environment)
        if row is not None and set(row.by) - found.keys():
            for name, value in (*push_of(leaf.value, row.hurts), *harms_of(leaf)) if row.hurts else harms_of(leaf):
                note(f"{leaf}: {name}", with_leaf(here.stack, leaf, value), row.by)
    for what, stack, by in object_changes(here.stack, short=True):
        note(what, stack, by)
    return found
