"""The stack's root and its plan."""
