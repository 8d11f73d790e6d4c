"""From call history to a forecast lock."""
