"""What this room raises when a server fails it."""


class PrometheusFailed(Exception):
    """A server that did not answer, or not with what was asked for."""
