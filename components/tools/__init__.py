"""The tool executors."""
