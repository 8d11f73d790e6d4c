"""A fake model: an answer of a few tokens and frames of silence, as fast as one would speak them."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

WORDS = ("I", "can", "book", "that", "for", "you.")
FRAME = bytes(960)
"""20 ms of silence: 24 kHz, 16 bits, one channel."""
THINKING_SECONDS = 0.05
STEP_SECONDS = 0.02


@dataclass(frozen=True)
class Token:
    """One token of the answer, and the sound of it."""

    text: str
    audio: bytes


async def answer() -> AsyncIterator[Token]:
    """Yield the answer to whatever was said."""
    await asyncio.sleep(THINKING_SECONDS)
    for word in WORDS:
        yield Token(word, FRAME)
        await asyncio.sleep(STEP_SECONDS)
