"""Presentation: what a plan, a verdict and a run look like to a person."""
