"""YAML and JSON files read with the line of every value, and models whose errors name it."""

import difflib
import json
import re
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from headroom.located.errors import BadInput, Problem

Model = TypeVar("Model", bound=BaseModel)
SHOWN_INPUT = 60
FIELD = re.compile(r"([^\s:]+)(: )?")
"""A field at the beginning of a message."""


class _Loader(yaml.SafeLoader):
    """A loader that leaves dates alone: a day is text until its model says otherwise."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_document(file: Path, shown: str) -> tuple[Any, yaml.Node]:
    """Return a YAML or JSON file's value and its node tree, which knows the lines.

    Raises BadInput where there is no such file, it is not YAML, or a key stands twice.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BadInput([Problem(shown, None, "", "there is no such file")]) from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput([Problem(shown, None, "", f"cannot be read: {error}")]) from None
    try:
        node = yaml.compose(text, _Loader)
        if node is None:
            raise BadInput([Problem(shown, None, "", "the file is empty")])
        if repeated := _repeated_keys(node, shown, ""):
            raise BadInput(repeated)
        return yaml.load(text, _Loader), node  # noqa: S506  # a SafeLoader
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise BadInput([Problem(shown, line, "", f"not YAML: {error.problem}")]) from None


def validated(model: type[Model], value: Any, node: yaml.Node, shown: str, prefix: str = "") -> Model:
    """Return the model of a value; raises BadInput with file, line and YAML path of everything that is wrong."""
    try:
        return model.model_validate_json(json.dumps(value, default=str))
    except ValidationError as invalid:
        schema = model.model_json_schema()
        errors = invalid.errors(include_url=False)
        # A tuple whose only item is faulty counts as too short as well.
        faulty_below = {error["loc"][:depth] for error in errors for depth in range(len(error["loc"]))}
        told = [error for error in errors if not (error["type"] == "too_short" and error["loc"] in faulty_below)]
        problems = [_problem(error, node, schema, shown, prefix) for error in told]
        raise BadInput(sorted(problems, key=lambda problem: problem.line or 0)) from None


def child(node: yaml.Node, key: str | int) -> yaml.Node | None:
    """Return the node below a key or an index, or None."""
    if isinstance(node, yaml.MappingNode):
        return next((value for name, value in node.value if name.value == str(key)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
        found: yaml.Node = node.value[key]
        return found
    return None


def _repeated_keys(node: yaml.Node, shown: str, path: str) -> list[Problem]:
    problems: list[Problem] = []
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            below = f"{path}.{key.value}".lstrip(".")
            if key.value in seen:
                problems.append(Problem(shown, key.start_mark.line + 1, below, "this key stands twice"))
            seen.add(key.value)
            problems += _repeated_keys(value, shown, below)
    if isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            problems += _repeated_keys(value, shown, f"{path}[{index}]")
    return problems


def _problem(error: ErrorDetails, node: yaml.Node, schema: Mapping[str, Any], shown: str, prefix: str) -> Problem:
    path, line, known, here = prefix, node.start_mark.line + 1, schema, node
    last: str | int = ""
    for part in error["loc"]:
        last = part
        if (tagged := _tagged(known, part, schema)) is not None:
            known = tagged  # pydantic names the tag of a union, and the file does not, though it may have a key of that name
            continue
        below, key = child(here, part), _schema_below(known, part, schema)
        lacking = part == error["loc"][-1] and error["type"] in ("missing", "extra_forbidden")
        if below is None and key is None and not lacking:
            known = _narrowed(known, part, schema)
            continue  # the tag of a union, which pydantic names and neither file nor schema does
        known = key if key is not None else known
        path = f"{path}[{part}]" if isinstance(part, int) else f"{path}.{part}".lstrip(".")
        if below is not None:
            here, line = below, _line_of(here, part)
    if error["type"].startswith("union_tag"):
        tag = error["ctx"]["discriminator"].strip("'")
        path, line = f"{path}.{tag}", _line_of(here, tag) if child(here, tag) is not None else line
    message = _message(error, last, schema)
    if error["type"] == "value_error" and (named := FIELD.match(message)) is not None and (named[2] or not path):
        # Where a model judges several fields at once pydantic names the model alone, and the message begins with the field.
        deeper = _line_below(here, named[1])
        if deeper is not None:
            path, line, message = f"{path}.{named[1]}".lstrip("."), deeper, message[named.end() :] if named[2] else message
    return Problem(shown, line, path, message)


def _line_below(here: yaml.Node, path: str) -> int | None:
    """Return the line of what a path leads to, as far as it leads; None where nothing has its first key."""
    line = None
    while path and isinstance(here, yaml.MappingNode | yaml.SequenceNode):
        keys = [key.value for key, _ in here.value] if isinstance(here, yaml.MappingNode) else list(range(len(here.value)))
        # A key may hold dots itself: the longest that fits.
        part = max((key for key in keys if re.match(_step(key), path)), key=lambda key: len(str(key)), default=None)
        if part is None or (below := child(here, part)) is None:
            break
        line, here, path = _line_of(here, part), below, path[len(str(part)) + (2 if isinstance(part, int) else 0) :].lstrip(".")
    return line


def _step(key: str | int) -> str:
    return rf"\[{key}\]" if isinstance(key, int) else rf"{re.escape(key)}(?=[.\[]|$)"


def _line_of(parent: yaml.Node, key: str | int) -> int:
    if isinstance(parent, yaml.MappingNode):
        return next(int(name.start_mark.line) + 1 for name, _ in parent.value if name.value == str(key))
    return int(parent.value[key].start_mark.line) + 1


def _message(error: ErrorDetails, last: str | int, schema: Mapping[str, Any]) -> str:
    if error["type"] == "extra_forbidden":
        keys = _known_keys(error["loc"][:-1], schema)
        if last in keys:
            return "does not go with the other keys that stand here"
        near = difflib.get_close_matches(str(last), keys, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(sorted(keys))}"
        return f"unknown key; {hint}"
    if error["type"] in ("missing", "union_tag_not_found"):
        return "is required and missing"
    if error["type"] == "union_tag_invalid":
        return f"expected one of {error['ctx']['expected_tags']}, got {error['ctx']['tag']!r}"
    if error["type"] == "value_error":
        return error["msg"].removeprefix("Value error, ")
    got = textwrap.shorten(json.dumps(error["input"]), SHOWN_INPUT, placeholder="...")
    return f"{error['msg'].replace('Input should be', 'expected', 1)}, got {got}"


def _known_keys(location: tuple[str | int, ...], schema: Mapping[str, Any]) -> list[str]:
    known: Mapping[str, Any] = schema
    for part in location:
        below = _schema_below(known, part, schema)
        known = below if below is not None else _narrowed(known, part, schema)
    return [key for option in _options(known, schema) for key in option.get("properties", {})]


def _tagged(known: Mapping[str, Any], part: str | int, root: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the member of a union that a tag names, or None where this is no union or has no such tag."""
    if "$ref" in known:
        known = root["$defs"][str(known["$ref"]).rpartition("/")[2]]
    if part in (members := known.get("discriminator", {}).get("mapping", {})):
        return {"$ref": members[part]}
    found = (_tagged(choice, part, root) for choice in known.get("anyOf", ()))
    return next((member for member in found if member is not None), None)


def _schema_below(known: Mapping[str, Any], part: str | int, root: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return what may stand below a key or an index, or None where the schema knows no such key."""
    if (member := _tagged(known, part, root)) is not None:
        return member
    for option in _options(known, root):
        if part in option.get("properties", {}):
            return dict(option["properties"][str(part)])
        for pattern_schema in option.get("patternProperties", {}).values():
            return dict(pattern_schema)
        if isinstance(option.get("additionalProperties"), dict):
            return dict(option["additionalProperties"])
        if isinstance(part, int) and "items" in option:
            return dict(option["items"])
    return None


def _narrowed(known: Mapping[str, Any], tag: str | int, root: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the options of a union that a tag names; all of them where it names none."""
    tagged = [
        option
        for option in _options(known, root)
        if tag
        in (
            option.get("properties", {}).get("kind", {}).get("enum")
            or [option.get("properties", {}).get("kind", {}).get("const")]
        )
    ]
    return {"anyOf": tagged} if tagged else known


def _options(known: Mapping[str, Any], root: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    if "$ref" in known:
        name = str(known["$ref"]).rpartition("/")[2]
        return _options(root["$defs"][name], root)
    if choices := known.get("anyOf") or known.get("oneOf"):
        return [option for choice in choices for option in _options(choice, root)]
    return [known]
