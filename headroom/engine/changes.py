"""What an engine's run would do to each resource, with both of its states, for the rules on a change."""

import json
from pathlib import Path

from policies.changes import Change, Changes, change_of


def read_changes(log: Path) -> Changes:
    """Return the changes that an event log reports; a log that ends in the middle of a line counts up to there."""
    found: dict[str, Change] = {}
    if log.is_file():
        for line in log.read_text(encoding="utf-8").splitlines():
            try:
                event = json.loads(line)
            except json.JSONDecodeError:
                break
            metadata = event.get("resourcePreEvent", {}).get("metadata")
            change = change_of(metadata) if metadata else None
            if change is not None:
                found[metadata["urn"]] = change
    return Changes(tuple(found.values()))
