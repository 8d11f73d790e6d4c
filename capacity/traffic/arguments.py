"""What every formula of this package asks of its arguments."""

import math


def require(*, holds: bool, what: str, got: object) -> None:
    """Raise ValueError, naming what was asked and what came, unless it holds."""
    if not holds:
        raise ValueError(f"{what}, got {got!r}")


def require_load(offered_erlangs: float) -> None:
    """Raise ValueError unless a load is finite and not negative."""
    require(
        holds=math.isfinite(offered_erlangs) and offered_erlangs >= 0,
        what="offered erlangs must be a finite number, 0 or more",
        got=offered_erlangs,
    )


def require_servers(servers: float) -> None:
    """Raise ValueError unless a number of servers is finite and not negative."""
    require(holds=math.isfinite(servers) and servers >= 0, what="servers must be a finite number, 0 or more", got=servers)


def require_target(probability: float) -> None:
    """Raise ValueError unless a target lies strictly between 0 and 1: no finite fleet gives 0, every fleet gives 1."""
    require(holds=0 < probability < 1, what="a target probability must lie between 0 and 1, both excluded", got=probability)


def require_seconds(name: str, seconds: float) -> None:
    """Raise ValueError unless a span is finite and above 0."""
    require(holds=math.isfinite(seconds) and seconds > 0, what=f"{name} must be a finite number above 0", got=seconds)
