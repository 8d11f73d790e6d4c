"""The control plane as a program on this machine: started, repaired and ended without traces."""

import json
import os
import signal
import socket
import ssl
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from headroom.local.cluster.control_plane import ClusterStatus, down, status, up
from headroom.local.errors import ToolFailed
from headroom.local.kubernetes.client import connect
from headroom.local.paths import Paths, paths
from headroom.ports import is_free
from tests.cluster.objects import eventually

pytestmark = pytest.mark.needs("go", "install Go 1.26 or later (https://go.dev/doc/install)")

LOOPBACK = "0100007F"
LISTENING = "0A"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Paths]:
    """The folders of a cluster that these tests may break."""
    own = replace(paths(), home=tmp_path_factory.mktemp("broken-home"))
    yield own
    down(own, print, purge=True)


@pytest.fixture
def running(home: Paths) -> ClusterStatus:
    """That cluster, running."""
    return up(home, print)


def pids(cluster: ClusterStatus) -> dict[str, int | None]:
    """The pid of each component."""
    return {component.name: component.pid for component in cluster.components}


def processes_of(home: Path) -> list[int]:
    """The processes with the folder on their command line."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes()
        except OSError:
            continue
        if os.fsencode(home) in command:
            found.append(int(process.name))
    return found


def listening_addresses(pid: int) -> set[str]:
    """The addresses, as the kernel writes them, on which a process accepts connections."""
    sockets = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            sockets.add(str(descriptor.readlink()))
        except OSError:
            continue
    addresses = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == LISTENING and f"socket:[{fields[9]}]" in sockets:
                addresses.add(fields[1].partition(":")[0])
    return addresses


def command(home: Paths, *arguments: str) -> subprocess.Popen[str]:
    """The command as a process of its own."""
    environment = {**os.environ, "HEADROOM_HOME": str(home.home), "HEADROOM_CACHE": str(home.cache)}
    return subprocess.Popen(
        [sys.executable, "-m", "headroom.local.cluster", *arguments],
        cwd=home.root,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_second_up_leaves_what_runs_alone(home: Paths, running: ClusterStatus) -> None:
    """A healthy control plane is returned as it is: same processes, same ports."""
    again = up(home, print)
    assert running.healthy
    assert again == running == status(home)


def test_every_component_listens_on_loopback_only(running: ClusterStatus) -> None:
    """Nobody outside this machine reaches any of the components."""
    for component in running.components:
        assert component.pid is not None
        assert listening_addresses(component.pid) == {LOOPBACK}, component.name


def test_components_are_out_of_reach_of_the_shell(running: ClusterStatus) -> None:
    """Each component leads a session of its own, so Ctrl-C in a shell does not end a cluster that is up."""
    for component in running.components:
        assert component.pid is not None
        assert os.getsid(component.pid) == component.pid


def test_secrets_are_readable_only_by_their_owner(home: Paths, running: ClusterStatus) -> None:
    """Keys, tokens and kubeconfigs have mode 0600."""
    secrets = [running.kubeconfig, *(home.home / "cluster" / "pki").iterdir()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in secrets} == {0o600}


def test_clients_verify_the_server(running: ClusterStatus) -> None:
    """A client that trusts other authorities than the cluster's own does not talk to it."""
    stranger = replace(connect(running.kubeconfig), trust=ssl.create_default_context())
    with pytest.raises(ToolFailed, match="certificate verify failed"):
        stranger.get("/version")


@pytest.mark.parametrize("killed", ["kube-scheduler", "kube-controller-manager", "kwok"])
def test_killed_component_is_seen_and_repaired(home: Paths, running: ClusterStatus, killed: str) -> None:
    """Status names the component that died; up starts that one again and no other."""
    before = pids(running)
    victim = before[killed]
    assert victim is not None
    os.kill(victim, signal.SIGKILL)
    eventually(lambda: not status(home).healthy)
    assert [component.name for component in status(home).components if not component.healthy] == [killed]
    repaired = up(home, print)
    assert repaired.healthy
    after = pids(repaired)
    assert after.pop(killed) != before.pop(killed)
    assert after == before


def test_killed_store_keeps_its_data(home: Paths, running: ClusterStatus) -> None:
    """After a kill -9 of etcd, up brings back the objects; what depends on etcd goes on without a restart."""
    config_map = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "kept"},
        "data": {"answer": "42"},
    }
    path = "/api/v1/namespaces/default/configmaps/kept"
    connect(running.kubeconfig).apply(path, config_map)
    before = pids(running)
    victim = before.pop("etcd")
    assert victim is not None
    os.kill(victim, signal.SIGKILL)
    eventually(lambda: not status(home).healthy)
    repaired = up(home, print)
    assert repaired.healthy
    after = pids(repaired)
    assert after.pop("etcd") != victim
    assert after == before
    assert connect(running.kubeconfig).get(path)["data"] == {"answer": "42"}


def test_hung_component_is_replaced(home: Paths, running: ClusterStatus) -> None:
    """A component that runs but does not answer counts as unhealthy, and up replaces it."""
    victim = pids(running)["kube-scheduler"]
    assert victim is not None
    os.kill(victim, signal.SIGSTOP)
    assert not status(home).healthy
    repaired = up(home, print)
    assert repaired.healthy
    assert pids(repaired)["kube-scheduler"] != victim


def test_other_flags_restart_only_what_they_change(home: Paths, running: ClusterStatus) -> None:
    """Flags of the controller manager restart the controller manager and nothing else."""
    before = pids(running)
    after = pids(up(home, print, controller_manager_flags=("--v=1",)))
    assert after.pop("kube-controller-manager") != before.pop("kube-controller-manager")
    assert after == before


@pytest.mark.usefixtures("running")
def test_failing_component_is_named_and_nothing_left(home: Paths) -> None:
    """If a component does not start, the error ends with its log, and no process of the cluster stays."""
    with pytest.raises(ToolFailed, match="kube-controller-manager ended before it was ready") as failure:
        up(home, print, controller_manager_flags=("--no-such-flag",))
    assert "unknown flag: --no-such-flag" in failure.value.detail
    assert processes_of(home.home) == []


def test_down_ends_everything_and_keeps_the_data(home: Paths, running: ClusterStatus) -> None:
    """Down leaves no process and no taken port; the next up serves the objects of before on the same ports."""
    path = "/api/v1/namespaces/surviving"
    connect(running.kubeconfig).apply(path, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "surviving"}})
    down(home, print)
    assert processes_of(home.home) == []
    assert all(is_free(component.port) for component in running.components if component.port)
    stopped = status(home)
    assert not stopped.healthy
    assert set(pids(stopped).values()) == {None}
    down(home, print)
    again = up(home, print)
    assert [component.port for component in again.components] == [component.port for component in running.components]
    assert connect(again.kubeconfig).get(path)["status"]["phase"] == "Active"


@pytest.mark.usefixtures("running")
def test_only_processes_on_this_folder_are_ended(home: Paths, tmp_path: Path) -> None:
    """A program of the same name that serves another folder is not this cluster's: down leaves it alone."""
    namesake = tmp_path / "etcd"
    namesake.symlink_to("/bin/sleep")
    with subprocess.Popen([namesake, "600"]) as other:
        down(home, print)
        alive = other.poll() is None
        other.kill()
    assert alive


def test_lost_folder_orphans_nothing(home: Paths, running: ClusterStatus) -> None:
    """Where the folder vanished under a running cluster, status still shows it and down ends it."""
    home.home.rename(home.home.with_name("vanished"))
    assert pids(status(home)) == pids(running)
    down(home, print)
    assert processes_of(home.home) == []


def test_taken_port_is_replaced(home: Paths, running: ClusterStatus) -> None:
    """If somebody else took a port while the cluster was down, up moves, and the kubeconfig with it."""
    down(home, print)
    apiserver = next(component for component in running.components if component.name == "kube-apiserver")
    assert apiserver.port is not None
    with socket.create_server(("127.0.0.1", apiserver.port)):
        moved = up(home, print)
        assert moved.healthy
        assert f":{apiserver.port}" not in moved.kubeconfig.read_text()
        assert connect(moved.kubeconfig).get("/version")["gitVersion"].startswith("v1.")


def test_interrupted_up_leaves_nothing(home: Paths) -> None:
    """Ctrl-C in an up ends what it had started, without a traceback."""
    down(home, print)
    starting = command(home, "up")
    assert starting.stderr is not None
    while "kube-apiserver: starting" not in starting.stderr.readline():
        assert starting.poll() is None
    starting.send_signal(signal.SIGINT)
    _, messages = starting.communicate(timeout=60)
    assert starting.returncode == 130
    assert messages == ""
    assert processes_of(home.home) == []


def test_command_tells_state_by_exit_code_and_json(home: Paths) -> None:
    """Status exits 3 for a stopped cluster, 0 for a healthy one; stdout is one JSON document, messages go to stderr."""
    down(home, print)
    stopped = command(home, "status", "--json")
    assert json.loads(stopped.communicate(timeout=60)[0])["healthy"] is False
    assert stopped.returncode == 3
    started = command(home, "up", "--json")
    assert json.loads(started.communicate(timeout=60)[0])["healthy"] is True
    assert started.returncode == 0
    shown = command(home, "status")
    table, _ = shown.communicate(timeout=60)
    assert shown.returncode == 0
    assert f"export KUBECONFIG={home.kubeconfig}" in table.splitlines()


def test_reset_starts_from_nothing(home: Paths) -> None:
    """With reset the objects of before are gone."""
    api = connect(up(home, print).kubeconfig)
    api.apply("/api/v1/namespaces/old", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "old"}})
    fresh = connect(up(home, print, reset=True).kubeconfig)
    assert "old" not in {item["metadata"]["name"] for item in fresh.get("/api/v1/namespaces")["items"]}
