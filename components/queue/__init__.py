"""The job queues: a Redis of its own for every vertical that works one off."""
