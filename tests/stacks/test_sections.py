"""The examples' sections: what the published figures make of the stack beside the pods."""

import io

import pytest
from rich.console import Console

from capacity.explain import explain_parts
from headroom.review.terminal import show_plan
from stacks.reading import read_spec
from tests.environments import planned

PUBLISHED = {"tools", "bus", "turn", "tunnel", "session object", "admission gate", "first token", "first audio"}


@pytest.mark.parametrize("environment", ["prod", "seed"])
def test_the_published_stack_is_sized_whole(environment: str) -> None:
    """Every row of the post beside the pods has its part, each with a known load (S6, S8, S11, S12, S13, S15, S24, S26)."""
    made = planned(environment)
    names = {part.name for part in made.sizings}
    assert names >= PUBLISHED | {"gpu asr", "gpu tts", "sales sockets", "sales workers", "after-hours queue"}
    assert all(part.sizing is not None for part in made.sizings)


def test_prod_holds_all_of_it() -> None:
    """No part of prod's stack is short, and nothing of it is too late to order."""
    made = planned("prod")
    assert [short for short in made.shortfalls if short.scope in {part.path for part in made.sizings}] == []


def test_the_seed_keeps_its_50k_jobs_and_cuts_its_calls() -> None:
    """50,000 jobs are 45,000 safe; PM2's default kill time of 1.6 s cuts calls of an hour, and that is refused."""
    made = planned("seed")
    parts = {part.name: part.sizing for part in made.sizings}
    queue, workers = parts["after-hours queue"], parts["sales workers"]
    assert queue is not None
    assert workers is not None
    assert (queue.hard, queue.safe, queue.binding, queue.shortfall) == (50_000, 45_000, "depth cap", None)
    assert workers.shortfall in made.shortfalls
    assert workers.shortfall is not None
    assert workers.shortfall.remedy == "raise verticals.sales.workers.kill_timeout from 1.6s to 3600s"


@pytest.mark.parametrize("environment", ["local", "prod", "seed"])
def test_every_part_has_its_line_in_a_terminal_of_80_columns(environment: str) -> None:
    """Name, required, safe, headroom, what binds and the unit stand in one line, none of it cut."""
    made, shown = planned(environment), io.StringIO()
    show_plan(made, Console(file=shown, width=80))
    lines = shown.getvalue().splitlines()
    for part in made.sizings:
        assert part.sizing is not None
        (line,) = [line for line in lines if line.startswith(f"{part.name} ") and part.sizing.unit.split()[0] in line]
        assert part.sizing.binding in line


@pytest.mark.parametrize("environment", ["local", "prod", "seed"])
def test_no_limit_of_an_example_lacks_a_source(environment: str) -> None:
    """Whatever the post does not say is marked assumed, with the reason; nothing stands without one."""
    made = planned(environment)
    for part in made.sizings:
        for step in explain_parts(made, part.name):
            assert "no source given" not in step.source, (part.name, step.name)


def test_the_plan_carries_the_figures_that_the_stack_is_configured_by() -> None:
    """Whoever renders Redis, NATS, cloudflared or coturn finds its figures in the plan, the derived ones too."""
    made, spec = planned("prod"), read_spec("prod")
    assert made.stack.bus == spec.bus
    assert made.stack.edge == spec.edge
    assert made.stack.turn is not None
    assert (made.stack.turn.first_port, made.stack.turn.last_port) == (49152, 65535)
    (queue,) = [vertical.queue for vertical in made.verticals if vertical.spec.kind == "queue"]
    assert queue is not None
    assert (queue.depth_cap, queue.max_memory, queue.workers) == (50_000, 512 * 2**20, 50)
    (workers,) = [live.workers for live in made.live if live.workers is not None]
    assert (workers.processes, workers.grace) == (8, 3660)
