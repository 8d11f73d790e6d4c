"""Reasons for what is let through: somebody must be able to read them."""

LEAST = 10


def says_why(reason: str) -> bool:
    r"""Return whether a text has enough characters that one sees to be a reason.

    >>> says_why("nodes are ordered"), says_why("  fire  "), says_why("\u200b" * 20)
    (True, False, False)
    """
    return sum(letter.isprintable() and not letter.isspace() for letter in reason) >= LEAST
