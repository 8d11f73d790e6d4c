"""What may be said: the keys that rules read, or that harm nobody. Any other is not known, and what is not known is refused."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from policies.rule import Finding
from policies.stack import Place, Resource

Known = Mapping[str, "Known"]
"""Keys, each with those below it; `*` stands for any. Elements of lists are as what has the list."""

_ANY = "*"
_PROVIDERS = "__defaults"
"""What providers note of an object's inputs for themselves."""
_WORD = re.compile(r"[^\s()]+|[()]")


def known(text: str) -> Known:
    """Return the keys that a text names, each with those below it in parentheses.

    >>> known("name ports(port targetPort) selector(*)")
    {'name': {}, 'ports': {'port': {}, 'targetPort': {}}, 'selector': {'*': {}}}
    """
    found: dict[str, Any] = {}
    inside, last = [found], found
    for word in _WORD.findall(text):
        if word == "(":
            inside.append(last)
        elif word == ")":
            inside.pop()
        else:
            last = inside[-1].setdefault(word, {})
    return found


def strangers(value: Any, allowed: Known, path: str = "") -> Iterator[str]:
    """Yield where a value says what is not known; null says nothing.

    >>> list(strangers({"ports": [{"port": 1, "nodePort": 2}], "type": None}, known("ports(port)")))
    ['ports[0].nodePort']
    """
    if isinstance(value, list):
        for index, one in enumerate(value):
            yield from strangers(one, allowed, f"{path}[{index}]")
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            where = f"{path}.{key}" if path else str(key)
            below = allowed.get(key, allowed.get(_ANY))
            if below is not None:
                yield from strangers(inner, below, where)
            elif inner is not None and key != _PROVIDERS:
                yield where


def unknown_in(place: Place, allowed: Known) -> Iterator[Finding]:
    """Yield what a place says that no rule knows."""
    for path in strangers(place.value, allowed, place.path):
        yield Finding(place.resource.name, f"no rule knows {path}", "leave it out, or teach the gate what it does")


def unknown_of(resource: Resource, allowed: Known) -> Iterator[Finding]:
    """Yield what a resource says that no rule knows."""
    yield from unknown_in(Place(resource, "", resource.props), allowed)


def unknown_directives(
    text: Place, found: Mapping[str, list[str]], allowed: Known, often: frozenset[str] = frozenset()
) -> Iterator[Finding]:
    """Yield the directives of a text that no rule knows, and those that stand more than once: the last of two wins, unseen."""
    yield from unknown_inside(text, found, allowed)
    for name in sorted(name for name, values in found.items() if len(values) > 1 and name in allowed and name not in often):
        yield Finding(text.resource.name, f"{text.path} says {name} {len(found[name])} times", "say it once")


def unknown_inside(text: Place, document: Any, allowed: Known) -> Iterator[Finding]:
    """Yield what a configuration text says that no rule knows; `document` is how its program reads it."""
    for path in strangers(document, allowed):
        message = f"no rule knows {path} in {text.path}"
        yield Finding(text.resource.name, message, "leave it out, or teach the gate what it does")
