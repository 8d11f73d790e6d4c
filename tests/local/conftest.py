"""The real engine, and a project for each test that asks."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from headroom.local.engine import Engine, ensure_engine
from headroom.local.paths import Paths, paths
from headroom.local.target import Directory, Target
from tests.local.projects import Project, marked_processes


@pytest.fixture(scope="session")
def engine() -> Engine:
    """The engine of this clone, built if it is not there yet."""
    return ensure_engine(paths(), print)


@pytest.fixture(scope="session")
def initialised(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a project, its home and its empty stack, to be copied: a `stack init` for each test adds up."""
    folder = tmp_path_factory.mktemp("initialised")
    (folder / "project").mkdir()
    (folder / "project" / "Pulumi.yaml").write_text("name: sample\nruntime: python\n")
    home = folder / "home"
    project = Project(folder / "project", Paths(folder, home, home / "cache"), engine, None)
    assert project.pulumi("stack", "init", "test").returncode == 0
    return folder


@pytest.fixture
def new_project(engine: Engine, initialised: Path, tmp_path: Path) -> Iterator[Callable[[Target | None], Project]]:
    """A function that makes the test's project for a target; afterwards nothing of it may run."""
    made: list[Project] = []

    def make(target: Target | None) -> Project:
        shutil.copytree(initialised, tmp_path, dirs_exist_ok=True)
        home = tmp_path / "home"
        project = Project(tmp_path / "project", Paths(tmp_path, home, home / "cache"), engine, target)
        made.append(project)
        return project

    yield make
    for project in made:
        for line in marked_processes(project.mark):
            pytest.fail(f"still running after the test: {line}")


@pytest.fixture
def project(new_project: Callable[[Target | None], Project], tmp_path: Path) -> Project:
    """A project whose target is a folder under its home."""
    return new_project(Directory(tmp_path / "home" / "out" / "test"))
