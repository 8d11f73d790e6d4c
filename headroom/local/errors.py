"""What the local rooms raise when this machine lacks a tool or a tool fails."""


class ToolMissing(Exception):
    """A program that a step needs is not installed."""

    def __init__(self, what: str, needed_for: str, remedy: str) -> None:
        super().__init__(f"{what} is not installed; it is needed for {needed_for}. {remedy}")
        self.what = what
        self.needed_for = needed_for
        self.remedy = remedy


class ToolFailed(Exception):
    """A program was there, but did not do what it was started for; `detail` holds its own last words."""

    def __init__(self, what: str, detail: str, remedy: str = "") -> None:
        super().__init__("\n".join(part for part in (f"{what}:", detail, remedy) if part))
        self.what = what
        self.detail = detail
        self.remedy = remedy
