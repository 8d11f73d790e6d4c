"""Configuration texts as trees of plain values, and back; a text that is none of these is one leaf."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import yaml


@dataclass(frozen=True)
class Format:
    """How a text becomes a tree, and a tree a text."""

    name: str
    read: Callable[[str], Any]
    write: Callable[[Any], str]


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # the fast one, where it is built
    pass


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    pass


def _read_yaml(text: str) -> Any:
    return yaml.load(text, _Loader)  # noqa: S506  # a SafeLoader


def _write_yaml(tree: Any) -> str:
    return str(yaml.dump(tree, Dumper=_Dumper, sort_keys=False, width=10_000))


def _lines(separator: str) -> Format:
    """Return the format of one directive a line: a directive that stands several times has a list; comments are none."""

    def read(text: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for line in text.splitlines():
            if line.strip() and not line.lstrip().startswith(("#", "[")):
                name, between, value = (part.strip() for part in line.partition(separator))
                known = found.get(name)
                one = value if between.strip() or value else None
                found[name] = one if name not in found else [*(known if isinstance(known, list) else [known]), one]
        return found

    def write(tree: dict[str, Any]) -> str:
        each = [(name, one) for name, value in tree.items() for one in (value if isinstance(value, list) else [value])]
        return "".join(f"{name}\n" if one is None else f"{name}{separator}{one}\n" for name, one in each)

    return Format(f"lines{separator}", read, write)


_NATS = re.compile(r'\s+|#[^\n]*|"(?:[^"\\]|\\.)*"|[{}\[\],]|[^\s{}\[\],:"]+:?|:')


def _read_nats(text: str) -> Any:
    words = [word for word in (match[0] for match in _NATS.finditer(text)) if word.strip() and word[0] != "#" and word != ","]

    def plain(word: str) -> Any:
        return json.loads(word) if word[0] == '"' else int(word) if re.fullmatch(r"-?\d+", word) else word

    def inside(end: str) -> Any:
        mapping: dict[str, Any] = {}
        while words and words[0] != end:
            key = words.pop(0)
            key = key[1:-1] if key[0] == '"' else key.rstrip(":")
            if words[0] == ":":
                words.pop(0)
            mapping[key] = value()
        if words:
            words.pop(0)
        return mapping

    def value() -> Any:
        word = words.pop(0)
        if word == "{":
            return inside("}")
        if word != "[":
            return plain(word)
        items = []
        while words[0] != "]":
            items.append(value())
        words.pop(0)
        return items

    return inside("")


def _write_nats(tree: Any) -> str:
    def shown(value: Any) -> str:
        if isinstance(value, dict):
            return "{ " + ", ".join(f'"{key}": {shown(one)}' for key, one in value.items()) + " }"
        if isinstance(value, list):
            return "[" + ", ".join(shown(one) for one in value) + "]"
        if isinstance(value, bool):
            return str(value).lower()
        return value if isinstance(value, str) and re.fullmatch(r"\$\w+|true|false", value) else json.dumps(value)

    return "\n".join(f'"{key}": {shown(value)}' for key, value in tree.items()) + "\n"


JSON = Format("json", json.loads, json.dumps)
YAML = Format("yaml", _read_yaml, _write_yaml)
SPACED, EQUALS = _lines(" "), _lines("=")
NATS = Format("nats", _read_nats, _write_nats)


def _write_constant(tree: dict[str, Any]) -> str:
    value = tree.get("vector", "")
    return f"vector({value:.12g})" if isinstance(value, int | float) else f"vector({value})"


CONSTANT = Format("constant", lambda text: {"vector": float(text[len("vector(") : -1])}, _write_constant)


def _read_reserved(text: str) -> dict[str, str]:
    return dict(part.split("=", 1) for part in text.partition("=")[2].split(","))


def _write_reserved(tree: dict[str, str]) -> str:
    return "system-reserved=" + ",".join(f"{name}={value}" for name, value in tree.items())


RESERVED = Format("reserved", _read_reserved, _write_reserved)

_FORMATS = (
    (r"headroom\.dev/(schedule|session-measured)$", JSON),
    (r"(^|\.)ulimits\.nri\.containerd\.io/container\.[^.]*$", YAML),
    (r"^data\.redis\.conf$", SPACED),
    (r"^data\.turnserver\.conf$", EQUALS),
    (r"^data\.nats\.conf$", NATS),
    (r"^data\.(ecosystem|bullmq|stream|bus|plans|models|fleet|vertical|tenant)\.json$", JSON),
    (r"^data\.[^:]*\.yaml$", YAML),
    (r"env\[HEADROOM_SETTINGS\]\.value$", JSON),
    (r"^spec\.variables\[of_[^\]]*\]\.expression$", JSON),
    (r"^(value|bindings\[[A-Z]+\]\.json)$", JSON),
    (r"^userData$", YAML),
    (r"write_files\[[^\]]*\.yaml\]\.content$", YAML),
    (r"write_files\[[^\]]*\.(conf|service)\]\.content$", EQUALS),
)


def format_of(path: str, value: Any) -> Format | None:
    """Return the format of a text by the path at which it stands, or None where it is one leaf."""
    if not isinstance(value, str) or not value:
        return None
    if re.fullmatch(r"vector\([-+0-9.e]+\)", value):
        return CONSTANT
    if value.startswith("system-reserved="):
        return RESERVED
    return next((found for pattern, found in _FORMATS if re.search(pattern, path)), None)
