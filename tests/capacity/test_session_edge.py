"""What a spec may say of calls at the edge."""

import pytest
from pydantic import ValidationError

from capacity.session_edge import RealtimeModel, Sessions

URL = "https://api.example.com/v1/realtime?model=m"


def test_a_session_is_replaced_before_its_providers_limit() -> None:
    """OpenAI's hour, less five minutes: 55 minutes."""
    assert RealtimeModel(url=URL).reopened_after == 55 * 60


def test_a_session_that_is_old_when_it_begins_is_refused() -> None:
    """Reopening before the limit leaves something of the session."""
    with pytest.raises(ValidationError, match="reopen_before: below session_limit, 300 s"):
        RealtimeModel.model_validate_json(f'{{"url": "{URL}", "session_limit": "5m"}}')


@pytest.mark.parametrize(
    "url", ["http://api.example.com/v1", "wss://api.example.com/v1", "https://api.example.com", "api.example.com/"]
)
def test_models_are_reached_by_https(url: str) -> None:
    """A model's key is sent to it, and calls are: in clear text neither is."""
    with pytest.raises(ValidationError, match="url"):
        RealtimeModel(url=url)


def test_the_budgets_of_an_answer_are_bounds_of_the_histograms() -> None:
    """What share of answers kept to 800 ms and to 1.4 s is read off without interpolation (S26)."""
    assert {0.8, 1.4} <= set(Sessions().latency_buckets)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ('{"park": "2m"}', "park: at most resume, 60 s"),
        ('{"latency_buckets": ["200ms", "100ms"]}', "latency_buckets: each bound above the one before it"),
        ('{"latency_buckets": ["100ms", "100ms"]}', "latency_buckets: each bound above"),
        ('{"latency_buckets": []}', "latency_buckets"),
        ('{"batch": "0ms"}', "batch"),
        ('{"frame": "0MB"}', "frame"),
    ],
)
def test_what_cannot_be_is_refused(given: str, reason: str) -> None:
    """Limits that contradict each other are named."""
    with pytest.raises(ValidationError, match=reason):
        Sessions.model_validate_json(given)


def test_audio_need_not_wait() -> None:
    """Null says that no frame waits for another."""
    assert Sessions.model_validate_json('{"batch": null}').batch is None
