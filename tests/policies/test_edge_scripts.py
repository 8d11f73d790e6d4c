"""What the gate knows of the edge's scripts, against the scripts themselves."""

import re
from pathlib import Path

import pytest

from policies.edge import SCRIPT
from policies.rules.scripts import BINDINGS
from stacks.voice import render
from tests.environments import planned

TYPES = Path(__file__).parents[2] / "components" / "edge" / "worker" / "src" / "bindings.d.ts"


def test_the_gate_knows_every_binding_of_the_scripts() -> None:
    """A binding that the scripts' types declare is one that the gate asks for, and there is no other."""
    declared = re.findall(r"^  ([A-Z][A-Z_]+)\??:", TYPES.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(declared) == set(BINDINGS)


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_a_script_is_bound_to_what_it_reads_and_to_nothing_else(environment: str) -> None:
    """What the gate finds in a script's text is what it is bound to; no call of these goes to a model's vendor."""
    scripts = [resource.props for resource in render(planned(environment)).resources if resource.type == SCRIPT]
    assert scripts
    for script in scripts:
        read = {name for name in BINDINGS if name in script["content"]}
        assert {binding["name"] for binding in script["bindings"]} == read - {"REALTIME_KEY"}
