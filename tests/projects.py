"""A project of the tests' own: copies of the files that people edit, a state of its own."""

import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

from headroom.engine.run import Evidence, Operation, Run, ensure_stack, run
from headroom.local.engine import Engine
from headroom.local.environment import environment as engine_environment
from headroom.local.paths import paths
from headroom.local.target import Cluster, Directory
from stacks.reading import floors_path, lock_path
from tests.environments import planned


@dataclass(frozen=True)
class Project:
    """A copy of the project, and the environment to run it in."""

    root: Path
    out: Path
    environ: dict[str, str]

    def run(self, operation: Operation, environment: str, *, pack: bool = True) -> Run:
        """Run the engine with the policy pack, its output thrown away."""
        ensure_stack(environment, self.root, self.environ)
        evidence = Evidence(lock_path(environment, self.root), floors_path(self.root), planned(environment).as_of)
        return run(operation, environment, self.root, self.environ, evidence if pack else None, quiet=True)

    def plain(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run `pulumi` as a person would, without any pack."""
        return subprocess.run(
            ["pulumi", *arguments, "--non-interactive"],
            cwd=self.root,
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace a text that stands in a file."""
        text = (self.root / file).read_text(encoding="utf-8")
        assert old in text
        (self.root / file).write_text(text.replace(old, new, 1), encoding="utf-8")

    def files(self) -> list[str]:
        """Return what was written to the directory target."""
        return sorted(str(file.relative_to(self.out)) for file in self.out.rglob("*") if file.is_file())

    def cloudflare_files(self) -> list[Path]:
        """Return the objects of the stand-in's Cloudflare account."""
        return sorted((self.out.parent.parent / "cloudflare").rglob("*.json"))


def make_project(folder: Path, engine: Engine, kubeconfig: Path | None = None) -> Project:
    """Return a fresh copy of the project in a folder; it deploys to a directory, or to the cluster given."""
    where = paths()
    root = folder / "project"
    (root / "stacks").mkdir(parents=True)
    for name in ("Pulumi.yaml", "__main__.py"):
        shutil.copy(where.root / name, root / name)
    for file in [*(where.root / "stacks").glob("Pulumi.*.yaml"), *(where.root / "stacks").glob("*.forecast.json")]:
        shutil.copy(file, root / "stacks" / file.name)
    shutil.copytree(where.root / "policies" / "pack", root / "policies" / "pack", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(where.root / "policies" / "floors.json", root / "policies" / "floors.json")
    (root / ".venv").symlink_to(where.root / ".venv")
    own = replace(where, home=folder / "home")
    out = own.out / "k8s"
    target = Cluster(kubeconfig) if kubeconfig is not None else Directory(out)
    return Project(root, out, engine_environment(own, engine, target))
