"""Paths of the machine that made a text are nobody's business, and differ from run to run."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

Hider = Callable[[str], str]
_ABSOLUTE = re.compile(r"(?<![\w:/.<])/(?:home|root|tmp|usr|var|opt|mnt|srv|etc|Users|private|builds)/[^\s'\":,;)\]]*")
"""A path below a folder that machines have; what a program calls a path (/calls/sales) is none."""


def hider(roots: Mapping[Path, str]) -> Hider:
    """Return a function that gives folders of this machine the names given, and takes every other path's folders away.

    >>> hider({Path("/home/me/clone"): "."})("in /home/me/clone/stacks/a.yaml and /tmp/x1/b.json")
    'in ./stacks/a.yaml and b.json'
    """
    known = sorted(((str(root), name) for root, name in roots.items()), key=lambda each: -len(each[0]))

    def hidden(text: str) -> str:
        for root, name in known:
            text = text.replace(root, name)
        return _ABSOLUTE.sub(lambda found: found[0].rstrip("/").rpartition("/")[2], text)

    return hidden
