"""Where the laptop target keeps its state."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Paths:
    """The folders of one clone; all absolute, links resolved, not necessarily there yet."""

    root: Path
    """The repository: the folder of Pulumi.yaml."""
    home: Path
    """Everything that belongs to one use: state, plugins, output, cluster."""
    cache: Path
    """What is expensive to build and the same for every home."""

    @property
    def backend(self) -> Path:
        """The folder of Pulumi's file backend."""
        return self.home / "state"

    @property
    def pulumi_home(self) -> Path:
        """PULUMI_HOME; the stand-in provider takes this folder's parent for the home."""
        return self.home / "pulumi"

    @property
    def out(self) -> Path:
        """The folder of what the directory target renders."""
        return self.home / "out"

    @property
    def kubeconfig(self) -> Path:
        """The kubeconfig of the local cluster."""
        return self.home / "cluster" / "kubeconfig"


def paths(environ: Mapping[str, str] = os.environ) -> Paths:
    """Return this clone's folders, moved by HEADROOM_HOME and HEADROOM_CACHE where these are set.

    Raises FileNotFoundError if no folder above this package holds Pulumi.yaml: then it was installed without its repository.
    """
    package = Path(__file__).resolve()
    root = next((folder for folder in package.parents if (folder / "Pulumi.yaml").is_file()), None)
    if root is None:
        raise FileNotFoundError(
            f"no Pulumi.yaml in any folder above {package.parent}: install this project from its clone (pip install -e .)"
        )
    home = Path(environ.get("HEADROOM_HOME") or root / ".headroom").expanduser().resolve()
    cache = Path(environ.get("HEADROOM_CACHE") or root / ".headroom" / "cache").expanduser().resolve()
    return Paths(root=root, home=home, cache=cache)
