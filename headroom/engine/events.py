"""The engine's event log as values."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

_REPLACING = frozenset({"replace", "create-replacement", "delete-replaced"})
"""The steps that one replacement is made of, in an order that depends on the resource."""


@dataclass(frozen=True)
class Step:
    """What the engine does, or would do, to one resource."""

    urn: str
    type: str
    operation: str
    """Of a replacement `replace`, whichever of its steps come."""
    properties: tuple[str, ...] = ()
    """Of a replacement, what forces it; of an update, what changes."""

    @property
    def name(self) -> str:
        """Return the resource's name in the stack."""
        return self.urn.rpartition("::")[2]


@dataclass(frozen=True)
class RunEvents:
    """What one run of the engine reported."""

    steps: tuple[Step, ...]
    policies_run: frozenset[str]
    """Policies of which the engine itself reports that they ran."""
    policy_messages: tuple[tuple[str, str, str], ...]
    """Policy, URN and message of every violation that the engine reports."""
    errors: tuple[str, ...]

    @property
    def changes(self) -> dict[str, int]:
        """Return how many resources each operation touches."""
        return dict(sorted(Counter(step.operation for step in self.steps).items()))


def read_events(log: Path) -> RunEvents:
    """Return what an event log says; a log that ends in the middle of a line (a killed engine) counts up to there."""
    steps: dict[str, Step] = {}
    policies: set[str] = set()
    messages: list[tuple[str, str, str]] = []
    errors: list[str] = []
    for event in _lines(log):
        metadata = event.get("resourcePreEvent", {}).get("metadata")
        # Default providers come along by themselves; the engine does not count them as resources either.
        if metadata and not metadata["type"].startswith("pulumi:providers:"):
            step = _step(metadata)
            if (seen := steps.get(step.urn)) is not None and seen.operation == step.operation == "replace":
                step = replace(step, properties=tuple(sorted({*seen.properties, *step.properties})))
            steps[step.urn] = step
        if summary := event.get("policyAnalyzeStackSummaryEvent") or event.get("policyAnalyzeSummaryEvent"):
            policies |= set(summary.get("passed") or ()) | set(summary.get("failed") or ())
        if policy := event.get("policyEvent"):
            messages.append((policy["policyName"], policy.get("resourceUrn", ""), policy["message"]))
        if (diagnostic := event.get("diagnosticEvent")) and diagnostic.get("severity") == "error":
            errors.append(diagnostic["message"].strip())
    return RunEvents(tuple(steps.values()), frozenset(policies), tuple(dict.fromkeys(messages)), tuple(dict.fromkeys(errors)))


def _step(metadata: Mapping[str, Any]) -> Step:
    operation = "replace" if metadata["op"] in _REPLACING else metadata["op"]
    detailed = metadata.get("detailedDiff") or {}
    if operation == "replace":
        forcing = [path for path, diff in detailed.items() if diff.get("diffKind", "").endswith("-replace")]
        # A provider may say only which inputs force it, not where in them.
        properties = forcing or metadata.get("keys") or ()
    else:
        properties = (detailed or metadata.get("diffs") or ()) if operation == "update" else ()
    return Step(metadata["urn"], metadata["type"], operation, tuple(sorted(properties)))


def _lines(log: Path) -> list[Mapping[str, Any]]:
    if not log.is_file():
        return []
    events = []
    for line in log.read_text(encoding="utf-8").splitlines():
        try:
            events.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return events
