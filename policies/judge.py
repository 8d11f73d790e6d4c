"""The verdict on a stack: every rule, every time."""

from policies.evidence import Context
from policies.rule import Rule, run_rule
from policies.rules import claims, costs, gpus, isolation, model, nodes, plan, prescale, scaling, sessions, tunnels, workloads
from policies.stack import Stack
from policies.verdict import Verdict


def all_rules() -> tuple[Rule, ...]:
    """Return every rule, in the order in which they are shown."""
    families = (plan, claims, costs, sessions, scaling, model, prescale, nodes, gpus, isolation, tunnels, workloads)
    return tuple(rule for family in families for rule in family.RULES)


def judge(stack: Stack, context: Context) -> Verdict:
    """Return the verdict of all rules on a stack."""
    rules = all_rules()
    violations = tuple(violation for rule in rules for violation in run_rule(rule, stack, context))
    return Verdict(violations, tuple(rule.name for rule in rules))
