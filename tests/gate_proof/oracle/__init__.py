"""Where required stops being held: brute force from the lock and what is rendered, apart from policies/ and capacity/."""

import json
from collections.abc import Mapping
from pathlib import Path

from policies.stack import Stack
from tests.gate_proof.leaves import Leaf
from tests.gate_proof.oracle import account, bus, containers, edge, machines, pods, queue, relays, root, speech, starts
from tests.gate_proof.oracle.facts import Facts, Family
from tests.gate_proof.oracle.point import edge_of

__all__ = ["FAMILIES", "Oracle", "edge_of"]

_ROOT = Path(__file__).parents[3]
_MODULES = (pods, machines, account, relays, speech, bus, queue, edge, containers, root, starts)
FAMILIES: Mapping[str, Family] = {name: family for module in _MODULES for name, family in module.FAMILIES.items()}
"""What a leaf may have a part in; the table names them."""


class Oracle:
    """The lock, the organisation's floors, and what is asked by them."""

    def __init__(self, environment: str) -> None:
        self.lock = json.loads((_ROOT / "stacks" / f"{environment}.forecast.json").read_text(encoding="utf-8"))
        self.floors = json.loads((_ROOT / "policies" / "floors.json").read_text(encoding="utf-8"))

    def holds(self, stack: Stack, leaf: Leaf, families: tuple[str, ...]) -> bool:
        """Return whether all that a leaf has a part in is held; what cannot be read is not held."""
        asked = [FAMILIES[name] for name in families]
        try:
            facts = Facts(self.lock, self.floors, stack)
            return all(family(facts, leaf) for family in asked)
        except (LookupError, ValueError, TypeError, ArithmeticError):
            return False
