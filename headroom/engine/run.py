"""One run of the engine: preview, up or destroy of one environment."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

from headroom.engine.changes import read_changes
from headroom.engine.events import RunEvents, read_events
from policies.adapters.pack_config import pack_configuration
from policies.break_glass import BreakGlass
from policies.changes import NOTHING, Changes
from policies.verdict import Violation
from policies.verdict_lines import read_verdict_lines

Operation = Literal["preview", "up", "destroy"]


@dataclass(frozen=True)
class Run:
    """How a run of the engine ended."""

    code: int
    events: RunEvents
    violations: tuple[Violation, ...]
    rules_run: tuple[str, ...]
    """Rules that the policy pack says it ran, in the pack's order."""
    changes: Changes = NOTHING
    """What was done, or would be, with the states before and after."""


@dataclass(frozen=True)
class Evidence:
    """What the policy pack judges by."""

    lock: Path
    floors: Path
    as_of: date
    pack: "Pack | None" = None
    """Where None, the project's own."""
    glass: BreakGlass | None = None
    """Where somebody broke it, for this run."""


@dataclass(frozen=True)
class Pack:
    """Another policy pack than the project's own, such as that of the branch that a change is compared with."""

    folder: Path
    rules: tuple[str, ...]
    """Each needs its configuration by name, or it has no evidence and refuses."""


def run(
    operation: Operation,
    environment: str,
    root: Path,
    environ: Mapping[str, str],
    evidence: Evidence | None = None,
    *,
    quiet: bool = False,
    refresh: bool = False,
) -> Run:
    """Run the engine on an environment, its output shown on stderr as it comes, and return how that ended.

    With evidence the policy pack judges too. The engine's own event log is read, not its text: only there does it say which
    policies ran (the Automation API drops those events). `refresh` asks first what became of every resource since.
    """
    with tempfile.TemporaryDirectory(prefix="headroom-run-") as folder:
        log, verdicts, configuration = (Path(folder) / name for name in ("events.json", "verdicts.json", "pack.json"))
        command = ["pulumi", operation, "--stack", environment, "--event-log", str(log)]
        command += ["--color", "always" if _colours(environ) else "never"]
        if quiet or not _watched():
            command += ["--non-interactive"]
        if operation != "preview":
            command += ["--yes"]
        if refresh:
            command += ["--refresh"]
        if evidence is not None:
            rules = None if evidence.pack is None else evidence.pack.rules
            content = pack_configuration(
                evidence.lock, evidence.floors, evidence.as_of, verdicts, rules=rules, glass=evidence.glass
            )
            configuration.write_text(json.dumps(content), encoding="utf-8")
            folder_of_pack = root / "policies" / "pack" if evidence.pack is None else evidence.pack.folder
            command += ["--policy-pack", str(folder_of_pack), "--policy-pack-config", str(configuration)]
        code = _shown(command, root, {**environ, "PULUMI_DEBUG_COMMANDS": "true"}, quiet=quiet)
        rules, violations = _verdicts(verdicts)
        return Run(code, read_events(log), violations, rules, read_changes(log))


def ensure_stack(environment: str, root: Path, environ: Mapping[str, str]) -> None:
    """Create the environment's stack in the backend unless it is there; raises CalledProcessError with the engine's words."""
    _stack("select", environment, root, environ, "--create")


def state_version(environment: str, root: Path, environ: Mapping[str, str]) -> int:
    """Return the version of a stack's state, which grows with every update; 0 before the first. Raises CalledProcessError."""
    updates = json.loads(_stack("history", environment, root, environ, "--json", "--page-size", "1"))
    return max((int(update["version"]) for update in updates), default=0)


def _stack(command: str, environment: str, root: Path, environ: Mapping[str, str], *options: str) -> str:
    """Return what `pulumi stack COMMAND` prints."""
    ran = subprocess.run(
        ["pulumi", "stack", command, "--stack", environment, "--non-interactive", *options],
        cwd=root,
        env=dict(environ),
        check=True,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    return ran.stdout


def _shown(command: Sequence[str], root: Path, environ: Mapping[str, str], *, quiet: bool) -> int:
    sink = subprocess.DEVNULL if quiet else sys.stderr.fileno()
    # The engine draws its live display only where it has a terminal to read from.
    source = None if _watched() and not quiet else subprocess.DEVNULL
    process = subprocess.Popen(command, cwd=root, env=dict(environ), stdin=source, stdout=sink, stderr=sink)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue  # the terminal sent it to the engine too, which ends its own work first


def _verdicts(file: Path) -> tuple[tuple[str, ...], tuple[Violation, ...]]:
    lines = read_verdict_lines(file.read_text(encoding="utf-8")) if file.is_file() else ()
    rules = dict.fromkeys(line.rule for line in lines)
    return tuple(rules), tuple(dict.fromkeys(violation for line in lines for violation in line.violations))


def _watched() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _colours(environ: Mapping[str, str]) -> bool:
    return sys.stderr.isatty() and not environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
