"""The message bus: a NATS cluster with an account for every vertical that speaks on it."""
