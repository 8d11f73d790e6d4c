"""When a stand-in may write: only from a state under Headroom's own home, and only below that home.

A real environment's `up` must never end in a stand-in unnoticed, so whatever is not plainly local is refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from headroom.local.target import VARIABLE


class NotLocal(Exception):
    """This process may write nothing; the text is the reason."""


@dataclass(frozen=True)
class Refusal:
    """Why nothing may be written."""

    standin: str
    """What refuses, and what it would write."""
    reason: str
    package: str
    """The plugin that a real environment needs."""

    def __str__(self) -> str:
        remedy = f"to deploy a real environment install Pulumi with its {self.package} plugin"
        return f"this is Headroom's local stand-in for {self.standin}: {self.reason}; {remedy}"


def local_home(environ: Mapping[str, str]) -> Path:
    """Return the home, the folder of PULUMI_HOME, of an environment made for writing here; NotLocal for any other.

    That is one whose state is kept below the home and that names a target.
    """
    if not environ.get("PULUMI_HOME"):
        raise NotLocal("PULUMI_HOME is not set, so there is no home")
    home = Path(environ["PULUMI_HOME"]).resolve().parent
    backend = environ.get("PULUMI_BACKEND_URL", "")
    if not _kept_in(backend, home):
        # Only its kind: the address may hold credentials.
        scheme = urlsplit(backend).scheme
        kind = f"a {scheme} address" if scheme not in ("", "file") else "elsewhere" if backend else "not set"
        raise NotLocal(f"PULUMI_BACKEND_URL is {kind}, not a file:// folder under {home}")
    if VARIABLE not in environ:
        raise NotLocal(f"{VARIABLE} is not set, so this is for previews only")
    return home


def inside(path: Path, home: Path) -> bool:
    """Return whether the path, its links followed, lies below the home."""
    return home in path.resolve().parents


def _kept_in(backend: str, home: Path) -> bool:
    url = urlsplit(backend)
    # The engine's reading of escapes is its own affair: both readings must lie inside.
    readings = (Path(url.path), Path(unquote(url.path)))
    return url.scheme == "file" and not url.netloc and all(inside(path, home) for path in readings)
