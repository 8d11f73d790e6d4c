"""What benchmarks are fed with follows the stacks, which change."""

import pickle
from pathlib import Path

import pytest

from benchmarks.plan import planned, texts
from benchmarks.preview_project import make
from stacks.voice import render
from tests.environments import planned as planned_stack


@pytest.mark.parametrize(("copies", "tenants"), [(1, 0), (1, 30), (3, 0)])
def test_prod_can_be_planned_many_times_over(copies: int, tenants: int) -> None:
    """Copies of its verticals, and new tenants, are a valid spec; together they ask for no less than the originals as often."""
    once, many = planned(*texts(1)), planned(*texts(copies, tenants))
    assert len(many.verticals) == copies * len(once.verticals)
    least = copies * sum(live.required.sessions for live in once.live)
    assert sum(live.required.sessions for live in many.live) >= least


@pytest.mark.needs("go", "install Go 1.26 or later from https://go.dev/dl/, or have pulumi 3.259 or later on PATH")
def test_previews_are_compared_on_the_same_resources(tmp_path: Path) -> None:
    """The bare program has all of our resources; copies of verticals have more, and what they break the glass lets through."""
    once, twice = (make(tmp_path / str(copies), copies) for copies in (1, 2))
    assert once.violations == 0
    assert twice.violations > 0
    assert twice.resources > once.resources
    kept = pickle.loads((Path(once.bare) / "blueprint.pickle").read_bytes())  # noqa: S301  # our own
    assert [resource.name for resource in kept] == [resource.name for resource in render(planned_stack("prod"))]
