"""Tokens of a session: the golden table, closed forms against brute force, and what must hold for every conversation."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from capacity.providers.conversation import Conversation, raw_audio_tokens, session_minute, tokens_by_minute
from tests.capacity.providers import read_talk, talk

GOLDEN = {
    500: ("6.3k", "8.2k", "11.8k", "21k"),
    1000: ("8.3k", "10.2k", "13.8k", "23k"),
    3000: ("16.3k", "18.2k", "21.8k", "31k"),
}
"""Prompt tokens, and tokens a minute of calls of 2, 3, 5 and 10 minutes, as published with their rounding."""

TALKS = st.fixed_dictionaries(
    {
        "prompt_tokens": st.integers(0, 8000),
        "turns_per_minute": st.floats(0.5, 12),
        "user_talk": st.floats(0, 1),
        "assistant_talk": st.floats(0, 1),
        "output_text": st.floats(0, 1),
        "call": st.integers(20, 3600).map("{}s".format),
        "call_variation": st.floats(0, 3),
        "tools": st.none()
        | st.fixed_dictionaries(
            {
                "calls_per_minute": st.floats(0.1, 5),
                "argument_tokens": st.integers(0, 200),
                "result_tokens": st.integers(0, 2000),
            }
        ),
        "context_tokens": st.none() | st.integers(8001, 130_000),
    }
)


@pytest.mark.parametrize("prompt", GOLDEN)
def test_the_golden_table(prompt: int) -> None:
    """4 turns a minute, 45/45 talk, a fifth in text, nothing cut: the twelve published values, rounded as printed."""
    means = [session_minute(read_talk(prompt_tokens=prompt, call=call)).tokens for call in ("2m", "3m", "5m", "10m")]
    assert tuple(f"{mean / 1000:.{digits}f}k" for mean, digits in zip(means, (1, 1, 1, 0), strict=True)) == GOLDEN[prompt]


@pytest.mark.parametrize(("turns", "call", "tokens"), [(3, "2m", 7_800), (3, "5m", 11_850), (6, "2m", 15_000), (6, "5m", 23_100)])
def test_the_checked_values_of_a_longer_prompt(turns: int, call: str, tokens: int) -> None:
    """A prompt of 1,500, half and half talk, 900 tokens a minute more to reread: 7.8k, 11.9k, 15k and 23k."""
    order = read_talk(prompt_tokens=1500, turns_per_minute=turns, user_talk=0.5, assistant_talk=0.5, output_text=0, call=call)
    assert session_minute(order).tokens == pytest.approx(tokens)


def test_lengths_that_vary_make_live_sessions_older() -> None:
    """At a variation of 1 the mean age doubles: a call of 3 minutes costs what a constant one of 6 does."""
    assert session_minute(read_talk(call_variation=1)).tokens == pytest.approx(session_minute(read_talk(call="6m")).tokens)


def test_a_tool_call_is_one_more_response() -> None:
    """Tools that write and return nothing cost what as many more turns cost; what they return is reread, what they write too."""
    silent = {"calls_per_minute": 2, "argument_tokens": 0, "result_tokens": 0}
    base = session_minute(read_talk(tools=silent))
    assert base.tokens == pytest.approx(session_minute(read_talk(turns_per_minute=6)).tokens)
    assert base.requests == 6
    # 2 x 300 more a minute, at a mean age of 1.5 minutes, in each of 6 responses; arguments count once more when written.
    assert session_minute(read_talk(tools=silent | {"result_tokens": 300})).tokens == pytest.approx(base.tokens + 6 * 900)
    assert session_minute(read_talk(tools=silent | {"argument_tokens": 300})).tokens == pytest.approx(base.tokens + 6 * 900 + 600)


def test_a_cut_conversation_stays_at_its_limit() -> None:
    """Once the context is full, every further minute costs the same: 4 x 28,224 reread and 648 new."""
    minutes = tokens_by_minute(read_talk(context_tokens=28_224), 60)
    assert minutes[0] == pytest.approx(4 * (500 + 918 / 2) + 648)
    assert minutes[29] < minutes[30] < minutes[31] == pytest.approx(4 * 28_224 + 648) == minutes[59]


def test_a_session_that_says_nothing_rereads_its_prompt() -> None:
    """Without talk nothing grows, whatever the context and the lengths of calls."""
    silent = read_talk(user_talk=0, assistant_talk=0, call_variation=2, context_tokens=600)
    assert session_minute(silent).tokens == pytest.approx(4 * 500)


def test_the_formula_says_what_was_computed() -> None:
    """The explanation has prompt, growth, age, limit and result."""
    assert session_minute(read_talk(prompt_tokens=3000, context_tokens=28_224)).formula == (
        "4 responses x 4,377 tokens reread (prompt 3,000 + 918 a minute at a mean age of 1.5 min, at most 28,224) "
        "+ 648 new = 18,156 tokens a minute"
    )


@given(TALKS)
def test_mean_over_a_call_is_the_mean_of_its_minutes(document: dict[str, Any]) -> None:
    """The closed form for calls of one length agrees with the tokens minute by minute."""
    order = read_talk(**document | {"call": "17m", "call_variation": 0})
    assert session_minute(order).tokens == pytest.approx(sum(tokens_by_minute(order, 17)) / 17)


@given(TALKS)
def test_raw_audio_is_at_most_1800_tokens_a_minute(document: dict[str, Any]) -> None:
    """Speech itself is never above 600 + 1,200 tokens a minute, whatever a session costs by rereading."""
    order = Conversation.model_validate(read_talk(**document))
    assert 0 <= raw_audio_tokens(order) <= 1800
    assert raw_audio_tokens(read_talk(user_talk=1, assistant_talk=1)) == 1800


@given(TALKS)
def test_tokens_lie_between_prompt_and_full_context(document: dict[str, Any]) -> None:
    """Every response reads at least the prompt and at most the context; a session's spread is finite and not negative."""
    order = read_talk(**document)
    minute = session_minute(order)
    assert minute.requests is not None
    assert minute.deviation is not None
    assert minute.tokens >= minute.requests * order.prompt_tokens * (1 - 1e-9)
    if order.context_tokens is not None:
        written = order.tools.calls_per_minute * order.tools.argument_tokens if order.tools else 0
        new = 1200 * order.assistant_talk * (1 + order.output_text) + written
        assert minute.tokens <= (minute.requests * order.context_tokens + new) * (1 + 1e-9)
    assert 0 <= minute.deviation < 1e12


@given(
    TALKS,
    st.sampled_from(["prompt_tokens", "turns_per_minute", "user_talk", "assistant_talk", "output_text", "call_variation"]),
    st.floats(0, 1),
)
def test_more_of_anything_never_costs_less(document: dict[str, Any], argument: str, more: float) -> None:
    """Tokens rise with prompt, turns, talk of both, text and the variation of lengths."""
    most = {
        "prompt_tokens": 8000,
        "turns_per_minute": 12,
        "user_talk": 1,
        "assistant_talk": 1,
        "output_text": 1,
        "call_variation": 3,
    }
    raised = document[argument] + more * (most[argument] - document[argument])
    changed = document | {argument: int(raised) if argument == "prompt_tokens" else raised}
    _never_less(document, changed)


@given(TALKS, st.integers(0, 3600), st.integers(0, 100_000))
def test_longer_calls_and_contexts_never_cost_less(document: dict[str, Any], seconds: int, tokens: int) -> None:
    """Tokens rise with the length of calls and with the context that is kept."""
    _never_less(document, document | {"call": f"{int(document['call'][:-1]) + seconds}s"})
    kept = document["context_tokens"]
    _never_less(document, document | {"context_tokens": None if kept is None else kept + tokens})
    _never_less(document, document | {"context_tokens": None})


@given(TALKS, st.floats(0, 5), st.integers(0, 500), st.integers(0, 5000))
def test_more_tools_never_cost_less(document: dict[str, Any], calls: float, argument: int, result: int) -> None:
    """Tokens rise with the calls of tools, with what is written for one and with what it returns."""
    tools = document["tools"] or {"calls_per_minute": 0.1, "argument_tokens": 0, "result_tokens": 0}
    _never_less(document, document | {"tools": tools})
    for name, more in (("calls_per_minute", calls), ("argument_tokens", argument), ("result_tokens", result)):
        _never_less(document | {"tools": tools}, document | {"tools": tools | {name: tools[name] + more}})


@pytest.mark.parametrize("context", [None, 2500, 6000, 28_224])
@pytest.mark.parametrize("variation", [0.3, 1.0])
def test_closed_forms_agree_with_drawn_calls(context: int | None, variation: float) -> None:
    """Mean and deviation are those of a million drawn calls, seen at random moments, their responses at random times."""
    order = read_talk(call_variation=variation, context_tokens=context)
    draw = np.random.default_rng(7)
    log_variance = np.log1p(variation**2)
    lengths = draw.lognormal(np.log(3) - log_variance / 2, np.sqrt(log_variance), 1_000_000)
    read = 500 + 918 * lengths * draw.random(lengths.size)
    if context is not None:
        read = np.minimum(read, context)
    tokens = draw.poisson(4, lengths.size) * (read + 648 / 4)
    # A live session is met in proportion to its length.
    mean = np.average(tokens, weights=lengths)
    minute = session_minute(order)
    assert minute.tokens == pytest.approx(mean, rel=0.01)
    assert minute.deviation == pytest.approx(np.sqrt(np.average((tokens - mean) ** 2, weights=lengths)), rel=0.02)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"prompt_tokens": 4000, "context_tokens": 4000}, "leave no room beside the prompt's 4,000"),
        ({"user_talk": 1.1}, "less than or equal to 1"),
        ({"turns_per_minute": 0}, "greater than 0"),
        ({"call": 180}, "a span with its unit"),
        ({"turns": 4}, "Extra inputs are not permitted"),
        ({"tools": {"calls_per_minute": 1}}, "argument_tokens"),
        ({"call_variation": None}, "valid number"),
    ],
)
def test_a_conversation_that_cannot_be_is_refused(changes: dict[str, Any], message: str) -> None:
    """Impossible shares, missing units, unknown and missing keys are errors that say what was expected."""
    with pytest.raises(ValidationError, match=message):
        read_talk(**changes)


def test_the_variation_of_lengths_has_no_default() -> None:
    """Nobody may leave out what can double the tokens."""
    document = talk()
    del document["call_variation"]
    with pytest.raises(ValidationError, match="call_variation"):
        Conversation.model_validate(document)


def test_a_call_has_a_first_minute() -> None:
    """Asking for no minute is an error."""
    with pytest.raises(ValueError, match="must be 1 or more, got 0"):
        tokens_by_minute(read_talk(), 0)


def _never_less(document: dict[str, Any], raised: dict[str, Any]) -> None:
    before, after = session_minute(read_talk(**document)).tokens, session_minute(read_talk(**raised)).tokens
    assert after >= before * (1 - 1e-9)
