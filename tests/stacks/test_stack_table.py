"""docs/stack.md names only what is there."""

import ast
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from policies.judge import all_rules
from stacks.reading import SPEC_KEY, stack_schema
from tests.environments import planned

ROOT = Path(__file__).resolve().parents[2]
COLUMNS = ("row", "of the post", "spec", "plan", "resources", "rule", "proof", "gaps")
GOLDEN = ROOT / "tests" / "goldens" / "prod"


def rows() -> list[dict[str, str]]:
    """Return the rows of the one table, by column."""
    lines = [line for line in (ROOT / "docs" / "stack.md").read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert tuple(cells[0]) == COLUMNS
    return [dict(zip(COLUMNS, row, strict=True)) for row in cells[2:]]


def named(column: str) -> list[Any]:
    """Return every name in a column, with its row."""
    found = [(row["row"], name) for row in rows() for name in re.findall(r"`([^`]+)`", row[column])]
    return [pytest.param(name, id=f"{row} {name}") for row, name in found]


def below(part: dict[str, Any], root: dict[str, Any], key: str) -> Iterator[dict[str, Any]]:
    """Yield what a schema allows at a key; `*` is any key of a mapping."""
    if "$ref" in part:
        yield from below(root["$defs"][part["$ref"].rpartition("/")[2]], root, key)
    for choice in (*part.get("anyOf", ()), *part.get("oneOf", ())):
        yield from below(choice, root, key)
    if key in part.get("properties", {}):
        yield part["properties"][key]
    if key == "*":
        yield from part.get("patternProperties", {}).values()


schema = cache(stack_schema)


@cache
def plan_document() -> dict[str, Any]:
    """Return the plan of prod as its command prints it."""
    return planned("prod").document()


def in_schema(path: str) -> bool:
    """Return whether a spec may have a figure at a path."""
    root = schema()
    here = [root["properties"]["config"]["properties"][SPEC_KEY]]
    for key in path.split("."):
        here = [found for part in here for found in below(part, root, key)]
    return bool(here)


def in_document(document: Any, path: str) -> bool:
    """Return whether a document has something at a path; `*` is every key that has the rest."""
    key, _, rest = path.partition(".")
    if not isinstance(document, dict):
        return False
    values = list(document.values()) if key == "*" else [document[key]] if key in document else []
    return any(not rest or in_document(value, rest) for value in values)


def test_there_is_a_row_for_each_of_the_post() -> None:
    """S1 to S28, in their order; each says where its figures stand and what proves it."""
    assert [row["row"] for row in rows()] == [f"S{number}" for number in range(1, 29)]
    assert all(row["spec"] and row["proof"] for row in rows())


@pytest.mark.parametrize("path", named("spec"))
def test_a_spec_field_is_in_the_schema(path: str) -> None:
    """Editors know it."""
    assert in_schema(path)


@pytest.mark.parametrize("path", named("plan"))
def test_a_plan_field_is_in_the_plan_of_prod(path: str) -> None:
    """`headroom plan prod --json` has it."""
    assert in_document(plan_document(), path)


@pytest.mark.parametrize("name", named("resources"))
def test_a_resource_is_rendered_in_prod(name: str) -> None:
    """The reviewed stack has it."""
    assert any(fnmatchcase(file.stem, name) for file in GOLDEN.glob("*.yaml"))


@pytest.mark.parametrize("name", named("rule"))
def test_a_rule_is_one_of_the_gates(name: str) -> None:
    """The gate runs it."""
    assert name in {rule.name for rule in all_rules()}


@pytest.mark.parametrize("test", named("proof"))
def test_a_proof_is_a_test(test: str) -> None:
    """It is collected: a function of a test file, at its top level."""
    file, _, name = test.partition("::")
    assert Path(file).name.startswith("test_")
    tree = ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8"))
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_names_that_are_not_there_are_found() -> None:
    """A misspelt field, or one of another section, is in neither schema nor plan."""
    assert in_schema("verticals.*.session.memory")
    assert not in_schema("verticals.*.session.memry")
    assert not in_schema("margins.*")
    assert not in_document(plan_document(), "verticals.*.ceiling.hardest")
