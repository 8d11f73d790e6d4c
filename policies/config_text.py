"""Configuration files of servers as values: what rules judge is what the server reads."""

import re
from typing import Any

from policies.stack import Place, WrongField

_TOKEN = re.compile(r'\s+|#[^\n]*|"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<mark>[{}\[\]:=,;])|(?P<bare>[^\s{}\[\]:=,;"#]+)')
_BINARY = {"k": 1000, "m": 1000**2, "g": 1000**3, "kb": 1024, "mb": 1024**2, "gb": 1024**3}


def directives(place: Place, separator: str) -> dict[str, list[str]]:
    """Return the directives of a file with one a line, such as redis.conf and turnserver.conf, each with all its values."""
    found: dict[str, list[str]] = {}
    for line in place.text().splitlines():
        text = line.strip()
        if text and not text.startswith("#"):
            name, _, value = text.partition(separator)
            found.setdefault(name.strip().lower(), []).append(value.strip())
    return found


def the_one(place: Place, found: dict[str, list[str]], name: str) -> str:
    """Return the value of a directive that stands exactly once; the last of two would win, unseen."""
    values = found.get(name, [])
    if len(values) != 1:
        raise WrongField(
            place.resource.name, place.path, f"a configuration with {name} exactly once", why=f"it has {len(values)}"
        )
    return values[0]


def size(place: Place, name: str, text: str) -> int:
    """Return the number behind a size as servers write it: digits, and k, kb, m, mb, g or gb (Redis: 1000 and 1024)."""
    match = re.fullmatch(r"(\d{1,15})([a-z]*)", text.lower())
    if match is None or (match[2] and match[2] not in _BINARY):
        raise WrongField(place.resource.name, place.path, f"a configuration whose {name} is a size")
    return int(match[1]) * _BINARY.get(match[2], 1)


def nats(place: Place) -> dict[str, Any]:
    """Return nats-server's configuration: objects, lists and texts; numbers stay texts."""
    tokens = list(_tokens(place))
    found, end = _object(place, tokens, 0)
    if end != len(tokens):
        raise _wrong(place)
    return found


def _tokens(place: Place) -> list[tuple[str, str]]:
    text, at, found = place.text(), 0, []
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise _wrong(place)
        at = match.end()
        if match["mark"] is not None:
            found.append(("mark", match["mark"]))
        elif match["quoted"] is not None or match["bare"] is not None:
            found.append(("text", match["quoted"] if match["quoted"] is not None else match["bare"]))
    return found


def _object(place: Place, tokens: list[tuple[str, str]], at: int) -> tuple[dict[str, Any], int]:
    found: dict[str, Any] = {}
    while at < len(tokens) and tokens[at] != ("mark", "}"):
        kind, key = tokens[at]
        if kind == "mark":
            if key not in ",;":
                raise _wrong(place)
            at += 1
            continue
        if key in found:
            raise WrongField(place.resource.name, place.path, "a NATS configuration", why=f"it has {key!r} twice")
        at += 1
        if at < len(tokens) and tokens[at] in (("mark", ":"), ("mark", "=")):
            at += 1
        found[key], at = _value(place, tokens, at)
    return found, at


def _value(place: Place, tokens: list[tuple[str, str]], at: int) -> tuple[Any, int]:
    if at >= len(tokens):
        raise _wrong(place)
    kind, text = tokens[at]
    if kind == "text":
        return text, at + 1
    if text == "{":
        inner, end = _object(place, tokens, at + 1)
        if end >= len(tokens):
            raise _wrong(place)
        return inner, end + 1
    if text != "[":
        raise _wrong(place)
    items: list[Any] = []
    at += 1
    while at < len(tokens) and tokens[at] != ("mark", "]"):
        if tokens[at] in (("mark", ","), ("mark", ";")):
            at += 1
            continue
        item, at = _value(place, tokens, at)
        items.append(item)
    if at >= len(tokens):
        raise _wrong(place)
    return items, at + 1


def _wrong(place: Place) -> WrongField:
    return WrongField(place.resource.name, place.path, "a NATS configuration")
