"""What a stand-in's target raises."""


class StoreError(Exception):
    """An operation that did nothing; the text is for the user."""
