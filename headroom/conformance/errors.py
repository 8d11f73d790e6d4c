"""What the probes raise where nothing can be said of a service."""


class ServiceFailed(Exception):
    """A service that cannot be probed: it does not answer at all, or others call it meanwhile."""
