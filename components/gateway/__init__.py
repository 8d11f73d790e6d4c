"""The gateway of the hybrid path."""
