"""`make gate-proof`: the proof on every accepted environment, in two processes; build/gate-proof.json."""

import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from tests.gate_proof.proof import Tally, World, prove, world
from tests.gate_proof.table import added_rows, rows

ENVIRONMENTS = ("prod", "staging", "dev", "local")
_LEAST = 600
"""Harmful changes of prod, at least."""
_PARTS = 24
_OUT = Path(__file__).parents[2] / "build" / "gate-proof.json"
_worlds: dict[str, World] = {}


def _part(job: tuple[str, int]) -> Tally:
    """Return the tally of every so manieth leaf of an environment."""
    environment, start = job
    here = _worlds[environment]
    return prove(here, here.leaves[start::_PARTS], objects=start == 0)


def report(environment: str, tally: Tally, seconds: float) -> dict[str, Any]:
    """Return what the JSON file says of an environment."""
    return {
        "harmful": tally.harmful,
        "refused": tally.refused,
        "benign": tally.benign,
        "false_alarms": len(tally.false_alarms),
        "survivors": sorted(tally.survivors),
        "which_false_alarms": sorted(tally.false_alarms),
        "uncovered": sorted(tally.uncovered),
        "flips": tally.flips,
        "capacity_without_flip": tally.no_flip,
        "leaves": dict(tally.leaves),
        "refused_by": dict(tally.by_rule.most_common()),
        "environment": environment,
        "seconds": round(seconds),
    }


def faults(found: dict[str, dict[str, Any]], used: Counter[str]) -> Iterator[str]:
    """Yield what makes the proof fail."""
    for environment, one in found.items():
        for what in ("survivors", "which_false_alarms", "uncovered"):
            yield from (f"{environment}: {what.replace('_', ' ')}: {each}" for each in one[what])
    if found.get("prod", {"harmful": _LEAST})["harmful"] < _LEAST:
        yield f"prod: fewer than {_LEAST} harmful changes were tried"
    if set(found) == set(ENVIRONMENTS):
        yield from (f"a row of the table covers nothing: {row}" for row in (*rows(), *added_rows()) if not used[str(row)])


def main(environments: list[str]) -> int:
    """Return the exit code: 0 where everything that harms is refused, and nothing else."""
    found: dict[str, dict[str, Any]] = {}
    used: Counter[str] = Counter()
    print(f"{'':9}harmful  refused  flips  no flip  benign  false alarms  seconds")
    for environment in environments:
        start, tally = time.monotonic(), Tally()
        _worlds[environment] = here = world(environment)
        if first := here.refusing(here.stack):
            print(f"{environment} itself is refused by {', '.join(first)}")
            return 1
        with get_context("fork").Pool(2) as pool:
            for done, one in enumerate(pool.imap_unordered(_part, [(environment, part) for part in range(_PARTS)]), 1):
                tally.add(one)
                if sys.stderr.isatty():
                    print(f"\r{environment:9}{done / _PARTS:.0%}\r", end="", file=sys.stderr, flush=True)
        used.update(tally.rows)
        found[environment] = one_report = report(environment, tally, time.monotonic() - start)
        print(
            f"{environment:9}{tally.harmful:7}  {tally.refused:7}  {tally.flips:5}  {tally.no_flip:7}  {tally.benign:6}  "
            f"{len(tally.false_alarms):12}  {one_report['seconds']:7}",
            flush=True,
        )
    _OUT.parent.mkdir(exist_ok=True)
    _OUT.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    wrong = list(faults(found, used))
    for line in wrong:
        print(line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or list(ENVIRONMENTS)))
