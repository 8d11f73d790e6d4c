"""The verticals."""
