"""Rivals beside ours: same input, answers compared, then timed in one run. See docs/benchmarks.md; `make bench`."""
