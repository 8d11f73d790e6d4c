"""`make bench`: run the benchmarks, print their table, write build/bench.json."""

import json
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import import_module

from benchmarks.measure import ROOT
from benchmarks.result import Result, table

KEYS = ("sweep", "erlang_c", "mmpp", "des", "regret", "forecast", "packing", "plan", "preview", "edge", "queue")


def main(arguments: Sequence[str]) -> int:
    """Return 0 once all benchmarks named (none: every one) ran, whether they meet their targets or not; 2 for an unknown key."""
    if unknown := [key for key in arguments if key not in KEYS]:
        print(f"there is no benchmark {unknown[0]!r}; there are: {', '.join(KEYS)}", file=sys.stderr)
        return 2
    results = []
    for key in arguments or KEYS:
        print(f"{key} ...", file=sys.stderr, flush=True)
        result: Result = import_module(f"benchmarks.{key}").run()
        results.append(result)
    print(f"{datetime.now(UTC).date()}, {os.cpu_count()} cores, Python {sys.version.split()[0]}\n")
    print(table(results))
    _write(results)
    return 0


def _write(results: Sequence[Result]) -> None:
    """Put the rows into build/bench.json; those of other keys stay."""
    file = ROOT / "build" / "bench.json"
    known = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    rows = known | {result.key: result.document() for result in results}
    rows = {key: rows[key] for key in KEYS if key in rows}
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
