"""User data of machines, by the programs that read it: cloud-init, systemd and a shell."""

import hashlib
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from capacity.spec import Spec
from components.nodes.machine import CONFIG, PROGRAM
from components.nodes.render import machine_texts, node_resources
from stacks.reading import environments, read_spec_document
from tests.capacity.specs import read_spec
from tests.environments import planned

KEYS: dict[str, list[str]] = yaml.safe_load(Path(__file__).with_name("k3s-keys.yaml").read_text())
MACHINES = [
    pytest.param(environment, name, id=f"{environment}: {name}")
    for environment in environments()
    for name in machine_texts(planned(environment))
]


def _files(environment: str, machines: str) -> dict[str, str]:
    document = yaml.safe_load(machine_texts(planned(environment))[machines])
    return {file["path"]: file["content"] for file in document["write_files"]}


@pytest.mark.needs("cloud-init", "apt-get install cloud-init")
@pytest.mark.parametrize(("environment", "machines"), MACHINES)
def test_cloud_init_takes_it(environment: str, machines: str, tmp_path: Path) -> None:
    """Every kind of machine's user data is valid by cloud-init's own schema, and within the 16 KiB that EC2 takes."""
    text = machine_texts(planned(environment))[machines]
    file = tmp_path / "user-data"
    file.write_text(text)
    checked = subprocess.run(["cloud-init", "schema", "--config-file", file], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "Valid" in checked.stdout
    assert len(text.encode()) < 16 * 1024


@pytest.mark.needs("systemd-analyze", "apt-get install systemd")
@pytest.mark.parametrize(("environment", "machines"), MACHINES)
def test_systemd_takes_its_unit_and_drop_in(environment: str, machines: str, tmp_path: Path) -> None:
    """The service is in order by systemd, with what is laid over it; a misspelt key would be found."""
    units = {path: text for path, text in _files(environment, machines).items() if path.startswith("/etc/systemd/system/")}
    assert _verified(units, tmp_path / "right") == ""
    broken = {path: text.replace("LimitNOFILE", "LimitNOFILES") for path, text in units.items()}
    assert "LimitNOFILES" in _verified(broken, tmp_path / "wrong")


def _verified(units: dict[str, str], folder: Path) -> str:
    (service,) = (Path(path).name for path in units if path.endswith(".service"))
    for path, text in units.items():
        file = folder / Path(path).relative_to("/etc/systemd/system")
        file.parent.mkdir(parents=True, exist_ok=True)
        # The programs of a node are not on this machine.
        runnable = text
        for program in ("/usr/local/bin/k3s", "/usr/bin/nvidia-container-runtime"):
            runnable = runnable.replace(f"={program}", "=/usr/bin/true")
        file.write_text(runnable)
    checked = subprocess.run(
        ["systemd-analyze", "verify", "--recursive-errors=one", "--man=no", service],
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{folder}:"},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return checked.stderr if checked.returncode or "Unknown" in checked.stderr else ""


@pytest.mark.parametrize(("environment", "machines"), MACHINES)
def test_k3s_knows_every_key(environment: str, machines: str) -> None:
    """No key of a configuration is one that k3s would end at, by its own documentation."""
    role = "server" if machines.endswith(("server", "servers")) else "agent"
    known = {*KEYS["agent"], *(KEYS["server"] if role == "server" else ())}
    config = yaml.safe_load(_files(environment, machines)[CONFIG])
    assert config.keys() <= known


@pytest.mark.parametrize("environment", environments())
def test_user_data_holds_no_secret(environment: str) -> None:
    """Tokens are named by the files that they are in, and no other key of k3s that takes a secret is used."""
    for machines in machine_texts(planned(environment)):
        config = yaml.safe_load(_files(environment, machines)[CONFIG])
        assert {key for key in config if "token" in key} <= {"token-file", "agent-token-file"}
        assert not {"etcd-s3-access-key", "etcd-s3-secret-key", "datastore-endpoint"} & config.keys()


def test_an_agent_knows_no_token_of_servers() -> None:
    """A machine that runs workloads holds only the secret with which agents join."""
    config = yaml.safe_load(_files("prod", "general")[CONFIG])
    assert config["token-file"] == "/etc/headroom/k3s-agent-token"


def test_one_server_makes_the_cluster_and_the_others_join_it() -> None:
    """The first server starts etcd; the second and third are given its address; both keep snapshots by the spec."""
    first, others = (yaml.safe_load(_files("prod", name)[CONFIG]) for name in ("first-server", "other-servers"))
    assert first["cluster-init"] is True
    assert others["server"] == f"https://{first['tls-san'][0]}:6443"
    assert {(one["etcd-snapshot-schedule-cron"], one["etcd-snapshot-retention"]) for one in (first, others)} == {
        ("0 */6 * * *", 28)
    }
    assert first["secrets-encryption"] is others["secrets-encryption"] is True


def _changed(*path: str, to: object) -> Spec:
    document = read_spec_document("prod")
    inside: Any = document
    for key in path[:-1]:
        inside = inside.setdefault(key, {})
    inside[path[-1]] = to
    return read_spec(document)


def _sysctls(spec: Spec) -> dict[str, str]:
    from capacity import plan
    from stacks.reading import read_lock

    made = plan(spec, read_lock("prod"), spec.as_of or read_lock("prod").data_end)
    files = yaml.safe_load(machine_texts(made)["general"])["write_files"]
    (text,) = (file["content"] for file in files if file["path"].startswith("/etc/sysctl.d/"))
    return dict(line.split(" = ") for line in text.splitlines())


def test_the_kernel_is_set_by_what_the_sockets_were_sized_with() -> None:
    """Tracked connections, open files and ephemeral ports on the machine are the spec's; a larger figure raises them."""
    now = _sysctls(_changed("zone", to="America/New_York"))
    assert (now["net.netfilter.nf_conntrack_max"], now["fs.nr_open"]) == ("262144", str(2**20))
    assert now["net.ipv4.ip_local_port_range"] == "32768 60999"
    sockets = read_spec_document("prod")["verticals"]["sales"]["sockets"]
    more = _sysctls(_changed("verticals", "sales", "sockets", to=sockets | {"tracked": "400k", "outbound": {"ports": 50_000}}))
    assert more["net.netfilter.nf_conntrack_max"] == "400000"
    assert more["net.ipv4.ip_local_port_range"] == "11000 60999"
    fewer = _sysctls(
        _changed("verticals", "sales", "sockets", to=sockets | {"tracked_after": {"value": "30s"}, "outbound": {"ports": 9_000}})
    )
    assert fewer["net.netfilter.nf_conntrack_tcp_timeout_time_wait"] == "30"
    assert "net.netfilter.nf_conntrack_tcp_timeout_time_wait" not in now
    assert fewer["net.ipv4.ip_local_port_range"] == "32768 60999"
    files = _sysctls(_changed("verticals", "sales", "pod", "descriptors", to=2_000_000))
    assert files["fs.nr_open"] == "2000000"
    assert files["fs.file-max"] == str(2_000_000 * 110)


def test_pods_find_what_the_plan_gives_them() -> None:
    """What the kubelet holds back, keeps free and tells of adds up to the machine; our daemons' share is within the rest."""
    for pool in planned("prod").pools:
        claims = next(one.props for one in node_resources(planned("prod"), (), parent="") if one.name == f"pool-{pool.name}")
        arguments = yaml.safe_load(_files("prod", pool.name)[CONFIG])["kubelet-arg"]
        told = dict(part.split("=", 1) for part in arguments)
        reserved = dict(part.split("=") for part in told["system-reserved"].split(","))
        cpu, memory = float(reserved["cpu"].removesuffix("m")) / 1000, int(reserved["memory"].removesuffix("Mi")) * 2**20
        assert cpu + claims["cpuCores"] == pytest.approx(pool.spec.cpu)
        assert memory + 100 * 2**20 + claims["memoryBytes"] == pool.spec.memory
        assert told["max-pods"] == str(claims["pods"])


@pytest.mark.needs("curl", "apt-get install curl")
@pytest.mark.parametrize("honest", [True, False], ids=["the right program", "another program"])
def test_only_the_named_program_is_installed(honest: bool, tmp_path: Path) -> None:  # noqa: FBT001  # a case
    """The real script fetches k3s, compares its SHA-256 and installs it, or says that it is another one and starts nothing."""
    served = tmp_path / "served" / "v1.34.1+k3s1"
    served.mkdir(parents=True)
    (served / "k3s").write_text("#!/bin/sh\n" if honest else "#!/bin/sh\nrm -rf /\n")
    digest = hashlib.sha256(b"#!/bin/sh\n").hexdigest()
    script = _files("prod", "general")[PROGRAM].replace("0" * 64, digest)
    script = script.replace("https://github.com/k3s-io/k3s/releases/download/v1.34.1%2Bk3s1", f"file://{served}")
    for real, here in (("/usr/local/bin", "bin"), ("/etc/", "etc/")):
        (tmp_path / here).mkdir()
        script = script.replace(real, f"{tmp_path / here}{'/' if real.endswith('/') else ''}")
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("systemctl", "sysctl"):
        (tools / name).write_text(f'#!/bin/sh\necho {name} "$@" >> {tmp_path}/called\n')
        (tools / name).chmod(0o755)
    (tmp_path / "etc/headroom").mkdir()
    (tmp_path / "etc/headroom/zone").write_text("zone-2\n")
    for _ in range(2):  # it may be run again
        ran = subprocess.run(
            ["sh", "-c", script],
            env={**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (ran.returncode == 0) == honest, ran.stderr
    assert (tmp_path / "bin/k3s").exists() == honest
    if honest:
        zone = yaml.safe_load((tmp_path / "etc/rancher/k3s/config.yaml.d/zone.yaml").read_text())
        assert zone == {"node-label+": ["topology.kubernetes.io/zone=zone-2"]}
        assert (tmp_path / "called").read_text().splitlines()[-1] == "systemctl restart --no-block k3s-agent.service"
    else:
        assert "is not the program" in ran.stderr
        assert not (tmp_path / "called").exists()
