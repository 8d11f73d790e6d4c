"""The door: what the API server refuses of the plan's objects, whoever asks."""
