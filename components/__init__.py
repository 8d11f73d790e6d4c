"""The parts of the stack: pure renderers, and one thin component that registers what they rendered."""
