"""A refusal as a value."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Shortfall:
    """What is short, by how much, and the smallest change that cures it."""

    resource: str
    scope: str
    required: float
    provided: float
    unit: str
    reason: str
    remedy: str
