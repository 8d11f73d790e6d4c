"""The proof of the gate on one environment: what harms is refused, by a rule that names the cause; what does not is accepted."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import yaml

from policies.evidence import Context, load_context
from policies.judge import all_rules
from policies.rule import Rule, run_rule
from policies.rules.door import figures, variable
from policies.stack import UNKNOWN, Resource, Stack, Unreadable
from stacks.reading import floors_path, lock_path
from stacks.voice import render
from tests.environments import planned
from tests.gate_proof.changes import benign_of, harms_of, number_of, push_of, same
from tests.gate_proof.leaves import RENAMED, Leaf, changed, leaves_of, with_leaf, with_resource
from tests.gate_proof.objects import added_keys, neutral_changes, object_changes, rowless, with_key
from tests.gate_proof.oracle import Oracle, edge_of
from tests.gate_proof.table import Row, row_of, rows
from tests.gate_proof.told import with_told

_BATCH = 48
yaml.SafeLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # type: ignore[misc]  # the same language, read ten times as fast


@dataclass(frozen=True)
class World:
    """One environment as it is deployed, and the gate that judges it."""

    environment: str
    stack: Stack
    context: Context
    gate: tuple[Rule, ...]

    def refuses(self, stack: Stack, by: Sequence[str] = ()) -> bool:
        """Return whether some rule refuses; of those that are named, or any."""
        return any(run_rule(rule, stack, self.context) for rule in self.gate if not by or rule.name in by)

    def refusing(self, stack: Stack) -> list[str]:
        """Return the names of the rules that refuse."""
        return [rule.name for rule in self.gate if run_rule(rule, stack, self.context)]

    @cached_property
    def leaves(self) -> tuple[Leaf, ...]:
        """Every leaf of the stack."""
        return tuple(leaf for resource in self.stack.resources for leaf in leaves_of(resource))


def world(environment: str, *, without: str = "") -> World:
    """Return an environment and its gate, or the gate without one rule."""
    # Imported here: the engine is not needed, and the adapter knows it not.
    from policies.adapters.program import blueprint_stack

    plan = planned(environment)
    context = load_context(lock_path(environment), floors_path(), plan.as_of)
    gate = tuple(rule for rule in all_rules() if rule.name != without)
    return World(environment, blueprint_stack(render(plan)), context, gate)


def with_door(stack: Stack) -> Stack:
    """Return the stack with the door's figures made anew, as a plan's would be: what is benign must pass beside it."""
    for resource in stack.of_type("kubernetes:admissionregistration.k8s.io/v1:ValidatingAdmissionPolicy"):
        if resource.name == "door-policy":
            with suppress(Unreadable):  # what the door cannot read either, the rules judge
                texts = {variable(space): json.dumps(held) for space, held in figures(stack).items()}
                spec = resource.props["spec"]
                told = [{**one, "expression": texts.get(one["name"], one["expression"])} for one in spec["variables"]]
                held = Resource(resource.type, resource.name, {**resource.props, "spec": {**spec, "variables": told}})
                return with_resource(stack, resource, held)
    return stack


@dataclass
class Tally:
    """What was tried, and what came out; tallies of parts add up."""

    harmful: int = 0
    refused: int = 0
    benign: int = 0
    flips: int = 0
    """Of the harmful: capacity pushed just past the point that the oracle knows, and accepted just short of it."""
    no_flip: int = 0
    """Capacity leaves of which no oracle knows the point: pushed far past it only."""
    survivors: list[str] = field(default_factory=list)
    false_alarms: list[str] = field(default_factory=list)
    uncovered: list[str] = field(default_factory=list)
    leaves: Counter[str] = field(default_factory=Counter)
    rows: Counter[str] = field(default_factory=Counter)
    by_rule: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Tally") -> None:
        """Add another tally to this one."""
        for name, value in vars(other).items():
            mine = getattr(self, name)
            if isinstance(value, int):
                setattr(self, name, mine + value)
            elif isinstance(value, list):
                mine.extend(value)
            else:
                mine.update(value)

    def harm(self, here: World, stack: Stack, what: str, by: Sequence[str]) -> bool:
        """Note a harmful change: one of the rules must refuse it."""
        self.harmful += 1
        found = next((rule for rule in here.gate if rule.name in by and run_rule(rule, stack, here.context)), None)
        if found is not None:
            self.refused += 1
            self.by_rule[found.name] += 1
            return True
        self.survivors.append(what)
        return False

    def accept(self, here: World, stack: Stack, what: str) -> bool:
        """Note a benign change: no rule may refuse it."""
        self.benign += 1
        found = here.refusing(with_door(with_told(stack)))
        if found:
            self.false_alarms.append(f"{what} (refused by {', '.join(found)})")
        return not found


def prove(here: World, leaves: Sequence[Leaf], *, objects: bool = True, short: bool = False) -> Tally:
    """Return the tally of some leaves of an environment, and of its objects; `short` tries one leaf of each row."""
    tally, oracle, neutral = Tally(), Oracle(here.environment), []
    for leaf in leaves:
        row = row_of(rows(), leaf, here.environment)
        if row is None:
            tally.uncovered.append(str(leaf))
            continue
        tally.rows[str(row)] += 1
        tally.leaves[row.what] += 1
        if short and tally.rows[str(row)] > 1:
            continue
        if row.what == "neutral":
            neutral.append(leaf)
        else:
            _tried(tally, here, leaf, row, oracle)
    for start in range(0, len(neutral), _BATCH):
        _untouched(tally, here, neutral[start : start + _BATCH])
    if objects:
        _whole(tally, here, short=short)
    return tally


def _whole(tally: Tally, here: World, *, short: bool) -> None:
    """Try what is done to whole objects."""
    tally.uncovered.extend(rowless(here.stack))
    for what, stack, by in object_changes(here.stack, short=short):
        tally.harm(here, stack, what, by)
    for one, row in added_keys(here.stack):
        if row is None:
            tally.uncovered.append(f"{one}: a key more")
            continue
        tally.rows[str(row)] += 1
        if row.by and not (short and tally.rows[str(row)] > 1):
            tally.harm(here, with_key(here.stack, one), f"{one}: a key that nobody knows", row.by)
    for what, stack in () if short else neutral_changes(here.stack):
        tally.accept(here, stack, what)


def _tried(tally: Tally, here: World, leaf: Leaf, row: Row, oracle: Oracle) -> None:
    if row.what == "safety":
        _broken(tally, here, leaf, row, harms_of(leaf))
    else:
        _pushed(tally, here, leaf, row, oracle)


def _broken(tally: Tally, here: World, leaf: Leaf, row: Row, harms: Iterator[tuple[str, Any]]) -> None:
    found = [(name, value) for name, value in harms if row.to is None or name in ("removed", "unknown")]
    found += [(f"to {value!r}", value) for value in row.to or ()]
    for name, value in found:
        if name not in row.but and value != leaf.value:
            tally.harm(here, with_leaf(here.stack, leaf, value), f"{leaf}: {name}", row.by)
    if isinstance(leaf.steps[-1], str) and leaf.value is not UNKNOWN and not {"renamed", "removed"} & row.but.keys():
        tally.harm(here, with_leaf(here.stack, leaf, RENAMED), f"{leaf}: renamed", row.by)


def _pushed(tally: Tally, here: World, leaf: Leaf, row: Row, oracle: Oracle) -> None:
    pushes = push_of(leaf.value, row.hurts) if row.to is None else iter(())
    _broken(
        tally,
        here,
        leaf,
        row,
        iter([(name, value) for name, value in (*harms_of(leaf), *pushes) if name not in ("changed", "emptied", "text")]),
    )
    if re.search(r"\.resources\.|averageValue$", leaf.path) and (other := same(leaf.value)) is not None:
        tally.accept(here, with_leaf(here.stack, leaf, other), f"{leaf}: written as {other}")
    if not row.flip or number_of(leaf.value) is None:
        tally.no_flip += 1
        return
    edge = edge_of(leaf, row.hurts, lambda value: oracle.holds(with_leaf(here.stack, leaf, value), leaf, row.flip))
    if edge is None:
        tally.no_flip += 1
        return
    tally.flips += 1
    short, past = edge
    tally.harm(here, with_leaf(here.stack, leaf, past), f"{leaf}: just past the point ({short} holds, {past} not)", row.by)
    if short != leaf.value:
        tally.accept(here, with_leaf(here.stack, leaf, short), f"{leaf}: just short of the point ({short} holds, {past} not)")


def _untouched(tally: Tally, here: World, leaves: Sequence[Leaf]) -> None:
    """Change neutral leaves, many at once; where the gate refuses, each by itself."""
    changes = [(leaf, benign_of(leaf)) for leaf in leaves]
    changes = [(leaf, value) for leaf, value in changes if value is not leaf.value]
    stack = here.stack
    now = {id(resource): resource for resource in stack.resources}
    for leaf, value in reversed(changes):  # from the end: an element that goes moves none that is still to be changed
        old = now[id(leaf.resource)]
        new = changed(old, leaf, value)
        stack, now[id(leaf.resource)] = with_resource(stack, old, new), new
    if len(changes) > 1 and here.refuses(with_door(stack)):
        for half in (leaves[: len(leaves) // 2], leaves[len(leaves) // 2 :]):
            _untouched(tally, here, half)
        return
    if len(changes) == 1:
        tally.accept(here, stack, f"{changes[0][0]}: changed to {changes[0][1]!r}")
    else:
        tally.benign += len(changes)
