"""The configuration that the policy pack needs, for ``--policy-pack-config``."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from policies.break_glass import BreakGlass
from policies.judge import all_rules


def pack_configuration(
    lock: Path,
    floors: Path,
    as_of: date,
    verdicts: Path | None = None,
    *,
    rules: Sequence[str] | None = None,
    glass: BreakGlass | None = None,
) -> dict[str, dict[str, str]]:
    """Return the content of the pack's configuration file.

    The pack runs in its own folder, so paths are made absolute. Pulumi ignores a misspelt policy name in silence:
    generate the file, do not write it. With `verdicts` each rule that ran appends a line of JSON to that file. `rules` are
    those of another pack than ours.
    """
    block = {"lock": str(lock.resolve()), "floors": str(floors.resolve()), "asOf": as_of.isoformat()}
    if glass is not None:
        block |= {"breakGlassReason": glass.reason, "breakGlassUntil": glass.until.isoformat()}
    if verdicts is not None:
        block["verdicts"] = str(verdicts.resolve())
    return {name: dict(block) for name in (rules if rules is not None else [rule.name for rule in all_rules()])}
