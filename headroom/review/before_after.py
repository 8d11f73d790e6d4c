"""Two plans' documents beside each other. Base's is of base's own code, so it may lack whatever ours has: then it is unknown."""

from collections.abc import Mapping, Sequence
from typing import Any

from headroom.review.document import CostChange, MarginChange, State, VerticalChange, VerticalFigures

WHOLE = "all"
"""What a plan calls the sum of its costs."""


def vertical_changes(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> tuple[VerticalChange, ...]:
    """Return the live verticals of two plans' documents, those that are gone last; None is a plan that is not known."""
    old, new = _verticals(before), _verticals(after)
    return tuple(VerticalChange(name=name, before=old.get(name), after=new.get(name)) for name in _names(old, new))


def cost_changes(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> tuple[CostChange, ...]:
    """Return what the parts of two plans' documents cost a month, and last their sum. Where base is not known, no part is new."""
    old, new = _costs(before), _costs(after)
    names = [name for name in _names(old, new) if name != WHOLE]
    return tuple(
        CostChange(name=name, state=_state(name, old, new, known=before is not None), before=old.get(name), after=new.get(name))
        for name in (*names, *([WHOLE] if WHOLE in old or WHOLE in new else []))
    )


def margin_changes(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> tuple[MarginChange, ...]:
    """Return the margins that differ; none where a plan is not known."""
    if before is None or after is None:
        return ()
    old, new = (
        {name: _number(value) for name, value in _mapping(_at(document, "margins")).items()} for document in (before, after)
    )
    return tuple(
        MarginChange(name=name, before=old.get(name), after=new.get(name))
        for name in _names(old, new)
        if old.get(name) != new.get(name)
    )


def currency(*documents: Mapping[str, Any] | None) -> str:
    """Return the currency of the first document that says one."""
    return next((str(said) for said in (_at(document, "costs", "currency") for document in documents) if said), "")


def _verticals(document: Mapping[str, Any] | None) -> dict[str, VerticalFigures]:
    return {name: _figures(vertical) for name, vertical in _mapping(_at(document, "verticals")).items() if _is_live(vertical)}


def _is_live(vertical: Any) -> bool:
    """Whether calls come to it as they come; a queue has no sessions to hold."""
    return bool(_at(vertical, "kind") != "queue")


def _figures(vertical: Any) -> VerticalFigures:
    binding = _at(vertical, "ceiling", "binding")
    return VerticalFigures(
        required=_number(_at(vertical, "required", "by_valid_until")),
        safe_ceiling=_number(_at(vertical, "provided")),
        headroom=_number(_at(vertical, "headroom")),
        binding=binding if isinstance(binding, str) else None,
    )


def _costs(document: Mapping[str, Any] | None) -> dict[str, float | None]:
    return {name: _number(_at(cost, "total")) for name, cost in _mapping(_at(document, "costs", "monthly")).items()}


def _names(old: Mapping[str, Any], new: Mapping[str, Any]) -> Sequence[str]:
    return [*sorted(new), *sorted(name for name in old if name not in new)]


def _state(name: str, old: Mapping[str, Any], new: Mapping[str, Any], *, known: bool) -> State:
    if name not in new:
        return "gone"
    return "kept" if name in old or not known or name == WHOLE else "new"


def _at(value: Any, *path: str) -> Any:
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
