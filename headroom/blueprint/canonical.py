"""One text for one value: the form that digests and goldens are made of."""

import hashlib
import json
from typing import Any


def canonical_json(value: Any) -> str:
    """Return the one JSON text of a JSON value: sorted keys, no spaces, ASCII only, no NaN.

    A float that is a whole number is written as an integer: the engine turns every number into a float, and the same
    figure must keep its digest on both sides.

    >>> canonical_json({"b": 2.0, "a": ["x", 0.5]})
    '{"a":["x",0.5],"b":2}'
    """
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(value: Any) -> str:
    """Return ``sha256:`` and the hexadecimal SHA-256 of the canonical JSON of a value."""
    return "sha256:" + hashlib.sha256(canonical_json(value).encode()).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
