"""Figures of a YAML file set in place: nothing else of it changes, no comment and no layout."""

import difflib
import json
import re
from collections.abc import Mapping, Sequence
from typing import cast

import yaml

Path = Sequence[str]

_STEP = 2


def scalar(value: str | float) -> str:
    """Return a value as YAML writes it: numbers plain, texts as they are where YAML reads them as such, else quoted.

    >>> scalar("98.2MB"), scalar(0.05), scalar("2026-11-02"), scalar("a: b")
    ('98.2MB', '0.05', '"2026-11-02"', '"a: b"')
    """
    if not isinstance(value, str):
        return f"{value:.12g}"
    plain = re.fullmatch(r"\w[\w.-]*", value) is not None and yaml.safe_load(value) == value
    return value if plain else json.dumps(value, ensure_ascii=False)


def flow(values: Mapping[str, str | float]) -> str:
    """Return a mapping in one line."""
    return "{" + ", ".join(f"{key}: {scalar(value)}" for key, value in values.items()) + "}"


def with_value(text: str, path: Path, literal: str) -> str:
    """Return a YAML text with the value at a path replaced, or added to the deepest section on the way that stands there.

    `literal` is YAML in flow style, such as `scalar` and `flow` write. One of several lines is indented to where it comes to
    stand, and starts on a line of its own in a section in flow style.

    Raises:
        TypeError: the path leads through a plain value.
    """
    node, missing = _deepest(text, path)
    if not missing:
        start = node.start_mark.index
        return text[:start] + _indented(literal, _indentation(text, start) + _STEP) + text[_end(node) :]
    if not isinstance(node, yaml.MappingNode):
        raise TypeError(f"{'.'.join(path)} leads through a plain value")
    for key in reversed(missing[1:]):
        literal = f"{{{key}: {literal}}}"
    return _with_entry(text, node, f"{missing[0]}: {literal}")


def unified_diff(before: str, after: str, shown: str) -> str:
    """Return what `git apply` takes from one text of a file to another; empty where they are the same."""
    lines = difflib.unified_diff(_lines(before), _lines(after), f"a/{shown}", f"b/{shown}")
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _deepest(text: str, path: Path) -> tuple[yaml.Node, list[str]]:
    node = cast("yaml.Node", yaml.compose(text, yaml.SafeLoader))  # None only of an empty file, which is no spec
    for place, key in enumerate(path):
        entries = node.value if isinstance(node, yaml.MappingNode) else []
        below = next((value for name, value in entries if name.value == key), None)
        if below is None:
            return node, list(path[place:])
        node = below
    return node, []


def _end(node: yaml.Node) -> int:
    # A section in block style ends, for its parser, where the next one begins.
    if isinstance(node, yaml.CollectionNode) and not node.flow_style:
        last = node.value[-1]
        return _end(last[1] if isinstance(last, tuple) else last)
    return int(node.end_mark.index)


def _with_entry(text: str, section: yaml.MappingNode, entry: str) -> str:
    start = section.start_mark.index
    if section.flow_style:
        indentation = _indentation(text, start) + _STEP
        space = "\n" + " " * indentation if "\n" in entry else " "
        entry = _indented(entry, indentation + _STEP)
        if not section.value:
            return text[: start + 1] + entry + text[section.end_mark.index - 1 :]
        end = _end(section.value[-1][1])
        return f"{text[:end]},{space}{entry}{text[end:]}"
    indentation = section.start_mark.column
    entry = _indented(entry, indentation + _STEP)
    # After the last entry that ends on a line of its own; a section below would be split from its key.
    ends = [_end(value) for _, value in section.value if _ends_on_its_line(value)]
    if not ends:
        return f"{text[:start]}{entry}\n{' ' * indentation}{text[start:]}"
    line_end = text.find("\n", ends[-1])
    rest = text[line_end:] if line_end >= 0 else ""
    return f"{text[: line_end if line_end >= 0 else None]}\n{' ' * indentation}{entry}{rest}"


def _indented(literal: str, indentation: int) -> str:
    return literal.replace("\n", "\n" + " " * indentation)


def _indentation(text: str, index: int) -> int:
    line = text[text.rfind("\n", 0, index) + 1 :]
    return len(line) - len(line.lstrip(" "))


def _ends_on_its_line(value: yaml.Node) -> bool:
    if isinstance(value, yaml.CollectionNode):
        return bool(value.flow_style)
    return isinstance(value, yaml.ScalarNode) and value.style not in ("|", ">")


def _lines(text: str) -> list[str]:
    return [line for line in re.split(r"(?<=\n)", text) if line]
