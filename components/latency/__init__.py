"""The latency budget: what callers wait for, of which nothing is deployed."""
