"""The latency budget (S26): the stages from the end of a caller's words to the first token and the first sound."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Self

from pydantic import Field, model_validator

from capacity.figures import Source
from capacity.sizing.claims import Span, said
from capacity.sizing.result import Sizing, lasting, whole
from capacity.sizing.stages import Stage, budgeted

FIRST_TOKEN = Span.model_validate(
    {"value": "800ms", "basis": "declared", "source": "CallSphere capacity post: first token < 800 ms", "date": date(2026, 4, 1)}
)
FIRST_AUDIO = Span.model_validate(
    {"value": "1.4s", "basis": "declared", "source": "CallSphere capacity post: first audio < 1.4 s", "date": date(2026, 4, 1)}
)


Stages = Annotated[dict[Annotated[str, Field(pattern=r"^[a-z][-a-z0-9]*$")], Span], Field(min_length=1)]
"""By name, in their order: what each takes, at the budget's quantile."""


class Latency(Source):
    """The stages of an answer in their order."""

    quantile: float = Field(default=0.95, gt=0, lt=1)
    """That of every stage's figure and of the budgets."""
    to_first_token: Stages
    """Network in, end of speech, recognition, queueing, the model's first token."""
    to_first_audio: Stages
    """What follows the first token: synthesis, network out, playout."""
    first_token: Span = FIRST_TOKEN
    first_audio: Span = FIRST_AUDIO

    @model_validator(mode="after")
    def _told_apart(self) -> Self:
        if twice := sorted(self.to_first_token.keys() & self.to_first_audio.keys()):
            raise ValueError(f"two stages are called {twice[0]!r}: one of them would count twice")
        return self


def size_first_token(latency: Latency, *, scope: str = "latency") -> Sizing:
    """Return the budget to the first token against the stages that lead to it; `binding` is the one that takes most."""
    return _sized("first token", latency.first_token, _stages(latency.to_first_token, f"{scope}.to_first_token"), latency, scope)


def size_first_audio(latency: Latency, *, scope: str = "latency") -> Sizing:
    """Return the budget to the first sound against all stages; `binding` is the one that takes most."""
    stages = (
        *_stages(latency.to_first_token, f"{scope}.to_first_token"),
        *_stages(latency.to_first_audio, f"{scope}.to_first_audio"),
    )
    return _sized("first audio", latency.first_audio, stages, latency, scope)


@dataclass(frozen=True)
class _Input:
    name: str
    takes: Span
    path: str


def _stages(stages: dict[str, Span], scope: str) -> tuple[_Input, ...]:
    return tuple(_Input(name, takes, f"{scope}.{name}.value") for name, takes in stages.items())


def _sized(resource: str, budget: Span, stages: tuple[_Input, ...], latency: Latency, scope: str) -> Sizing:
    """Return one budget's sizing.

    Quantiles are added: exact where stages are slow together, as they are under load, and too much where they are independent.
    """
    return budgeted(
        resource,
        scope,
        budget.value,
        [Stage(stage.name, stage.takes.value, said(stage.takes)) for stage in stages],
        law=f"{latency.quantile:.0%} quantiles of the stages, on a budget that is {said(budget)}",
        remedy=lambda over: _remedy(stages, over, scope),
    )


def _remedy(stages: tuple[_Input, ...], over: float, scope: str) -> str:
    weakest = max(stages, key=lambda stage: stage.takes.value)
    left = whole((weakest.takes.value - over) * 1000)
    if left:
        return f"lower {weakest.path} from {lasting(weakest.takes.value)} to {lasting(left / 1000)}"
    share = 1 - over / sum(stage.takes.value for stage in stages)
    return f"bring every stage of {scope} to {whole(share * 100)}% of what it takes: no single one is long enough to make up"
