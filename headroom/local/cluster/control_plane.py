"""Starting, looking at and ending the control plane."""

import json
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from headroom.local.cluster.build import Progress, ensure_binaries, expected_binaries
from headroom.local.cluster.components import (
    COMPONENTS,
    PORTS,
    Component,
    choose_ports,
    components,
    is_healthy,
)
from headroom.local.cluster.lock import held
from headroom.local.cluster.pki import Pki, ensure_pki, write_kubeconfig, write_private
from headroom.local.cluster.processes import Process, find, is_running, start, started_at, stop
from headroom.local.errors import ToolFailed
from headroom.local.kubernetes.client import Refused, connect
from headroom.local.paths import Paths
from headroom.ports import is_free

_READY_WITHIN_S = 90.0
_ENDED_WITHIN_S = 10.0
_RECOVERED_WITHIN_S = 10.0
_PORT_FREE_WITHIN_S = 2.0
_POLL_S = 0.1
_LOG_LINES_SHOWN = 15


@dataclass(frozen=True)
class ComponentStatus:
    """One program of the control plane as it is now."""

    name: str
    pid: int | None
    """None: it does not run."""
    port: int | None
    """None: it never ran here."""
    healthy: bool
    since: datetime | None
    log: Path


@dataclass(frozen=True)
class ClusterStatus:
    """The control plane as it is now."""

    components: tuple[ComponentStatus, ...]
    kubeconfig: Path
    """Readable and valid once ``up`` has returned."""
    kubectl: Path
    """Built beside the control plane; there once ``up`` has returned."""

    @property
    def healthy(self) -> bool:
        """Whether every component runs and answers."""
        return all(component.healthy for component in self.components)


def up(paths: Paths, progress: Progress, *, controller_manager_flags: Sequence[str] = (), reset: bool = False) -> ClusterStatus:
    """Return a control plane that runs and is healthy.

    What runs and is healthy already is left alone; what has died, hangs, or was started otherwise (other flags, another
    build) is started again on the data that is there. ``reset`` throws the data away first.

    Raises ToolMissing without Go, and ToolFailed with the last lines of the guilty component's log if one does not become
    healthy; then, as on Ctrl-C, the whole control plane is ended and its data kept.
    """
    binaries = ensure_binaries(paths, progress)
    with _alone(paths, progress):
        if reset:
            _end(paths, purge=True)
        folder = _folder(paths)
        running = _running(folder)
        pki, new_pki = ensure_pki(folder / "pki")
        ports = _read_ports(folder)
        if new_pki or ports.keys() != set(PORTS) or _taken(ports, running):
            _stop(running)
            running, ports = [], choose_ports()
            write_private(folder / "ports.json", json.dumps(ports).encode())
        _write_kubeconfigs(paths, pki, ports)
        wanted = components(binaries, pki, folder / "etcd", ports, controller_manager_flags)
        try:
            _repair(paths, wanted, running, progress)
        except BaseException:
            _stop(_running(folder))
            raise
    return status(paths)


def down(paths: Paths, progress: Progress, *, purge: bool = False) -> None:
    """End the control plane, but no process that ``up`` did not start; its data stay unless ``purge``."""
    with _alone(paths, progress):
        _end(paths, purge=purge)


def status(paths: Paths) -> ClusterStatus:
    """Return what runs and whether it answers; changes nothing and waits for nobody."""
    folder = _folder(paths)
    running = {_name(process): process for process in _running(folder)}
    binaries = expected_binaries(paths)
    ports = dict.fromkeys(PORTS, 0) | _read_ports(folder)
    found = []
    for component in components(binaries, Pki(folder / "pki"), folder / "etcd", ports):
        process = running.get(component.name)
        found.append(
            ComponentStatus(
                name=component.name,
                pid=process.pid if process else None,
                port=component.port or None,
                healthy=process is not None and is_healthy(component),
                since=started_at(process) if process else None,
                log=_log(folder, component.name),
            )
        )
    return ClusterStatus(tuple(found), paths.kubeconfig, binaries.program("kubectl"))


def _repair(paths: Paths, wanted: Sequence[Component], running: Sequence[Process], progress: Progress) -> None:
    """Start those of ``wanted`` that do not run as wanted or do not answer, each after what it depends on."""
    folder = _folder(paths)
    etcd, apiserver, *clients = wanted
    deadline = time.monotonic() + _READY_WITHIN_S
    repaired = False
    for together in ([etcd], [apiserver], clients):
        started: dict[str, Process] = {}
        for component in together:
            # What depends on a part that has just come back needs a moment to find it.
            patience_s = _RECOVERED_WITHIN_S if repaired else 0.0
            if _runs(component, running) and _answers(component, patience_s):
                continue
            stop([process for process in running if _name(process) == component.name], _ENDED_WITHIN_S)
            if component.name == "kwok":
                _free_nodes(paths)
            progress(f"{component.name}: starting on port {component.port}")
            log = _log(folder, component.name)
            started[component.name] = start(component.command, log, _environment(folder))
        for component in together:
            if component.name in started:
                _await_healthy(component, started[component.name], _log(folder, component.name), deadline)
        repaired = repaired or bool(started)
    if repaired:
        _await_default_account(paths, _log(folder, "kube-controller-manager"), deadline)
        progress(f"control plane: ready at https://127.0.0.1:{apiserver.port}")


def _runs(component: Component, running: Sequence[Process]) -> bool:
    return any(process.command == component.command for process in running)


def _answers(component: Component, within_s: float) -> bool:
    deadline = time.monotonic() + within_s
    while not is_healthy(component):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True


def _await_healthy(component: Component, process: Process, log: Path, deadline: float) -> None:
    while not is_healthy(component):
        if not is_running(process):
            raise _failure(f"{component.name} ended before it was ready", log)
        if time.monotonic() > deadline:
            raise _failure(f"{component.name} was not ready within {_READY_WITHIN_S:.0f} s", log)
        time.sleep(_POLL_S)


def _await_default_account(paths: Paths, log: Path, deadline: float) -> None:
    """Wait for the account without which the API server refuses every pod; the controller manager makes it."""
    api = connect(paths.kubeconfig)
    while True:
        try:
            api.get("/api/v1/namespaces/default/serviceaccounts/default")
        except Refused as refusal:
            if time.monotonic() > deadline:
                raise _failure(f"no default service account within {_READY_WITHIN_S:.0f} s ({refusal})", log) from None
            time.sleep(_POLL_S)
        else:
            return


def _free_nodes(paths: Paths) -> None:
    """Delete the nodes' leases: a new kwok leaves the nodes of the one before alone until these have run out (40 s)."""
    connect(paths.kubeconfig).delete("/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases")


def _failure(what: str, log: Path) -> ToolFailed:
    lines = log.read_text(errors="replace").splitlines()[-_LOG_LINES_SHOWN:]
    return ToolFailed(what, "\n".join(lines), f"The whole log: {log}")


def _end(paths: Paths, *, purge: bool) -> None:
    folder = _folder(paths)
    _stop(_running(folder))
    if purge:
        shutil.rmtree(folder, ignore_errors=True)


def _running(folder: Path) -> list[Process]:
    """Return the components that run on this folder.

    They are known by their command lines, which name the folder, not by recorded pids: those are somebody else's after a
    reboot, and gone when the folder is deleted under a running cluster.
    """
    return find(COMPONENTS, f"{folder}/")


def _stop(processes: Sequence[Process]) -> None:
    """End the clients of the API server first, then the server, then its store: so each can still say goodbye."""
    for together in (COMPONENTS[2:], COMPONENTS[1:2], COMPONENTS[:1]):
        stop([process for process in processes if _name(process) in together], _ENDED_WITHIN_S)


def _name(process: Process) -> str:
    return Path(process.command[0]).name


def _taken(ports: Mapping[str, int], running: Sequence[Process]) -> bool:
    """Return whether somebody else listens on a port of ours, whose component therefore could not start."""
    here = {_name(process) for process in running}
    deadline = time.monotonic() + _PORT_FREE_WITHIN_S
    return any(name.removesuffix("-peer") not in here and not _gets_free(port, deadline) for name, port in ports.items())


def _gets_free(port: int, deadline: float) -> bool:
    """Return whether a port is free in time: the threads of a program that was killed may hold it for a moment longer."""
    while not is_free(port):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True


def _write_kubeconfigs(paths: Paths, pki: Pki, ports: Mapping[str, int]) -> None:
    server = f"https://127.0.0.1:{ports['kube-apiserver']}"
    write_kubeconfig(paths.kubeconfig, server, pki, "admin")
    for identity in ("kwok", "kube-scheduler", "kube-controller-manager"):
        write_kubeconfig(pki.kubeconfig(identity), server, pki, identity)


def _environment(folder: Path) -> Mapping[str, str]:
    # Not this process's own: proxies, tokens and Go settings of the user's are no business of the cluster's.
    return {"PATH": os.defpath, "HOME": str(folder)}


def _alone(paths: Paths, progress: Progress) -> AbstractContextManager[None]:
    # Beside the folder: it must outlive a purge.
    return held(paths.home / "cluster.lock", lambda: progress("waiting for another up or down of this cluster"))


def _folder(paths: Paths) -> Path:
    return paths.kubeconfig.parent


def _log(folder: Path, name: str) -> Path:
    return folder / "logs" / f"{name}.log"


def _read_ports(folder: Path) -> dict[str, int]:
    try:
        ports: dict[str, int] = json.loads((folder / "ports.json").read_text())
    except FileNotFoundError:
        return {}
    return ports
