"""Waiting for what another program does."""

import time
from collections.abc import Callable

PATIENCE_SECONDS = 60.0


def until(holds: Callable[[], object], what: str, within: float = PATIENCE_SECONDS) -> None:
    """Wait until something holds; fail by its name if it does not in good time."""
    deadline = time.monotonic() + within
    while not holds():
        assert time.monotonic() < deadline, f"not within {within:g} s: {what}"
        time.sleep(0.05)
