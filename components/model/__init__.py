"""The speech model."""
