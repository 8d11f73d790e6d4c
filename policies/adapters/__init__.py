"""The places where the rules run."""
