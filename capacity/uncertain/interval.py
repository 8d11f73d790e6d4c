"""What a spec says of a figure that nobody knows exactly."""

from dataclasses import dataclass

from pydantic import Field

from capacity.figures import Source

CONFIDENCE = 0.9


class Interval(Source):
    """Where a figure of the spec or the forecast lies; the figure itself is the middle (the median)."""

    low: str | float
    """Written as the figure itself is: 90MB, 0.04, 800."""
    high: str | float
    confidence: float = Field(default=CONFIDENCE, gt=0, lt=1)
    """Chance that the figure lies between the two. As much of the rest is below as above."""


@dataclass(frozen=True)
class Quantiles:
    """What is known of a figure: P(X < low) = P(X > high) = (1 - confidence) / 2 and P(X < middle) = 1/2."""

    low: float
    middle: float
    high: float
    confidence: float
    least: float = 0.0
    """What the figure is always above."""

    def __post_init__(self) -> None:
        if not self.least < self.low < self.middle < self.high:
            raise ValueError(
                f"low < middle < high is needed, all above {self.least:g}; got {self.low:g}, {self.middle:g}, {self.high:g}"
            )
        if not 0 < self.confidence < 1:
            raise ValueError(f"confidence must lie between 0 and 1, got {self.confidence:g}")
