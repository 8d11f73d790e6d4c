"""The level of the model's tokens while sessions draw on it."""

from dataclasses import dataclass

from capacity.simulation.day import TokenBucket


@dataclass
class TokenLevel:
    """A bucket that is settled whenever the number of sessions changes: in between its level moves in a straight line."""

    bucket: TokenBucket
    level: float
    settled: float = 0.0
    asked: float = 0.0
    refused: float = 0.0

    def settle(self, now: float, sessions: int) -> None:
        """Bring the level to an instant; `sessions` were up since the last."""
        span = now - self.settled
        drawn = sessions * self.bucket.tokens_per_session_minute / 60 * span
        self.settled = now
        self.asked += drawn
        # At 0 or full the line bends, but never both between two instants, for its slope does not change.
        level = self.level + self.bucket.tokens_per_minute / 60 * span - drawn
        if level < 0:
            self.refused -= level
            level = 0.0
        self.level = min(level, full_bucket(self.bucket))

    def suffices(self, sessions: int) -> bool:
        """Return whether it lasts a minute, refilled, with one session more than there are."""
        return (sessions + 1) * self.bucket.tokens_per_session_minute <= self.level + self.bucket.tokens_per_minute


def full_bucket(bucket: TokenBucket) -> float:
    """Return the tokens that the bucket holds at most."""
    return bucket.tokens_per_minute / 60 * bucket.window_seconds
