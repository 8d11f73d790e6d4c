"""Figures of a spec changed for one question: `verticals.sales.session.memory=90MB`."""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import yaml

from headroom.located import BadInput, Problem


def overridden(document: dict[str, Any], changes: Sequence[str]) -> dict[str, Any]:
    """Return a copy of a spec's document with each `path=value` applied; the value is read as YAML.

    Sections on the way that do not stand in the file are added; whether the key exists is the model's to say. Where the figure is
    uncertain, its interval goes: it belongs to the figure in the file.
    Raises BadInput where a change is not of that form or its path leads through a plain value.
    """
    changed = deepcopy(document)
    for change in changes:
        path, equals, text = change.partition("=")
        keys = path.split(".")
        if not equals or not all(keys):
            raise BadInput([Problem("--what-if", None, change, "expected path=value, such as margins.burst=1.8")])
        section: Any = changed
        for key in keys[:-1]:
            section = section.setdefault(key, {}) if isinstance(section, dict) else None
        if not isinstance(section, dict):
            raise BadInput([Problem("--what-if", None, change, "the path leads through a figure, not a section")])
        try:
            section[keys[-1]] = yaml.safe_load(text)
        except yaml.YAMLError:
            raise BadInput([Problem("--what-if", None, change, f"{text!r} is no value")]) from None
        if isinstance(changed.get("uncertain"), dict):
            changed["uncertain"].pop(path, None)
    return changed
