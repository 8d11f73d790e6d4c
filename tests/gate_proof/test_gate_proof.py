"""The proof of the gate in short, and that it can fail."""

import pytest

from policies.stack import Resource, Stack
from tests.gate_proof.__main__ import faults, report
from tests.gate_proof.hook import one_of_each_rule
from tests.gate_proof.leaves import GONE, RENAMED, at, leaves_of, replaced
from tests.gate_proof.oracle import edge_of
from tests.gate_proof.proof import Tally, World, prove, world
from tests.gate_proof.table import row_of, rows

_OF_THE_EVIDENCE = {
    "forecast-fresh",
    "forecast-claims-what-it-measured",
    "reserved-capacity-names-its-product",
    "session-costs-cover-measurement",
    "plan-falls-short-nowhere",
    "waivers-end",
}
"""Rules that no row of the table names: they read the lock, or what no environment here has."""


@pytest.fixture(scope="module")
def prod() -> World:
    """Return prod and its gate."""
    return world("prod")


def test_one_leaf_of_every_row_in_prod(prod: World) -> None:
    """Everything that harms is refused by a rule that names the cause; nothing else is refused; every leaf is in the table."""
    assert prod.refusing(prod.stack) == []
    tally = prove(prod, prod.leaves, short=True)
    assert (tally.survivors, tally.false_alarms, tally.uncovered) == ([], [], [])
    assert tally.harmful == tally.refused
    assert tally.flips > 50


@pytest.mark.parametrize("environment", ["local", "dev", "staging"])
def test_every_leaf_of_the_others_is_in_the_table(environment: str) -> None:
    """A leaf that no row covers fails the proof."""
    here = world(environment)
    assert [str(leaf) for leaf in here.leaves if row_of(rows(), leaf, environment) is None] == []


@pytest.mark.parametrize("rule", ["images-pinned", "drain-covers-longest-call", "queue-cap-below-memory"])
def test_a_gate_without_a_rule_has_survivors(rule: str) -> None:
    """The proof fails where a rule is left out, though every other one runs."""
    here = world("prod", without=rule)
    theirs = [leaf for leaf in here.leaves if (row := row_of(rows(), leaf, "prod")) is not None and row.by == (rule,)]
    tally = prove(here, theirs[:3], objects=False)
    assert tally.survivors
    assert list(faults({"local": report("local", tally, 0.0)}, tally.rows))


def test_a_leaf_that_no_row_knows_and_one_that_is_refused_for_nothing(prod: World) -> None:
    """Both fail the proof."""
    stranger = Resource("example:index:Thing", "thing", {"size": 3})
    tally = prove(prod, list(leaves_of(stranger)), objects=False)
    assert tally.uncovered == ["Thing//thing size"]
    alarmed = Tally()
    assert not alarmed.accept(prod, Stack((*prod.stack.resources, stranger)), "a thing more")
    assert alarmed.false_alarms == ["a thing more (refused by workloads-are-known)"]


def test_every_rule_is_broken_by_some_change(prod: World) -> None:
    """The table names every rule that a rendered stack can break, and each of them refuses something."""
    assert {rule.name for rule in prod.gate} - one_of_each_rule(prod).keys() == _OF_THE_EVIDENCE


def test_texts_are_read_and_written_without_loss(prod: World) -> None:
    """Every leaf within a text is found again after another one was written."""
    for leaf in prod.leaves:
        if leaf.is_text:
            inside = [one for one in leaves_of(leaf.resource) if one.steps[: len(leaf.steps)] == leaf.steps != one.steps]
            for one in inside[:2]:
                assert at(replaced(leaf.resource.props, one.steps, one.value), one.steps) == one.value, str(one)


def test_a_leaf_goes_and_is_renamed() -> None:
    """What is above it stays as it was."""
    tree = {"a": [{"b": 1, "c": 2}]}
    assert replaced(tree, ("a", 0, "b"), GONE) == {"a": [{"c": 2}]}
    assert replaced(tree, ("a", 0, "b"), RENAMED) == {"a": [{"bx": 1, "c": 2}]}
    assert tree == {"a": [{"b": 1, "c": 2}]}


@pytest.mark.parametrize(
    ("value", "hurts", "edge"), [(50, "lower", (7, 6)), ("500m", "lower", ("7m", "6m")), (2, "higher", (6, 7))]
)
def test_the_point_is_found_by_halving(prod: World, value: object, hurts: str, edge: tuple[object, object]) -> None:
    """The last value that holds, and the next."""
    from dataclasses import replace

    from tests.gate_proof.changes import number_of

    leaf = replace(prod.leaves[0], value=value)
    scale = 1000 if isinstance(value, str) else 1

    def holds(now: object) -> bool:
        number = (number_of(now) or 0) * scale
        return number >= 7 if hurts == "lower" else number <= 6

    assert edge_of(leaf, hurts, holds) == edge
