"""Where an `up` on this machine writes to."""

from dataclasses import dataclass
from pathlib import Path

VARIABLE = "HEADROOM_TARGET"
ACCOUNT_VARIABLE = "HEADROOM_STANDIN_ACCOUNT"
CONTEXT_VARIABLE = "HEADROOM_STANDIN_CONTEXT"
ACCOUNT = "0" * 32
"""The Cloudflare account that the stand-in's folders stand for."""
CONTEXT = "headroom"
"""The context that a folder in a cluster's place stands for; the local control plane's kubeconfig has the same."""


@dataclass(frozen=True)
class Directory:
    """A folder under the home; one YAML file an object."""

    path: Path


@dataclass(frozen=True)
class Cluster:
    """An API server on this machine, named by its kubeconfig."""

    kubeconfig: Path


Target = Directory | Cluster


def encode(target: Target) -> str:
    """Return the target as the value of HEADROOM_TARGET."""
    match target:
        case Directory(path):
            return f"directory:{path.absolute()}"
        case Cluster(kubeconfig):
            return f"cluster:{kubeconfig.absolute()}"


def decode(text: str) -> Target:
    """Return the target that `encode` wrote; ValueError if the text is none."""
    kind, _, path = text.partition(":")
    if path.startswith("/"):
        if kind == "directory":
            return Directory(Path(path))
        if kind == "cluster":
            return Cluster(Path(path))
    raise ValueError(f"{VARIABLE}={text!r} is neither directory:<absolute path> nor cluster:<absolute path of a kubeconfig>")
