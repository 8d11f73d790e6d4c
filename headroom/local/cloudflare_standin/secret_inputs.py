"""Which arguments are secrets, whether or not the program marked them.

The Python classes name only those at the top; for the others the name decides, for better one digest too many in a file
than one secret.
"""

import re
from collections.abc import Set as AbstractSet

from headroom.local.standin.values import Hidden, Object, Tree

NAMED_SECRET = re.compile(r"(secret|password|token|private_?key|api_?key|jwt|keybase64|keyjwk)$", re.IGNORECASE)
SECRET_TEXT = "secret_text"  # noqa: S105 a type of binding, or of an environment variable


def conceal(inputs: Object, secrets: AbstractSet[str]) -> Object:
    """Return the inputs with what the class, a name or the type of a binding says is secret held secret."""
    return {name: _secret(value) if name in secrets else _concealed(name, value) for name, value in inputs.items()}


def _concealed(name: str, value: Tree) -> Tree:
    match value:
        case dict() if value.get("type") == SECRET_TEXT:
            return {key: _secret(each) if key in ("text", "value") else each for key, each in value.items()}
        case dict():
            return {key: _concealed(key, each) for key, each in value.items()}
        case list():
            return [_concealed(name, each) for each in value]
        case str() if NAMED_SECRET.search(name):
            return _secret(value)
    return value


def _secret(value: Tree) -> Tree:
    return value if value is None or isinstance(value, Hidden) else Hidden(value)
