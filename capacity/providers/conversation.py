"""The tokens a minute of a real-time session, from what is said in it.

A speech-to-speech session resends its whole conversation for every response, so that its tokens grow with the age of the call:
at age m one minute costs r x min(context, prompt + g x m) + out, with r responses a minute, a conversation that grows by g tokens
a minute, and out new tokens a minute (OpenAI, "Managing costs", Realtime API guide, read October 2026). Input that the provider
serves from its cache is counted in full: whether it counts towards the limit is not documented, and users report that it does.
"""

import math
from dataclasses import dataclass
from typing import Annotated, Self

from pydantic import Field, model_validator

from capacity.figures import Frozen
from capacity.units import Amount, PositiveAmount, Seconds

USER_AUDIO_TOKENS = 600
"""Tokens a minute of user speech: one each 100 ms (OpenAI, "Managing costs", Realtime API guide)."""
ASSISTANT_AUDIO_TOKENS = 1200
"""Tokens a minute of assistant speech: one each 50 ms (same source)."""

_Share = Annotated[float, Field(ge=0, le=1)]


class ToolUse(Frozen):
    """What tools add to a session. Each call is answered by one more response, which rereads the conversation."""

    calls_per_minute: float = Field(gt=0)
    argument_tokens: Amount
    """Written by the model for one call."""
    result_tokens: Amount
    """Put into the conversation by one call."""


class Conversation(Frozen):
    """What is said in the sessions of one kind of call."""

    prompt_tokens: Amount
    """Instructions and tool definitions."""
    turns_per_minute: float = Field(gt=0)
    """Responses a minute that answer the user."""
    user_talk: _Share
    """Share of the time in which the user speaks; silence is filtered out and costs nothing."""
    assistant_talk: _Share
    output_text: float = Field(ge=0)
    """Text that the assistant writes beside its speech, as a share of its audio tokens."""
    call: Seconds
    """Mean length of a call."""
    call_variation: float = Field(ge=0, le=10)
    """Standard deviation of the lengths of calls as a share of their mean; 0 where every call is equally long.

    No default, for it is no detail: sessions that are live at some moment are long ones more often than not. Their mean age is
    call x (1 + variation^2) / 2, so at a variation of 1 they are twice as old as at 0.
    """
    tools: ToolUse | None = None
    context_tokens: PositiveAmount | None = None
    """The most that one response reads, prompt included: the model's window less its longest output, or what the session's
    truncation is set to. Left out: nothing is ever cut."""

    @model_validator(mode="after")
    def _prompt_fits(self) -> Self:
        if self.context_tokens is not None and self.context_tokens <= self.prompt_tokens:
            raise ValueError(
                f"context_tokens {self.context_tokens:,} leave no room beside the prompt's {self.prompt_tokens:,}: "
                "raise context_tokens or shorten the prompt"
            )
        return self


@dataclass(frozen=True)
class SessionMinute:
    """What one live session asks of its provider in a minute, at a random moment of its life."""

    tokens: float
    deviation: float | None
    """Standard deviation of the tokens over sessions and minutes; None where it is not known."""
    requests: float | None
    """Responses that are asked for; None where it is not known."""
    formula: str


def session_minute(conversation: Conversation) -> SessionMinute:
    """Return the tokens and responses a minute of a session that is live at a random moment.

    That is the mean over the minutes of all calls, so that N live sessions ask for N times as much. Lengths are lognormal where
    they vary (Brown et al., "Statistical analysis of a telephone call center", JASA 100, 2005); while nothing is cut, the mean
    depends on their mean and variation alone.

    The deviation has two parts: sessions of different age, and responses that come at random times (Poisson) at their rate. Turns
    are more regular than that, answers less equal than assumed here; a measured deviation is better where there is one.

    The figure is an upper bound where conversations are cut: providers cut below the limit and let them grow again
    ("retention_ratio"), here they stay at it.

    >>> order = Conversation(prompt_tokens=3000, turns_per_minute=4, user_talk=0.45, assistant_talk=0.45, output_text=0.2,
    ...                      call="3m", call_variation=0)
    >>> round(session_minute(order).tokens)
    18156
    """
    responses, growth, new = _responses(conversation), _growth(conversation), _new_tokens(conversation)
    first, second = _context_moments(conversation, growth)
    tokens = responses * first + new
    # A response costs what it reads and its share of the new tokens; given the age, their sum over a Poisson number of responses
    # has the variance rate x E[cost^2].
    by_age = responses**2 * max(0.0, second - first**2)
    by_turns = responses * second + 2 * new * first + new**2 / responses
    age = _mean_length(conversation) * (1 + conversation.call_variation**2) / 2
    limit = f", at most {conversation.context_tokens:,}" if conversation.context_tokens is not None else ""
    return SessionMinute(
        tokens=tokens,
        deviation=math.sqrt(by_age + by_turns),
        requests=responses,
        formula=(
            f"{responses:g} responses x {first:,.0f} tokens reread (prompt {conversation.prompt_tokens:,} + {growth:,.0f} "
            f"a minute at a mean age of {age:.3g} min{limit}) + {new:,.0f} new = {tokens:,.0f} tokens a minute"
        ),
    )


def tokens_by_minute(conversation: Conversation, minutes: int) -> tuple[float, ...]:
    """Return the mean tokens of the first, second, ... minute of a call that lasts so long.

    Raises:
        ValueError: fewer than one minute is asked for.

    >>> order = Conversation(prompt_tokens=500, turns_per_minute=4, user_talk=0.45, assistant_talk=0.45, output_text=0.2,
    ...                      call="3m", call_variation=0)
    >>> [round(tokens) for tokens in tokens_by_minute(order, 3)]
    [4484, 8156, 11828]
    """
    if minutes < 1:
        raise ValueError(f"minutes of a call must be 1 or more, got {minutes}")
    growth = _growth(conversation)
    cut = _minutes_until_cut(conversation, growth)

    def read(until: float) -> float:
        return conversation.prompt_tokens * until + growth * (until**2 - max(0.0, until - cut) ** 2) / 2

    rate, new = _responses(conversation), _new_tokens(conversation)
    return tuple(rate * (read(minute + 1) - read(minute)) + new for minute in range(minutes))


def raw_audio_tokens(conversation: Conversation) -> float:
    """Return the tokens of the speech itself in a minute, each counted once; never above 1,800.

    The rest of a session's tokens is what responses reread.
    """
    return USER_AUDIO_TOKENS * conversation.user_talk + ASSISTANT_AUDIO_TOKENS * conversation.assistant_talk


def _responses(conversation: Conversation) -> float:
    return conversation.turns_per_minute + (conversation.tools.calls_per_minute if conversation.tools else 0.0)


def _new_tokens(conversation: Conversation) -> float:
    arguments = conversation.tools.calls_per_minute * conversation.tools.argument_tokens if conversation.tools else 0.0
    return ASSISTANT_AUDIO_TOKENS * conversation.assistant_talk * (1 + conversation.output_text) + arguments


def _growth(conversation: Conversation) -> float:
    results = conversation.tools.calls_per_minute * conversation.tools.result_tokens if conversation.tools else 0.0
    return USER_AUDIO_TOKENS * conversation.user_talk + _new_tokens(conversation) + results


def _mean_length(conversation: Conversation) -> float:
    return conversation.call / 60


def _minutes_until_cut(conversation: Conversation, growth: float) -> float:
    if conversation.context_tokens is None or growth == 0:
        return math.inf
    return (conversation.context_tokens - conversation.prompt_tokens) / growth


def _context_moments(conversation: Conversation, growth: float) -> tuple[float, float]:
    """Return mean and mean square of what a response reads, over the minutes of all calls.

    Over one call of length L, with c(m) = min(C, S + g m) cut at m*, the integral of c is S L + g L^2/2 - g (L - m*)^2/2, that of
    c^2 is S^2 L + S g L^2 + g^2 L^3/3 - C g (L - m*)^2 - g^2 (L - m*)^3/3, where L - m* counts only above 0.
    """
    prompt, mean = conversation.prompt_tokens, _mean_length(conversation)
    spread = 1 + conversation.call_variation**2
    # Second and third moment of a lognormal length: mean^k (1 + variation^2)^(k (k - 1) / 2).
    square, cube = mean**2 * spread, mean**3 * spread**3
    read = prompt * mean + growth * square / 2
    read_squared = prompt**2 * mean + prompt * growth * square + growth**2 * cube / 3
    cut = _minutes_until_cut(conversation, growth)
    if math.isfinite(cut):
        over_square, over_cube = _excess(conversation, cut)
        limit = prompt + growth * cut
        read -= growth * over_square / 2
        read_squared -= limit * growth * over_square + growth**2 * over_cube / 3
    return read / mean, read_squared / mean


def _excess(conversation: Conversation, cut: float) -> tuple[float, float]:
    """Return the second and third moment of the minutes of a call beyond the cut."""
    mean = _mean_length(conversation)
    log_variance = math.log1p(conversation.call_variation**2)
    if log_variance == 0:
        over = max(0.0, mean - cut)
        return over**2, over**3
    scale = math.sqrt(log_variance)

    def beyond(power: int) -> float:
        # E[L^k; L > cut] = E[L^k] x P(a normal variable is below the bound).
        bound = (math.log(mean / cut) + log_variance * (power - 0.5)) / scale
        return mean**power * math.exp(log_variance * power * (power - 1) / 2) * math.erfc(-bound / math.sqrt(2)) / 2

    none, one, two, three = (beyond(power) for power in range(4))
    if three == 0:
        return 0.0, 0.0  # so far out that powers of the cut may overflow
    over_square = two - 2 * cut * one + cut**2 * none
    over_cube = three - 3 * cut * two + 3 * cut**2 * one - cut**3 * none
    return max(0.0, over_square), max(0.0, over_cube)
