"""The configuration that the policy pack needs, for ``--policy-pack-config``."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from policies.break_glass import BreakGlass
from policies.judge import all_rules

STRICT, ANNOTATED = "strict", "annotated"
"""The pack's modes: everything is judged, or what is annotated in a program that is not ours."""
SHOWN = "let-through-and-not-judged"
"""The one policy that refuses nothing: it tells what the opt-in mode leaves out, and what an adoption plan holds there."""


def pack_configuration(
    lock: Path,
    floors: Path,
    as_of: date,
    verdicts: Path | None = None,
    *,
    rules: Sequence[str] | None = None,
    glass: BreakGlass | None = None,
    annotated: bool = False,
) -> dict[str, dict[str, str]]:
    """Return the content of the pack's configuration file.

    The pack runs in its own folder, so paths are made absolute. Pulumi ignores a misspelt policy name in silence:
    generate the file, do not write it. With `verdicts` each rule that ran appends a line of JSON to that file. `rules` are
    those of another pack than ours. `annotated` is the opt-in mode.
    """
    block = {"lock": str(lock.resolve()), "floors": str(floors.resolve()), "asOf": as_of.isoformat()}
    if glass is not None:
        block |= {"breakGlassReason": glass.reason, "breakGlassUntil": glass.until.isoformat()}
    if verdicts is not None:
        block["verdicts"] = str(verdicts.resolve())
    names = list(rules if rules is not None else (rule.name for rule in all_rules()))
    if annotated:
        block["mode"] = ANNOTATED
        names.append(SHOWN)
    return {name: dict(block) for name in names}
