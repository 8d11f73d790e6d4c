"""Projects that previews are measured on: ours, and a bare program of the same resources. Runs in the product's environment.

`python -m benchmarks.preview_project FOLDER COPIES` makes both below an empty folder and prints a JSON of what they are.
"""

import json
import pickle
import sys
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml

from benchmarks.measure import ROOT
from benchmarks.plan import texts
from headroom.blueprint import Blueprint, digest
from headroom.local.engine import ensure_engine
from headroom.local.environment import environment
from headroom.local.paths import Paths, paths
from headroom.local.target import Directory
from headroom.review.stage import definitions, make_stage
from policies.adapters.pack_config import pack_configuration
from policies.adapters.program import judge_blueprint
from policies.break_glass import REASON, UNTIL, BreakGlass
from stacks.reading import SPEC_KEY, floors_path, lock_path, plan_environment
from stacks.voice import render

NAME = "prod"
BARE = '''"""The resources of a blueprint, registered as they are: no plan, no gate."""

import pickle
from pathlib import Path

from components.resource import register

register(pickle.loads((Path(__file__).parent / "blueprint.pickle").read_bytes()))
'''


@dataclass(frozen=True)
class Made:
    """Two projects of the same resources."""

    ours: str
    bare: str
    pack: list[str]
    """The engine's arguments by which the pack judges."""
    environ: dict[str, str]
    resources: int
    violations: int
    """With the glass broken, or there would be nothing to preview."""
    plan_seconds: float
    render_seconds: float
    gate_seconds: float
    """Of the second time in one process: without what is imported or filled once."""


def make(folder: Path, copies: int) -> Made:
    """Return the projects of prod with each vertical so many times; copies share what there is once, so their glass is broken."""
    where = paths()
    own = Paths(where.root, folder / "home", where.cache)
    floors = floors_path()
    staged = make_stage(ROOT, NAME, floors, folder / "ours")
    if copies > 1:
        _copy(staged.root, copies)
    lock = lock_path(NAME, staged.root)
    glass = None if copies == 1 else BreakGlass("a benchmark", datetime.now(UTC) + timedelta(hours=4))
    seconds = {}
    for _ in range(2):
        begun = time.perf_counter()
        plan = plan_environment(NAME, None, datetime.now(UTC), staged.root)
        planned = time.perf_counter()
        blueprint = render(plan)
        rendered = time.perf_counter()
        verdict = judge_blueprint(blueprint, lock, floors, plan.as_of, glass)
        seconds = {
            "plan_seconds": planned - begun,
            "render_seconds": rendered - planned,
            "gate_seconds": time.perf_counter() - rendered,
        }
    assert not verdict.refused
    bare = _bare(staged.root, folder / "bare", blueprint)
    configuration = folder / "pack.json"
    content = pack_configuration(lock, floors, plan.as_of, glass=glass)
    configuration.write_text(json.dumps(content), encoding="utf-8")
    types = frozenset(resource.type for resource in blueprint)
    environ = environment(own, ensure_engine(where, _said), Directory(folder / "out")) | staged.environ | definitions(types)
    if glass is not None:
        environ |= {REASON: glass.reason, UNTIL: glass.until.isoformat()}
    return Made(
        str(staged.root),
        str(bare),
        ["--policy-pack", str(ROOT / "policies" / "pack"), "--policy-pack-config", str(configuration)],
        environ,
        len(blueprint),
        len(verdict.waived),
        **seconds,
    )


def _said(line: str) -> None:
    print(line, file=sys.stderr)


def _copy(root: Path, copies: int) -> None:
    """Put a spec and a lock with copies of each vertical in the place of the project's own."""
    spec, lock = texts(copies)
    file = root / "stacks" / f"Pulumi.{NAME}.yaml"
    stack = yaml.safe_load(file.read_text(encoding="utf-8"))
    stack["config"][SPEC_KEY] = json.loads(spec)
    file.write_text(yaml.safe_dump(stack, sort_keys=False), encoding="utf-8")
    content = {key: value for key, value in json.loads(lock).items() if key != "digest"}
    lock_path(NAME, root).write_text(json.dumps({**content, "digest": digest(content)}), encoding="utf-8")


def _bare(ours: Path, folder: Path, blueprint: Blueprint) -> Path:
    """Return a project with the same configuration, whose program only registers."""
    (folder / "stacks").mkdir(parents=True)
    for name in ("Pulumi.yaml", f"stacks/Pulumi.{NAME}.yaml"):
        (folder / name).write_bytes((ours / name).read_bytes())
    (folder / ".venv").symlink_to((ROOT / ".venv").resolve())
    (folder / "__main__.py").write_text(BARE, encoding="utf-8")
    (folder / "blueprint.pickle").write_bytes(pickle.dumps(blueprint))
    return folder


if __name__ == "__main__":
    place, number = sys.argv[1:]
    print(json.dumps(asdict(make(Path(place), int(number)))))
