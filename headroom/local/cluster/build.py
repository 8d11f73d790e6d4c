"""The control plane's programs, built from pinned Go modules."""

import hashlib
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from headroom.local.cluster.lock import held
from headroom.local.errors import ToolFailed
from headroom.local.gobuild import go_build, go_list
from headroom.local.paths import Paths

Progress = Callable[[str], None]

_MODULES = Path(__file__).parent
_MODULES_BUILT = ("etcd", "kube", "kwok")
_KUBERNETES = "k8s.io/kubernetes"
_KWOK = "sigs.k8s.io/kwok"
_PROGRAMS = {
    # Ordered by how much of the others' code each brings; kubectl is for the people who look into the cluster.
    "etcd": ("etcd", "go.etcd.io/etcd/server/v3"),
    "kube-apiserver": ("kube", f"{_KUBERNETES}/cmd/kube-apiserver"),
    "kube-controller-manager": ("kube", f"{_KUBERNETES}/cmd/kube-controller-manager"),
    "kube-scheduler": ("kube", f"{_KUBERNETES}/cmd/kube-scheduler"),
    "kubectl": ("kube", f"{_KUBERNETES}/cmd/kubectl"),
    "kwok": ("kwok", f"{_KWOK}/cmd/kwok"),
}
_OWN_STAGE = _MODULES / "kwok" / "pod-ready-again.yaml"
_KWOK_STAGES = (
    "node/fast/node-initialize.yaml",
    "node/heartbeat-with-lease/node-heartbeat-with-lease.yaml",
    "pod/fast/pod-ready.yaml",
    "pod/fast/pod-complete.yaml",
    "pod/fast/pod-delete.yaml",
)


@dataclass(frozen=True)
class Binaries:
    """Built programs and kwok's stages, all in one folder."""

    folder: Path

    def program(self, name: str) -> Path:
        """Return the path of one of the programs, such as ``kube-apiserver``."""
        return self.folder / "bin" / name

    @property
    def stages(self) -> tuple[Path, ...]:
        """The files that tell kwok how nodes and pods live, in a fixed order."""
        return tuple(sorted((self.folder / "stages").glob("*.yaml")))


def expected_binaries(paths: Paths) -> Binaries:
    """Return where the programs are once they are built: the folder's name digests modules, flags and stages."""
    digest = hashlib.sha256(repr([_KWOK_STAGES, *map(_flags, _MODULES_BUILT)]).encode())
    for module in _MODULES_BUILT:
        for name in ("go.mod", "go.sum"):
            digest.update((_MODULES / module / name).read_bytes())
    digest.update(_OWN_STAGE.read_bytes())
    return Binaries(paths.cache / "cluster" / digest.hexdigest()[:16])


def ensure_binaries(paths: Paths, progress: Progress) -> Binaries:
    """Return the control plane's programs, built first where the cache does not hold them (about five minutes).

    Two callers at once build once. Raises ToolMissing without Go, ToolFailed where a build fails.
    """
    binaries = expected_binaries(paths)
    if _complete(binaries):
        return binaries
    lock = paths.cache / "cluster" / "lock"
    with held(lock, lambda: progress("waiting for another process that builds the control plane")):
        for name, (module, package) in _PROGRAMS.items():
            if not binaries.program(name).exists():
                go_build(_MODULES / module, package, binaries.program(name), _flags(module), progress)
        if not (binaries.folder / "stages").exists():
            _copy_stages(binaries.folder / "stages")
    return binaries


def _complete(binaries: Binaries) -> bool:
    return all(binaries.program(name).exists() for name in _PROGRAMS) and bool(binaries.stages)


def _flags(module: str) -> tuple[str, ...]:
    link = "-s -w"
    if module == "kube":
        # Without it the server calls itself v0.0.0-master, which clients refuse to compare with.
        link += f" -X k8s.io/component-base/version.gitVersion={_pinned(module, _KUBERNETES)}"
    return ("-ldflags", link)


def _pinned(module: str, requirement: str) -> str:
    go_mod = _MODULES / module / "go.mod"
    found = re.search(rf"^\s*{re.escape(requirement)} (v\S+)", go_mod.read_text(), re.MULTILINE)
    if found is None:
        raise ToolFailed("reading the pinned version failed", f"{go_mod} does not require {requirement}")
    return found[1]


def _copy_stages(folder: Path) -> None:
    source = Path(go_list(_MODULES / "kwok", "-m", "-f", "{{.Dir}}", _KWOK).strip()) / "kustomize" / "stage"
    unfinished = folder.with_name(".stages")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    for stage in (*(source / name for name in _KWOK_STAGES), _OWN_STAGE):
        shutil.copyfile(stage, unfinished / stage.name)
    unfinished.replace(folder)
