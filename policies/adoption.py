"""The adoption plan: what a stack already breaks when the gate comes to it, recorded with its figures and with an end."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from policies import documents
from policies.reasons import LEAST, says_why

LONGEST_DAYS = 91
"""How long a plan may run where the organisation says nothing: a quarter."""


@dataclass(frozen=True)
class Recorded:
    """A violation as it was on the day of the record."""

    rule: str
    resource: str
    message: str
    required: float | None
    provided: float | None
    unit: str


@dataclass(frozen=True)
class Adoption:
    """The violations of one day, and until when they may stand."""

    recorded: date
    until: date
    """The last day."""
    reason: str
    violations: tuple[Recorded, ...]


def adoption_path(lock: Path) -> Path:
    """Return where the adoption plan of a lock's environment stands: beside the lock.

    >>> adoption_path(Path("stacks/prod.forecast.json")).as_posix()
    'stacks/prod.adoption.json'
    """
    return lock.with_name(f"{lock.name.removesuffix('.json').removesuffix('.forecast')}.adoption.json")


def read_adoption(source: str) -> Adoption:
    """Return the plan of a JSON text; raise `documents.WrongDocument` with the path to what is wrong."""
    document = documents.members(
        documents.parse(source), "the adoption plan", frozenset({"recorded", "until", "reason", "violations"})
    )
    listed = documents.items(document["violations"], "violations")
    return Adoption(
        recorded=documents.day(document["recorded"], "recorded"),
        until=documents.day(document["until"], "until"),
        reason=documents.text(document["reason"], "reason"),
        violations=tuple(_recorded(value, f"violations[{index}]") for index, value in enumerate(listed)),
    )


def adoption_text(adoption: Adoption) -> str:
    """Return the file of a plan: the same plan, the same bytes."""
    document = asdict(adoption) | {"recorded": adoption.recorded.isoformat(), "until": adoption.until.isoformat()}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def adoption_fault(adoption: Adoption, as_of: date, longest: int) -> str | None:
    """Return why a plan lets nothing through on a day, or None where it does."""
    if not says_why(adoption.reason):
        return f"it needs a reason of at least {LEAST} characters"
    if adoption.recorded > as_of:
        return f"it was recorded on {adoption.recorded}, after {as_of}"
    if adoption.until < as_of:
        return f"it ended on {adoption.until}"
    if adoption.until > adoption.recorded + timedelta(days=longest):
        return f"it lasts until {adoption.until}, and {longest} days from its record on {adoption.recorded} are the longest"
    return None


def _recorded(value: Any, where: str) -> Recorded:
    entry = documents.members(value, where, frozenset(Recorded.__dataclass_fields__))
    return Recorded(
        rule=documents.text(entry["rule"], f"{where}.rule"),
        resource=documents.text(entry["resource"], f"{where}.resource"),
        message=documents.text(entry["message"], f"{where}.message"),
        required=_figure(entry, "required", where),
        provided=_figure(entry, "provided", where),
        unit=entry["unit"] if entry["unit"] == "" else documents.text(entry["unit"], f"{where}.unit"),
    )


def _figure(entry: Mapping[str, Any], name: str, where: str) -> float | None:
    return None if entry[name] is None else documents.number(entry[name], f"{where}.{name}", -documents.LARGEST)
