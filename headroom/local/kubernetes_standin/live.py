"""Joining what the program asked for with what a target says is there."""

import re
from decimal import Decimal

from headroom.local.standin import observe as standin
from headroom.local.standin.values import Hidden, Object, Tree, has_secret

SUFFIXES: dict[str, Decimal] = {
    "": Decimal(1),
    "m": Decimal("0.001"),
    **{letter: Decimal(1000) ** power for power, letter in enumerate("kMGTPE", 1)},
    **{f"{letter}i": Decimal(1024) ** power for power, letter in enumerate("KMGTPE", 1)},
}


def overlay(live: Object, inputs: Object) -> Object:
    """Return the live object, completed by inputs that it lacks (write-only ones), and secret wherever the inputs are.

    A list with a secret anywhere in it becomes secret as a whole: servers may reorder lists.
    """
    return live | {key: _overlaid(live[key], value) if key in live else value for key, value in inputs.items()}


def _overlaid(live: Tree, inputs: Tree) -> Tree:
    if isinstance(live, dict) and isinstance(inputs, dict):
        return overlay(live, inputs)
    return Hidden(live) if has_secret(inputs) and not isinstance(live, Hidden) else live


def observe(inputs: Object, live: Object) -> Object:
    """Return the inputs as they stand in the live object, in their own spelling where that means the same to Kubernetes."""
    return standin.observe(inputs, live, _same)


def _same(mine: Tree, live: Tree) -> bool:
    if isinstance(mine, str) and isinstance(live, str) and mine != live:
        amount = _quantity(mine)
        return amount is not None and amount == _quantity(live)
    return mine == live


def _quantity(text: str) -> Decimal | None:
    """Return the amount that a Kubernetes quantity names: API servers store "1000m" as "1"; None for other text."""
    number = re.fullmatch(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)([a-zA-Z]{0,2})", text)
    if number is None or number[2] not in SUFFIXES:
        return None
    return Decimal(number[1]) * SUFFIXES[number[2]]
