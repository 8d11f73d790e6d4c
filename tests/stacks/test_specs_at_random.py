"""Specs drawn at random from those of the repository: valid ones plan, corrupted ones are located; nothing else ever happens."""

import copy
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from numpy.random import Generator
from pydantic import ValidationError

from capacity import ForecastLock, Spec, plan
from headroom.located import BadInput, read_document, validated
from stacks.reading import ROOT, SPEC_KEY

VALID, CORRUPTED = 2000, 2000
EXAMPLES = ("prod", "local", "seed")
QUANTITY = re.compile(r"(\d+(?:\.\d+)?)([a-zA-Z]+)")
LOADS = ("peak", "quiet_sessions", "sessions", "q95", "mean_sessions")
"""Figures of a lock that may be any; the others must lie within their intervals."""
Path_ = tuple[str | int, ...]


@cache
def example(name: str) -> str:
    """Return an example's spec and lock as JSON."""
    stack, _ = read_document(ROOT / "stacks" / f"Pulumi.{name}.yaml", name)
    lock = json.loads((ROOT / "stacks" / f"{name}.forecast.json").read_text(encoding="utf-8"))
    return json.dumps({"spec": stack["config"][SPEC_KEY], "lock": lock})


def leaves(value: Any, path: Path_ = ()) -> Iterator[tuple[Path_, Any]]:
    """Yield every scalar of a document with where it stands."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if items is None:
        yield path, value
        return
    for key, item in items:
        yield from leaves(item, (*path, key))


def parent_of(document: Any, path: Path_) -> Any:
    """Return what holds the value at a path."""
    for part in path[:-1]:
        document = document[part]
    return document


def drawn(random: Generator) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a spec and a lock: one or two verticals of an example, some sections, some figures changed by up to fourfold.

    Sections that a spec of tomorrow has are drawn like those of today. Plans that are sold are rare, for they take most time.
    """
    documents = json.loads(example(EXAMPLES[random.integers(len(EXAMPLES))]))
    spec, lock = documents["spec"], documents["lock"]
    names = random.permutation(list(lock["verticals"])).tolist()[: int(random.integers(1, 3))]
    queues = [name for name in spec["verticals"] if name not in lock["verticals"] and random.random() < 0.5]
    spec["verticals"] = {name: spec["verticals"][name] for name in (*names, *queues)}
    lock["verticals"] = {name: lock["verticals"][name] for name in names}
    for section in [key for key, field in Spec.model_fields.items() if key in spec and not field.is_required()]:
        if section != "example" and random.random() < (0.98 if section in ("plans", "uncertain", "options") else 0.5):
            del spec[section]
    for document, known in ((spec, None), (lock["verticals"], LOADS)):
        for path, value in list(leaves(document)):
            if (known is None or path[-1] in known) and random.random() < 0.1:
                parent_of(document, path)[path[-1]] = scaled(value, float(4 ** random.uniform(-1, 1)))
    return spec, lock


def read_spec(document: dict[str, Any]) -> Spec:
    """Return the spec of a document without the sections that speak of what was left out, as far as its errors name them.

    Raises ValidationError for what else is wrong.
    """
    try:
        return Spec.model_validate_json(json.dumps(document))
    except ValidationError as invalid:
        said = [error["msg"].removeprefix("Value error, ") for error in invalid.errors() if not error["loc"]]
        sections = [message.partition(":")[0].partition(".")[0] for message in said]
        if not sections or sections[0] not in document:
            raise
    return read_spec({key: value for key, value in document.items() if key != sections[0]})


def scaled(value: Any, factor: float) -> Any:
    """Return a figure times a factor, in the form that it had; what is no figure stays."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return value
    if isinstance(value, int):
        return round(value * factor)
    if isinstance(value, float):
        return value * factor
    found = QUANTITY.fullmatch(value)
    return value if found is None else f"{max(1, round(float(found[1]) * factor))}{found[2]}"


def read_lock(document: dict[str, Any]) -> ForecastLock:
    """Return a lock with the digest of its content."""
    return ForecastLock.model_validate_json(json.dumps(document | {"digest": ""})).sealed()


def test_every_valid_spec_plans() -> None:
    """Two thousand valid specs, feasible or not, are planned without an exception, and their plan can be written."""
    random = np.random.default_rng(1)
    planned = short = tried = 0
    while planned < VALID:
        tried += 1
        spec_document, lock_document = drawn(random)
        try:
            spec = read_spec(spec_document)
            lock = read_lock(lock_document)
        except ValidationError:
            continue
        made = plan(spec, lock, lock.data_end)
        json.dumps(made.document(), allow_nan=False)
        planned += 1
        short += bool(made.shortfalls)
    # Neither all refused nor all feasible: the draws say something.
    assert tried < 3 * VALID
    assert VALID / 20 < short < VALID


def corrupted(document: dict[str, Any], random: Generator) -> tuple[dict[str, Any], Path_, str]:
    """Return a copy with one scalar spoilt, where it stood, and how it was spoilt."""
    spoilt = copy.deepcopy(document)
    every = list(leaves(spoilt))
    path, value = every[random.integers(len(every))]
    holder = parent_of(spoilt, path)
    ways: dict[str, Any] = {
        "mapping": {"x": 1},
        "list": [[]],
        "null": None,
        "other": bool(random.integers(2)) if isinstance(value, str) else "seven",
        "negative": -1,
        "huge": 10**30,
        "unknown unit": "3 parsecs",
    }
    if isinstance(value, str) and (found := QUANTITY.fullmatch(value)):
        ways["no unit"] = float(found[1])
    way = str(random.choice([*ways, "removed", "misspelt"]))
    if way == "removed":
        del holder[path[-1]]
    elif way == "misspelt" and isinstance(holder, dict):
        holder[f"{path[-1]}x"] = holder.pop(path[-1])
    else:
        holder[path[-1]] = ways.get(way)
    return spoilt, path, way


def problems_of(document: dict[str, Any], node: yaml.Node) -> list[tuple[str, int | None, str]]:
    """Return file, line and field of what is wrong; nothing where the spec is valid."""
    try:
        validated(Spec, document, node, "spec.yaml")
    except BadInput as bad:
        return [(problem.file, problem.line, problem.path) for problem in bad.problems]
    return []


def dotted(path: Path_) -> str:
    """Return a path as messages write it."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")


def test_every_corrupted_spec_is_located(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two thousand specs with one leaf spoilt give file, line and field of what is wrong or are valid still, and nothing else.

    The field is the leaf, what holds it, or what does not fit it; a mapping in a scalar's place is always refused there.
    """
    # Else every error builds the schema anew, which takes longer than all the rest.
    schema = Spec.model_json_schema()
    monkeypatch.setattr(Spec, "model_json_schema", lambda: schema)
    random = np.random.default_rng(2)
    files: list[tuple[Any, yaml.Node]] = []
    while len(files) < 20:
        file = tmp_path / "spec.yaml"
        file.write_text(yaml.safe_dump(drawn(random)[0]))
        document, node = read_document(file, "spec.yaml")
        if not problems_of(document, node):
            files.append((document, node))
    refused = 0
    for _ in range(CORRUPTED):
        document, node = files[random.integers(len(files))]
        spoilt, path, way = corrupted(document, random)
        problems = problems_of(spoilt, node)
        if not problems:
            assert way != "mapping", dotted(path)
            continue
        refused += 1
        for shown, line, where in problems:
            assert (shown, type(line)) == ("spec.yaml", int)
            assert where, (dotted(path), way)
        if way == "mapping":
            assert any(dotted(path).startswith(where) or where.startswith(dotted(path)) for *_, where in problems), (
                dotted(path),
                problems,
            )
    assert refused > CORRUPTED / 2
