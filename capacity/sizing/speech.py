"""Shapes of public speech and language models, and streams a GPU that were published for some. Inputs, not promises."""

from capacity.sizing.claims import GATHERED
from capacity.sizing.gpu import Attention, Cache, Streams

WHISPER_AUDIO_POSITIONS = 1500
"""Encoder positions of a window of 30 s, whatever is spoken in it."""
WHISPER_TEXT_TOKENS = 448
"""The longest text that a Whisper decoder writes for a window."""

LLAMA_3_1_8B = Attention(layers=32, kv_heads=8, head_dim=128, basis="declared", source="Llama 3.1 8B, config.json", date=GATHERED)
LLAMA_3_1_70B = Attention(
    layers=80, kv_heads=8, head_dim=128, basis="declared", source="Llama 3.1 70B, config.json", date=GATHERED
)
WHISPER_LARGE_V3 = Attention(
    layers=32,
    kv_heads=20,
    head_dim=64,
    basis="declared",
    source="Whisper large-v3, config.json: 32 decoder layers",
    date=GATHERED,
)
WHISPER_TURBO = Attention(
    layers=4,
    kv_heads=20,
    head_dim=64,
    basis="declared",
    source="Whisper large-v3-turbo, config.json: 4 decoder layers",
    date=GATHERED,
)


def whisper_cache(attention: Attention, *, beams: int = 1) -> Cache:
    """Return the cache of one live Whisper decode: the audio's cross-attention and the text's own, for each beam.

    246 MB and 73 MB for large-v3, 31 MB and 9 MB for turbo, in 16 bits.
    """
    return Cache(attention=attention, tokens=WHISPER_AUDIO_POSITIONS + WHISPER_TEXT_TOKENS, sequences=beams)


def _published(value: int, conditions: str, source: str) -> Streams:
    return Streams(value=value, conditions=conditions, basis="declared", source=source, date=GATHERED)


KYUTAI_STT_H100 = _published(400, "H100, Kyutai STT", "kyutai-labs/delayed-streams-modeling, README")
KYUTAI_STT_L40S = _published(64, "L40S, Kyutai STT at 3x real time", "kyutai-labs/delayed-streams-modeling, README")
CARTESIA_INK_H100 = _published(16, "H100, Cartesia Ink STT", "docs.cartesia.ai/self-hosted/hardware-selection")
CARTESIA_SONIC_L40S = _published(4, "A10G, L40S or A100, Cartesia Sonic TTS", "docs.cartesia.ai/self-hosted/hardware-selection")
CARTESIA_SONIC_H100 = _published(8, "H100, Cartesia Sonic TTS", "docs.cartesia.ai/self-hosted/hardware-selection")
