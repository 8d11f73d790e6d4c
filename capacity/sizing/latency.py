"""The latency budget (S26): the stages from the end of a caller's words to the first token and the first sound."""

from datetime import date
from typing import Self

from pydantic import Field, model_validator

from capacity.figures import Source
from capacity.sizing.claims import Span, said
from capacity.sizing.result import Sizing, lasting, whole
from capacity.sizing.stages import Part, budgeted
from capacity.units import Seconds

FIRST_TOKEN = Span.model_validate(
    {"value": "800ms", "basis": "declared", "source": "CallSphere capacity post: first token < 800 ms", "date": date(2026, 4, 1)}
)
FIRST_AUDIO = Span.model_validate(
    {"value": "1.4s", "basis": "declared", "source": "CallSphere capacity post: first audio < 1.4 s", "date": date(2026, 4, 1)}
)


class Stage(Source):
    """What one stage takes, at the budget's quantile."""

    name: str = Field(min_length=1)
    value: Seconds


class Latency(Source):
    """The stages of an answer in their order."""

    quantile: float = Field(default=0.95, gt=0, lt=1)
    """That of every stage's figure and of the budgets."""
    to_first_token: tuple[Stage, ...] = Field(min_length=1)
    """Network in, end of speech, recognition, queueing, the model's first token."""
    to_first_audio: tuple[Stage, ...] = Field(min_length=1)
    """What follows the first token: synthesis, network out, playout."""
    first_token: Span = FIRST_TOKEN
    first_audio: Span = FIRST_AUDIO

    @model_validator(mode="after")
    def _told_apart(self) -> Self:
        names = [stage.name for stage in (*self.to_first_token, *self.to_first_audio)]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two stages are called {twice[0]!r}: one of them would count twice")
        return self


def size_first_token(latency: Latency, *, scope: str = "latency") -> Sizing:
    """Return the budget to the first token against the stages that lead to it; `binding` is the one that takes most."""
    return _sized("first token", latency.first_token, latency.to_first_token, latency.quantile, scope)


def size_first_audio(latency: Latency, *, scope: str = "latency") -> Sizing:
    """Return the budget to the first sound against all stages; `binding` is the one that takes most."""
    stages = (*latency.to_first_token, *latency.to_first_audio)
    return _sized("first audio", latency.first_audio, stages, latency.quantile, scope)


def _sized(resource: str, budget: Span, stages: tuple[Stage, ...], quantile: float, scope: str) -> Sizing:
    """Return one budget's sizing.

    Quantiles are added: exact where stages are slow together, as they are under load, and too much where they are independent.
    """
    return budgeted(
        resource,
        scope,
        budget.value,
        [Part(stage.name, stage.value, said(stage)) for stage in stages],
        law=f"{quantile:.0%} quantiles of the stages, on a budget that is {said(budget)}",
        remedy=lambda over: _remedy(stages, over, scope),
    )


def _remedy(stages: tuple[Stage, ...], over: float, scope: str) -> str:
    weakest = max(stages, key=lambda stage: stage.value)
    left = whole((weakest.value - over) * 1000)
    if left:
        return f"lower {scope}.{weakest.name} from {lasting(weakest.value)} to {lasting(left / 1000)}"
    share = 1 - over / sum(stage.value for stage in stages)
    return f"bring every stage of {scope} to {whole(share * 100)}% of what it takes: no single one is long enough to make up"
