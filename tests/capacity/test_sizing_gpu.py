"""GPUs: memory of sessions and streams in real time."""

from typing import Any

import pytest
from pydantic import ValidationError

from capacity.sizing.gpu import GpuPool, kv_bytes_per_token, session_bytes, sessions_in_memory, size_gpu
from capacity.sizing.speech import (
    CARTESIA_SONIC_L40S,
    KYUTAI_STT_L40S,
    LLAMA_3_1_8B,
    LLAMA_3_1_70B,
    WHISPER_AUDIO_POSITIONS,
    WHISPER_LARGE_V3,
    WHISPER_TEXT_TOKENS,
    WHISPER_TURBO,
    whisper_cache,
)
from tests.capacity.sizing import WHISPER, read


def _pool(**changes: Any) -> GpuPool:
    return read(GpuPool, WHISPER, **changes)


def test_a_token_of_llama_keeps_128_kib() -> None:
    """2 x layers x KV heads x head dimension x bytes: 128 KiB for the 8B, 320 for the 70B."""
    assert kv_bytes_per_token(LLAMA_3_1_8B) == 128 * 1024
    assert kv_bytes_per_token(LLAMA_3_1_70B) == 320 * 1024


def test_a_live_whisper_decode_keeps_its_audio_and_its_text() -> None:
    """large-v3: 246 MB of cross-attention and 73 MB of its own; turbo: 31 and 9."""
    for attention, cross, own in ((WHISPER_LARGE_V3, 246, 73), (WHISPER_TURBO, 31, 9)):
        assert round(kv_bytes_per_token(attention) * WHISPER_AUDIO_POSITIONS / 1e6) == cross
        assert round(kv_bytes_per_token(attention) * WHISPER_TEXT_TOKENS / 1e6) == own
    assert whisper_cache(WHISPER_LARGE_V3, beams=5).sequences == 5


def test_a_gpu_holds_the_least_of_memory_and_real_time() -> None:
    """24 GB x 0.9 less 5.5 GB are 50 decodes of 321 MB, but 11 streams were measured: seven GPUs left hold 77, safely 63."""
    pool = _pool()
    assert sessions_in_memory(pool) == 50
    sizing = size_gpu(pool, sessions=60, safe_utilisation=0.9)
    assert (sizing.resource, sizing.binding, sizing.hard, sizing.safe) == ("gpu asr", "real time", 77, 63)
    assert sizing.shortfall is None


def test_memory_binds_where_beams_multiply_the_cache() -> None:
    """Five beams keep five caches: ten sessions a GPU by memory."""
    beams = WHISPER["model"] | {"cache": WHISPER["model"]["cache"] | {"sequences": 5}}
    sizing = size_gpu(_pool(model=beams), sessions=60, safe_utilisation=1.0)
    assert (sizing.binding, sizing.hard) == ("memory", 7 * 10)


def test_synthesis_binds_before_recognition() -> None:
    """On the same L40S Cartesia's TTS serves 4 streams and Kyutai's STT 64: one constant for both would be wrong by 16."""
    tts = {"name": "sonic", "task": "tts", "weights": "8GB"}
    sizing = size_gpu(
        _pool(model=tts, streams=CARTESIA_SONIC_L40S.model_dump(mode="json"), count=10), sessions=30, safe_utilisation=1.0
    )
    assert (sizing.resource, sizing.hard, sizing.binding) == ("gpu tts", 9 * 4, "real time")
    assert KYUTAI_STT_L40S.value == 64


def test_every_gpu_rounds_down_by_itself() -> None:
    """0.9 of 11 streams are 9 on each GPU, not 9.9; the remedy counts whole GPUs and the one that may be gone."""
    short = size_gpu(_pool(count=2), sessions=10, safe_utilisation=0.9).shortfall
    assert short is not None
    assert (short.provided, short.remedy) == (9, "raise gpu.count from 2 to 3")


def test_a_model_that_does_not_fit_holds_nothing() -> None:
    """Weights above 0.9 x memory leave no session, and no number of such GPUs helps."""
    short = size_gpu(_pool(gpu={"name": "T4", "memory": "6GB"}), sessions=10, safe_utilisation=0.9).shortfall
    assert short is not None
    assert (short.provided, short.remedy) == (0, "use GPUs that safely hold a session of whisper-large-v3: one of these holds 0")
    bare = {"name": "bare", "task": "tts", "weights": "8GB"}
    assert sessions_in_memory(_pool(model=bare, gpu={"name": "T4", "memory": "6GB"})) == 0


def test_a_session_without_cache_takes_no_memory() -> None:
    """A model that keeps nothing between steps is bound by real time alone."""
    bare = _pool(model={"name": "bare", "task": "tts", "weights": "8GB"})
    assert (session_bytes(bare.model), sessions_in_memory(bare)) == (0, None)
    assert [limit.name for limit in size_gpu(bare, sessions=1, safe_utilisation=0.9).limits] == ["real time"]


def test_live_calls_share_a_gpu_only_by_mig() -> None:
    """A MIG instance is sized by its own memory; time slicing and MPS are refused as input."""
    mig = _pool(gpu={"name": "H100 1g.10gb", "sharing": "mig", "memory": "10GB"})
    assert sessions_in_memory(mig) == 10
    for sharing in ("time-slicing", "mps"):
        with pytest.raises(ValidationError, match="sharing"):
            _pool(gpu={"name": "L4", "sharing": sharing, "memory": "24GB"})
