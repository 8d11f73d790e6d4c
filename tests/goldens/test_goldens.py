"""The whole rendered stack of every environment, as files: a changed number shows what it changes."""

import difflib
from pathlib import Path

import pytest

from headroom.blueprint.folder import resource_files
from stacks.reading import environments
from stacks.voice import render
from tests.environments import planned

GOLDENS = Path(__file__).resolve().parent


@pytest.mark.parametrize("environment", environments())
def test_the_rendered_stack_is_the_reviewed_one(environment: str, request: pytest.FixtureRequest) -> None:
    """What `headroom synth` renders equals tests/goldens/<environment>, file by file."""
    folder = GOLDENS / environment
    rendered = resource_files(render(planned(environment)))
    kept = {file.name: file.read_text(encoding="utf-8") for file in folder.glob("*.yaml")}
    changed = sorted(name for name in rendered.keys() | kept.keys() if rendered.get(name) != kept.get(name))
    if not changed:
        return
    if request.config.getoption("--rewrite-goldens"):
        folder.mkdir(exist_ok=True)
        for name in changed:
            (folder / name).unlink(missing_ok=True)
            if name in rendered:
                (folder / name).write_text(rendered[name], encoding="utf-8")
    shown = "".join(
        line
        for name in changed[:10]
        for line in difflib.unified_diff(
            kept.get(name, "").splitlines(keepends=True),
            rendered.get(name, "").splitlines(keepends=True),
            name,
            name,
            n=1,
        )
    )
    pytest.fail(
        f"{len(changed)} files of {environment} changed; if they should, run: make golden\n{shown[:6000]}",
        pytrace=False,
    )
