"""Reading an environment: its spec, its forecast lock, and the day that is judged."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from yaml import Node

from capacity import CapacityPlan, ForecastLock, NoForecast, Spec, plan
from headroom.blueprint import digest
from headroom.located import BadInput, Problem, child, read_document, validated
from stacks.overrides import overridden

SPEC_KEY = "headroom:spec"
ROOT = Path(__file__).resolve().parent.parent


def environments(root: Path = ROOT) -> list[str]:
    """Return the names of the environments that have a spec, sorted."""
    return sorted(file.name[len("Pulumi.") : -len(".yaml")] for file in (root / "stacks").glob("Pulumi.*.yaml"))


def spec_path(environment: str, root: Path = ROOT) -> Path:
    """Return where the spec of an environment stands."""
    return root / "stacks" / f"Pulumi.{environment}.yaml"


def lock_path(environment: str, root: Path = ROOT) -> Path:
    """Return where the forecast lock of an environment stands."""
    return root / "stacks" / f"{environment}.forecast.json"


def floors_path(root: Path = ROOT) -> Path:
    """Return the organisation's floors, below which no claim of a spec counts."""
    return root / "policies" / "floors.json"


def read_spec(environment: str, root: Path = ROOT, *, engine_config: str | None = None, what_if: Sequence[str] = ()) -> Spec:
    """Return the spec of an environment, with the changes of `what_if` (stacks/overrides.py) applied to it.

    `engine_config` is what the engine passes to the program as configuration; it must say what the file says, or an
    override (`--config-file`) would be ignored in silence. Raises BadInput.
    """
    document, node, shown = _spec_document(environment, root)
    if engine_config is not None and digest(json.loads(engine_config)) != digest(document):
        raise BadInput(
            [
                Problem(
                    shown,
                    None,
                    f"config.{SPEC_KEY}",
                    "the engine was given another spec than this file's (--config-file?)",
                )
            ]
        )
    if what_if:
        return validated(Spec, overridden(document, what_if), node, f"{shown} with --what-if")
    return validated(Spec, document, node, shown)


def read_spec_document(environment: str, root: Path = ROOT) -> dict[str, Any]:
    """Return a spec as its file says it; raises BadInput where that is no valid one."""
    document, node, shown = _spec_document(environment, root)
    validated(Spec, document, node, shown)
    return dict(document)


def _spec_document(environment: str, root: Path) -> tuple[Any, Node, str]:
    """Return the document of a spec, where it stands in its file, and how the file is called."""
    file = spec_path(environment, root)
    shown = f"stacks/{file.name}"
    if not file.is_file():
        known = ", ".join(environments(root)) or "none"
        raise BadInput([Problem(shown, None, "", f"there is no environment {environment!r}; there are: {known}")])
    document, node = read_document(file, shown)
    for key in ("config", SPEC_KEY):
        below = child(node, key)
        if below is None or not isinstance(document, dict):
            raise BadInput([Problem(shown, node.start_mark.line + 1, f"config.{SPEC_KEY}", "is required and missing")])
        document, node = document[key], below
    return document, node, shown


def read_lock(environment: str, root: Path = ROOT) -> ForecastLock:
    """Return the forecast lock of an environment; raises BadInput where it is missing, malformed or was edited."""
    file = lock_path(environment, root)
    shown = f"stacks/{file.name}"
    if not file.is_file():
        how = f"make one with: headroom forecast {environment} --history PATH"
        raise BadInput([Problem(shown, None, "", f"{environment} has no forecast lock; {how}")])
    document, node = read_document(file, shown)
    lock = validated(ForecastLock, document, node, shown)
    if lock.environment != environment:
        raise BadInput([Problem(shown, None, "environment", f"is {lock.environment!r}, but the file is that of {environment!r}")])
    content = {key: value for key, value in document.items() if key != "digest"}
    if digest(content) != lock.digest:
        how = f"a lock is made by a command, not by hand: headroom forecast {environment} --history PATH"
        raise BadInput([Problem(shown, None, "digest", f"does not match the content; {how}")])
    return lock


def given_day(text: str | None) -> date | None:
    """Return the day that HEADROOM_AS_OF gives to a plain `pulumi`, or None where it gives none; raises BadInput."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise BadInput([Problem("HEADROOM_AS_OF", None, "", f"{text!r} is not a day such as 2026-11-02")]) from None


def judged_day(spec: Spec, given: date | None, now: datetime) -> date:
    """Return the day given, else the one that an example pins, else today in the environment's zone."""
    return given or spec.as_of or now.astimezone(ZoneInfo(spec.zone)).date()


def plan_environment(
    environment: str,
    given_as_of: date | None,
    now: datetime,
    root: Path = ROOT,
    *,
    engine_config: str | None = None,
    what_if: Sequence[str] = (),
) -> CapacityPlan:
    """Return the plan of an environment on the day that `judged_day` finds.

    Raises BadInput with everything that is wrong in the spec or the lock.
    """
    spec = read_spec(environment, root, engine_config=engine_config, what_if=what_if)
    if spec.cells is not None:
        shown = f"stacks/{spec_path(environment, root).name}"
        how = f"each is an environment of its own: make them with headroom cells {environment} --write"
        raise BadInput([Problem(shown, None, "cells", f"{environment} is spread over {len(spec.cells.places)} cells; {how}")])
    lock = read_lock(environment, root)
    with forecast_located(environment, root):
        return plan(spec, lock, judged_day(spec, given_as_of, now))


@contextmanager
def forecast_located(environment: str, root: Path = ROOT) -> Iterator[None]:
    """Raise BadInput with the lock's file and field where planning finds that the lock does not speak of what it is asked for."""
    try:
        yield
    except NoForecast as missing:
        shown = f"stacks/{lock_path(environment, root).name}"
        raise BadInput([Problem(shown, None, missing.field, str(missing))]) from None


def stack_schema() -> dict[str, Any]:
    """Return the JSON Schema of a stack file: what editors check `stacks/Pulumi.<env>.yaml` against."""
    spec = Spec.model_json_schema()
    definitions = spec.pop("$defs", {})
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A Headroom stack file",
        "type": "object",
        "required": ["config"],
        "properties": {"config": {"type": "object", "required": [SPEC_KEY], "properties": {SPEC_KEY: spec}}},
        "$defs": definitions,
    }
