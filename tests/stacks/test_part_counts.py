"""What `headroom synth` says of the size of a stack."""

import io

import pytest
from rich.console import Console

from headroom.blueprint import Blueprint, Rendered
from headroom.blueprint.counts import part_counts
from headroom.review.terminal import show_parts
from stacks.reading import environments
from stacks.voice import render
from tests.environments import planned


def test_a_part_is_a_component_below_the_root() -> None:
    """Components within a part count with it, what hangs on the root with the root, what hangs on nothing for itself."""
    blueprint = Blueprint(
        (
            Rendered("pulumi:providers:kubernetes", "cluster", {}),
            Rendered("headroom:stack:Voice", "voice", {}),
            Rendered("kubernetes:core/v1:Namespace", "space", {}, parent="voice"),
            Rendered("headroom:edge:Edge", "edge", {}, parent="voice"),
            Rendered("headroom:edge:Tunnel", "tunnel", {}, parent="edge"),
            Rendered("kubernetes:apps/v1:Deployment", "cloudflared", {}, parent="tunnel"),
        )
    )
    assert [(part.name, part.resources) for part in part_counts(blueprint)] == [("cluster", 1), ("voice", 2), ("edge", 3)]


@pytest.mark.parametrize("environment", environments())
def test_the_parts_are_the_whole_and_fit_a_terminal(environment: str) -> None:
    """Their counts add up to the blueprint, each part has one line of 80 columns, and `all` closes them."""
    blueprint, shown = render(planned(environment)), io.StringIO()
    parts = part_counts(blueprint)
    show_parts(parts, Console(file=shown, width=80))
    lines = [line.split() for line in shown.getvalue().splitlines()]
    assert sum(part.resources for part in parts) == len(blueprint)
    assert lines[1 : len(parts) + 2] == [
        *([part.name, str(part.resources), part.type] for part in parts),
        ["all", str(len(blueprint))],
    ]
