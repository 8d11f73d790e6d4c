"""What the stack tells a pod, by its environment."""

from collections.abc import Mapping
from dataclasses import dataclass


class Unusable(Exception):
    """An environment that no agent can start with; the message names the variable."""


@dataclass(frozen=True)
class Settings:
    """The figures of the plan that this process is to keep."""

    max_sessions: int
    port: int
    probe_port: int
    drain_seconds: float
    open_files: int
    memory_bytes: int
    cpu_cores: float


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Return the settings; raises Unusable where a figure is missing, is no number, or asks for several processes."""
    if int(_number(environment, "HEADROOM_WORKERS", "1")) != 1:
        raise Unusable("HEADROOM_WORKERS: this agent is one process a pod; several would each count for themselves")
    return Settings(
        max_sessions=int(_number(environment, "HEADROOM_MAX_SESSIONS")),
        port=int(_number(environment, "HEADROOM_PORT")),
        probe_port=int(_number(environment, "HEADROOM_PROBE_PORT")),
        drain_seconds=_number(environment, "HEADROOM_DRAIN_SECONDS"),
        open_files=int(_number(environment, "HEADROOM_OPEN_FILES")),
        memory_bytes=int(_number(environment, "HEADROOM_MEMORY_BYTES")),
        cpu_cores=_number(environment, "HEADROOM_CPU_CORES"),
    )


def _number(environment: Mapping[str, str], name: str, default: str | None = None) -> float:
    text = environment.get(name, default)
    if text is None:
        raise Unusable(f"{name} is not set; the stack sets it from the plan")
    try:
        number = float(text)
    except ValueError:
        raise Unusable(f"{name}: expected a number, got {text!r}") from None
    if not 0 < number < float("inf"):
        raise Unusable(f"{name}: expected a number above 0, got {text!r}")
    return number
