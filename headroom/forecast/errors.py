"""What this room raises when a history cannot be read or says too little."""


class ForecastError(Exception):
    """A forecast that cannot be made: where the fault is, what it is, and what cures it."""

    def __init__(self, where: str, what: str, remedy: str) -> None:
        super().__init__(f"{where}: {what}. {remedy}")
        self.where = where
        self.what = what
        self.remedy = remedy


class BadHistory(ForecastError):
    """A history file that cannot be read as one."""


class NotEnoughHistory(ForecastError):
    """A history that was read, but is too short for the statistics of a forecast."""
