"""Paths into properties, in Pulumi's notation: `spec.containers[0].image`, `metadata.annotations["a/b"]`."""

import re
from collections.abc import Iterator

from headroom.local.standin.values import Tree

Path = tuple[str | int, ...]

_PLAIN = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")
_STEP = re.compile(r'\.?(?P<key>[^.\[\]"]+)|\["(?P<quoted>(?:\\.|[^"\\])*)"\]|\[(?P<index>\d+|\*)\]')


def show(path: Path) -> str:
    """Return the path in Pulumi's notation.

    >>> show(("spec", "containers", 0, "image"))
    'spec.containers[0].image'
    >>> show(("metadata", "annotations", "a/b"))
    'metadata.annotations["a/b"]'
    """
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif _PLAIN.fullmatch(step):
            text += f".{step}" if text else step
        else:
            escaped = step.replace("\\", "\\\\").replace('"', '\\"')
            text += f'["{escaped}"]'
    return text


def parse(text: str) -> Path:
    """Return the path that the text names; "*" stands for every item or key. ValueError if it is none.

    >>> parse('metadata.annotations["a/b"]')
    ('metadata', 'annotations', 'a/b')
    """
    steps: list[str | int] = []
    at = 0
    while at < len(text):
        step = _STEP.match(text, at)
        if step is None:
            raise ValueError(f"{text!r} is no property path: cannot read {text[at:]!r}")
        if step["quoted"] is not None:
            steps.append(re.sub(r"\\(.)", r"\1", step["quoted"]))
        elif step["index"] is not None:
            steps.append("*" if step["index"] == "*" else int(step["index"]))
        else:
            steps.append(step["key"])
        at = step.end()
    return tuple(steps)


def replace(tree: Tree, path: Path, other: Tree) -> Tree:
    """Return the tree with what stands at the path taken from the other tree, or left out if that has nothing there."""
    if not path:
        return other
    step, rest = path[0], path[1:]
    if isinstance(tree, dict) and isinstance(other, dict):
        return dict(_fields(tree, str(step), rest, other))
    if isinstance(tree, list) and isinstance(other, list):
        return [
            replace(item, rest, other[index]) if step in ("*", index) and index < len(other) else item
            for index, item in enumerate(tree)
        ]
    return tree


def _fields(tree: dict[str, Tree], step: str, rest: Path, other: dict[str, Tree]) -> Iterator[tuple[str, Tree]]:
    for key, value in tree.items():
        if step not in ("*", key):
            yield key, value
        elif key in other:
            yield key, replace(value, rest, other[key])
        elif rest:
            yield key, value
    if not rest and step in other and step not in tree:
        yield step, other[step]
