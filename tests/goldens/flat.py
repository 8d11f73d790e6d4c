"""Two blueprints beside each other, figure by figure."""

import difflib
import json
from collections.abc import Iterator
from typing import Any

import yaml

from headroom.blueprint import Blueprint, encode


def changes(before: Blueprint, after: Blueprint) -> list[str]:
    """Return a line for each figure that differs: resource, path, what it was, what it is; a `+` or `-` for whole resources.

    Documents within texts are opened. The root's copy of the plan is left out: the ConfigMap beside it has the same.
    """
    was, now = ({each.name: dict(flat(encode(each.props), "")) for each in blueprint} for blueprint in (before, after))
    lines = [f"- {name}" for name in was if name not in now] + [f"+ {name}" for name in now if name not in was]
    for name in (name for name in was if name in now):
        for path in sorted(was[name].keys() | now[name].keys()):
            old, new = was[name].get(path), now[name].get(path)
            if old != new and not (name == "voice" and path.startswith("plan.")):
                lines += [f"{name} {path}: {line}" for line in shown(old, new)]
    return lines


def flat(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield every scalar of a value with its path; a text that is a JSON document, or a YAML file by its name, is opened."""
    if isinstance(value, str) and (value[:1] in ("{", "[") or path.endswith((".yaml", ".yml"))):
        try:
            value = json.loads(value) if value[:1] in ("{", "[") else yaml.safe_load(value)
        except (ValueError, yaml.YAMLError):
            yield path, value
            return
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from flat(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from flat(item, f"{path}[{index}]")
    else:
        yield path, value


def shown(old: Any, new: Any) -> Iterator[str]:
    """Yield one change; of texts with several lines only the lines that differ."""
    if isinstance(old, str) and isinstance(new, str) and "\n" in old + new:
        for line in difflib.unified_diff(old.splitlines(), new.splitlines(), n=0, lineterm=""):
            if not line.startswith(("---", "+++", "@@")):
                yield f"{line[0]} {line[1:].strip()}"
    else:
        yield f"{json.dumps(old)} -> {json.dumps(new)}"
