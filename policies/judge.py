"""The verdict on a stack: every rule, every time."""

from datetime import UTC, datetime

from policies.changes import NOTHING, Changes
from policies.evidence import Context
from policies.rule import Rule, run_rule
from policies.rules import (
    alerts,
    arrivals,
    bus,
    carriers,
    changing,
    claims,
    costs,
    drain,
    edge,
    forecast,
    gpus,
    images,
    isolation,
    latency,
    lead_times,
    limits,
    losses,
    model,
    nodes,
    plan,
    prescale,
    queues,
    scaling,
    sessions,
    tunnels,
    turn,
    waiving,
    workloads,
)
from policies.stack import Stack
from policies.verdict import Verdict
from policies.waivers import split


def all_rules() -> tuple[Rule, ...]:
    """Return every rule, in the order in which they are shown."""
    evidence = (plan, claims, forecast, costs, limits)
    pods = (sessions, arrivals, scaling, prescale, drain)
    machines = (nodes, losses, gpus)
    parts = (model, carriers, turn, bus, queues, tunnels, edge, latency, lead_times)
    whole = (alerts, images, isolation, workloads)
    found = tuple(rule for family in (*evidence, *pods, *machines, *parts, *whole) for rule in family.RULES)
    return (*found, *waiving.waiving_rules(rule_names))


def rule_names() -> frozenset[str]:
    """Return the names of all rules, those on a change included."""
    of_change = changing.change_rules(NOTHING, datetime.min.replace(tzinfo=UTC))  # for their names
    return frozenset(rule.name for rule in (*all_rules(), *of_change))


def judge(stack: Stack, context: Context) -> Verdict:
    """Return the verdict of all rules on a stack."""
    rules = all_rules()
    return _verdict(rules, stack, context)


def judge_changes(changes: Changes, moment: datetime, context: Context) -> Verdict:
    """Return the verdict of the rules on a change, at a moment that knows its zone."""
    stack = Stack(tuple(change.after for change in changes.each if change.after is not None))
    return _verdict(changing.change_rules(changes, moment), stack, context)


def _verdict(rules: tuple[Rule, ...], stack: Stack, context: Context) -> Verdict:
    found = tuple(violation for rule in rules for violation in run_rule(rule, stack, context))
    violations, waived = split(found, stack, context, rule_names())
    return Verdict(violations, tuple(rule.name for rule in rules), waived)
