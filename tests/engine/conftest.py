"""Projects on the real engine; Kubernetes is the stand-in's folder."""

from collections.abc import Callable
from pathlib import Path

import pytest

from headroom.local.engine import Engine, ensure_engine
from headroom.local.paths import paths
from tests.projects import Project, make_project


@pytest.fixture(scope="session")
def engine() -> Engine:
    """The engine of this machine, built if it has none."""
    return ensure_engine(paths(), print)


@pytest.fixture
def project(engine: Engine, tmp_path: Path) -> Project:
    """A fresh copy of the project."""
    return make_project(tmp_path, engine)


@pytest.fixture
def ungated(project: Project) -> Callable[[], Project]:
    """The project with a program that does not judge: what reaches the engine is the pack's alone to refuse."""

    def strip() -> Project:
        program = (project.root / "__main__.py").read_text(encoding="utf-8")
        kept = program.replace("if verdict.refused:", "if False:")
        assert kept != program
        (project.root / "__main__.py").write_text(kept, encoding="utf-8")
        return project

    return strip
