"""What of the inputs still stands as a target has it."""

from collections.abc import Callable

from headroom.local.standin.values import Hidden, Object, Tree, redact, reveal

Same = Callable[[Tree, Tree], bool]


def observe(inputs: Object, live: Object, same: Same) -> Object:
    """Return the inputs as they stand in the live object, in their own spelling where that is the same.

    What the inputs do not name (a server's defaults, another's fields) is left out; so is what they name and the live
    object lacks. Where the live object shows only a secret's digest, an equal digest means an equal value.
    """
    return {key: _observed(value, live[key], same) for key, value in inputs.items() if key in live}


def _observed(inputs: Tree, live: Tree, same: Same) -> Tree:
    match inputs, live:
        case Hidden(value), _:
            return inputs if redact(inputs) == live else Hidden(_observed(value, reveal(live), same))
        case dict(), dict():
            return observe(inputs, live, same)
        case list(), list() if len(inputs) == len(live):
            return [_observed(mine, theirs, same) for mine, theirs in zip(inputs, live, strict=True)]
    return inputs if same(inputs, live) else live
