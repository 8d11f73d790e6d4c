"""Figures that are intervals: draws of them, what they do to a plan, and the option with the least expected regret."""
