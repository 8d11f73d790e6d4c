"""Where a figure stops being enough, by halving."""

from collections.abc import Callable
from typing import Any

from tests.gate_proof.changes import number_of, step_of, written
from tests.gate_proof.leaves import Leaf


def edge_of(leaf: Leaf, hurts: str, holds: Callable[[Any], bool]) -> tuple[Any, Any] | None:
    """Return the last value that holds and the next one that does not, by halving; None where nothing ends in that direction."""
    now, step = number_of(leaf.value), step_of(leaf.value)
    if now is None or not holds(leaf.value):
        return None
    past = now * 10**6 + 10**14 if hurts == "higher" else now * 0
    if past == now or holds(written(past, leaf.value)):
        return None
    short = now
    while abs(past - short) > step:
        middle = short + (past - short) / 2
        middle = round(middle / step) * step
        if middle in (short, past):
            break
        short, past = (middle, past) if holds(written(middle, leaf.value)) else (short, middle)
    if abs(past - short) < step:
        past = short + step if hurts == "higher" else max(past * 0, short - step)
    return written(short, leaf.value), written(past, leaf.value)
