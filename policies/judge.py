"""The verdict on a stack: every rule, every time."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime

from policies.changes import NOTHING, Changes
from policies.evidence import Context
from policies.ratchet import ratchet
from policies.rule import Rule, run_rule
from policies.rules import (
    alerts,
    arrivals,
    bus,
    carriers,
    changing,
    claims,
    containers,
    costs,
    door,
    drain,
    edge,
    entrance,
    forecast,
    free,
    gone,
    gpus,
    helpers,
    images,
    isolation,
    latency,
    lead_times,
    limits,
    losses,
    model,
    node_files,
    nodes,
    plan,
    planned,
    pod_security,
    prescale,
    queues,
    reach,
    references,
    scaling,
    scripts,
    serving,
    sessions,
    shortfalls,
    starts,
    telling,
    tunnels,
    turn,
    waiving,
    watching,
    ways,
    workloads,
)
from policies.stack import Stack
from policies.verdict import Verdict, Violation
from policies.waivers import split


def all_rules() -> tuple[Rule, ...]:
    """Return every rule, in the order in which they are shown."""
    evidence = (plan, planned, claims, forecast, costs, limits)
    pods = (sessions, arrivals, scaling, prescale, drain, gone, containers)
    machines = (nodes, node_files, losses, gpus, helpers)
    parts = (model, serving, carriers, turn, bus, queues, tunnels, edge, entrance, starts, scripts, latency, lead_times)
    whole = (reach, ways, references, alerts, watching, telling, images, isolation, pod_security, door, free, workloads)
    found = tuple(rule for family in (*evidence, *pods, *machines, *parts, *whole) for rule in family.RULES)
    return (*found, *shortfalls.shortfall_rules(found), *waiving.waiving_rules(rule_names))


def rule_names() -> frozenset[str]:
    """Return the names of all rules, those on a change included."""
    of_change = changing.change_rules(NOTHING, datetime.min.replace(tzinfo=UTC))  # for their names
    return frozenset(rule.name for rule in (*all_rules(), *of_change))


def judge(stack: Stack, context: Context) -> Verdict:
    """Return the verdict of all rules on a stack."""
    return judge_by(all_rules(), stack, context)


def judge_changes(changes: Changes, moment: datetime, context: Context) -> Verdict:
    """Return the verdict of the rules on a change, at a moment that knows its zone."""
    stack = Stack(tuple(change.after for change in changes.each if change.after is not None))
    return judge_by(changing.change_rules(changes, moment), stack, context)


def judge_by(rules: Sequence[Rule], stack: Stack, context: Context) -> Verdict:
    """Return the verdict of some rules on a stack: what waivers and an adoption plan hold is let through, and shown."""
    violations, waived = split(_found(rules, stack, context), stack, context, rule_names())
    broken = {violation.rule for violation in violations}

    def on(day: date) -> tuple[Violation, ...]:
        return _found([rule for rule in rules if rule.name in broken], stack, replace(context, as_of=day))

    violations, adopted = ratchet(violations, context, on)
    return Verdict(violations, tuple(rule.name for rule in rules), (*waived, *adopted))


def _found(rules: Sequence[Rule], stack: Stack, context: Context) -> tuple[Violation, ...]:
    return tuple(violation for rule in rules for violation in run_rule(rule, stack, context))
