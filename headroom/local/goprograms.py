"""Programs built from pinned Go modules, once for every clone that shares the cache."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from headroom.local.cluster.lock import held
from headroom.local.gobuild import go_build
from headroom.local.paths import Paths

_HERE = Path(__file__).parent
_STRIPPED = ("-ldflags", "-s -w")


def ensure_programs(
    module: str, packages: Mapping[str, str], paths: Paths, progress: Callable[[str], None], flags: Sequence[str] = _STRIPPED
) -> Path:
    """Return the folder of some programs, built first where the cache does not hold them.

    `module` is a folder beside this file, whose go.mod and go.sum pin everything; `packages` gives each program's import path.
    Two callers at once build once. Raises ToolMissing without Go, ToolFailed where a build fails.
    """
    source = _HERE / module
    digest = hashlib.sha256(repr(tuple(flags)).encode())
    for file in sorted(source.iterdir()):
        digest.update(file.read_bytes())
    cache = paths.cache / module
    folder = cache / digest.hexdigest()[:16]
    missing = [name for name in packages if not (folder / name).exists()]
    if not missing:
        return folder
    with held(cache / "lock", lambda: progress(f"waiting for another process that builds {module}")):
        for name in missing:
            if not (folder / name).exists():
                go_build(source, packages[name], folder / name, flags, progress)
    return folder


def ensure_amtool(paths: Paths, progress: Callable[[str], None]) -> Path:
    """Return Alertmanager's tool, which checks a configuration and says where an alert goes.

    The server itself cannot be built from its module, which lacks the web page that it embeds.
    """
    package = "github.com/prometheus/alertmanager/cmd/amtool"
    return ensure_programs("alertmanager", {"amtool": package}, paths, progress) / "amtool"


def ensure_adapter(paths: Paths, progress: Callable[[str], None]) -> Path:
    """Return prometheus-adapter."""
    return ensure_programs("adapter", {"adapter": "sigs.k8s.io/prometheus-adapter/cmd/adapter"}, paths, progress) / "adapter"


def ensure_collector(paths: Paths, progress: Callable[[str], None]) -> Path:
    """Return an OpenTelemetry collector with the components that our configuration names."""
    return ensure_programs("collector", {"collector": "."}, paths, progress) / "collector"


def ensure_actionlint(paths: Paths, progress: Callable[[str], None]) -> Path:
    """Return actionlint; its package for Python downloads a program of its own, this one is pinned with all it is made of."""
    return (
        ensure_programs("actionlint", {"actionlint": "github.com/rhysd/actionlint/cmd/actionlint"}, paths, progress)
        / "actionlint"
    )
