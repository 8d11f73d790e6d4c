"""What servers and pools are told, by the programs that are told it: kube-apiserver's files, and Karpenter's definitions."""

import json
import subprocess
import time
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from capacity import CapacityPlan
from components.nodes.k3s_config import ADMISSION, AUDIT, AUDIT_LOG
from components.nodes.machine import CONFIG
from components.nodes.render import machine_texts, node_resources
from headroom.blueprint import Blueprint, Rendered, encode
from headroom.engine.definitions import TARGET, missing_definitions
from headroom.local.kubernetes.client import Api, Object, Refused, connect
from headroom.local.target import Cluster
from headroom.local.target import encode as encode_target
from headroom.ports import free_ports
from tests.cluster.objects import eventually, path, put
from tests.components.test_nodes import with_karpenter
from tests.environments import planned

pytestmark = pytest.mark.needs("go", "install Go 1.26 or later from https://go.dev/dl/")

KARPENTER = "github.com/aws/karpenter-provider-aws@v1.15.1"
KARPENTER_SUM = "h1:6eH///KgWKDwD2R6wHRnKGN8Vu8OHueaXjNdx64TnuY="
DEFINITIONS = ("karpenter.sh_nodepools.yaml", "karpenter.k8s.aws_ec2nodeclasses.yaml")


def _first_server() -> dict[str, str]:
    document = yaml.safe_load(machine_texts(planned("prod"))["first-server"])
    return {file["path"]: file["content"] for file in document["write_files"]}


@pytest.fixture(scope="module")
def hardened(kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Api, Path]]:
    """A second API server on the same etcd, with the arguments and files of prod's servers; and its audit log."""
    folder, files = tmp_path_factory.mktemp("server"), _first_server()
    command, environ = _running_apiserver(kubeconfig)
    log = folder / "audit.log"
    own = {ADMISSION: folder / "admission.yaml", AUDIT: folder / "audit.yaml", AUDIT_LOG: log}
    for name in (ADMISSION, AUDIT):
        own[name].write_text(files[name])
    arguments = yaml.safe_load(files[CONFIG])["kube-apiserver-arg"]
    for name, here in own.items():
        arguments = [argument.replace(f"={name}", f"={here}") for argument in arguments]
    (port,) = free_ports(1)
    kept = [argument for argument in command if not argument.startswith("--secure-port=")]
    with (folder / "output").open("w") as output:
        server = subprocess.Popen(
            [*kept, f"--secure-port={port}", *(f"--{one}" for one in arguments)], stdout=output, stderr=output, env=environ
        )
    api = replace(connect(kubeconfig), server=f"https://127.0.0.1:{port}")
    try:
        deadline = time.monotonic() + 60
        while not _is_ready(api):
            assert server.poll() is None, (folder / "output").read_text()[-2000:]
            assert time.monotonic() < deadline, "it did not become ready"
            time.sleep(0.2)
        yield api, log
    finally:
        server.terminate()
        server.wait()


def _running_apiserver(kubeconfig: Path) -> tuple[list[str], dict[str, str]]:
    """Return the command line of the cluster's own API server and its environment."""
    port = connect(kubeconfig).server.rpartition(":")[2]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().decode().split("\0")[:-1]
            variables = (process / "environ").read_bytes().decode().split("\0")[:-1]
        except OSError:
            continue
        if command and command[0].endswith("kube-apiserver") and f"--secure-port={port}" in command:
            return command, dict(variable.split("=", 1) for variable in variables)
    raise AssertionError("the cluster's API server does not run")


def _is_ready(api: Api) -> bool:
    try:
        api.get("/api/v1/namespaces/default")
    except Exception:  # noqa: BLE001  # not yet, in any of many ways
        return False
    return True


def test_a_namespace_that_says_nothing_is_restricted(hardened: tuple[Api, Path]) -> None:
    """With the servers' admission file a privileged pod is refused where no label says anything."""
    api, _ = hardened
    container = {"name": "x", "image": "registry.example/x:1", "securityContext": {"privileged": True}}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "intruder"}, "spec": {"containers": [container]}}
    with pytest.raises(Refused, match='violates PodSecurity "restricted'):
        api.call("POST", "/api/v1/namespaces/default/pods", pod)


def test_the_audit_log_says_who_wrote_a_secret_and_not_what(hardened: tuple[Api, Path]) -> None:
    """A secret's writing is logged with its user, nothing of its content is; nodes' and controllers' reading is left out."""
    api, log = hardened
    place = "/api/v1/namespaces/default/secrets/audited"
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "audited"}, "stringData": {"word": "not-for-a-log"}}
    api.apply(place, secret)
    api.get(place)
    api.delete(place)
    eventually(lambda: log.read_text().count('"name":"audited"') >= 3)
    events: list[dict[str, Any]] = [json.loads(line) for line in log.read_text().splitlines()]
    verbs = {event["verb"] for event in events if event.get("objectRef", {}).get("name") == "audited"}
    assert verbs == {"patch", "get", "delete"}
    assert {event["level"] for event in events} == {"Metadata"}
    assert "not-for-a-log" not in log.read_text()


@pytest.fixture(scope="module")
def made_by_karpenter() -> list[Rendered]:
    """The machines of prod with a general pool that Karpenter makes."""
    made: CapacityPlan = with_karpenter()
    return [replace(one, parent=None, after=()) for one in node_resources(made, (), parent="")]


def test_karpenter_takes_its_pools(kubeconfig: Path, made_by_karpenter: list[Rendered]) -> None:
    """Without Karpenter's definitions both kinds are named; by those of its release no field is unknown or wrong."""
    api = connect(kubeconfig)
    environ = {TARGET: encode_target(Cluster(kubeconfig))}
    blueprint = Blueprint(tuple(made_by_karpenter))
    missing = missing_definitions(blueprint, environ)
    assert [line.split(", which")[0] for line in missing] == [
        "the cluster knows no kind EC2NodeClass in karpenter.k8s.aws/v1",
        "the cluster knows no kind NodePool in karpenter.sh/v1",
    ]
    definitions = _definitions()
    for definition in definitions:
        api.apply(path(api, definition), definition)
    eventually(lambda: missing_definitions(blueprint, environ) == ())
    machines, pool = (encode(one.props) for one in made_by_karpenter if "karpenter" in one.type)
    put(api, machines)
    put(api, pool)
    with pytest.raises(Refused, match="field not declared in schema"):
        put(api, {**pool, "spec": {**pool["spec"], "maxNodes": 2}})
    with pytest.raises(Refused, match=r"duration|schedule"):
        put(api, {**pool, "spec": {**pool["spec"], "disruption": {"budgets": [{"nodes": "0", "duration": "60m"}]}}})
    for found in (pool, machines):
        api.delete(path(api, found))
    for definition in definitions:
        api.delete(path(api, definition))


def _definitions() -> list[Object]:
    """Return Karpenter's definitions of both kinds, from its release as a Go module."""
    # Go ends with an error where the module asks for a newer Go than this one; its files are there all the same.
    done = subprocess.run(["go", "mod", "download", "-json", KARPENTER], capture_output=True, text=True, check=False)
    answer = json.loads(done.stdout)
    assert answer.get("Sum") == KARPENTER_SUM, done.stdout + done.stderr
    with zipfile.ZipFile(answer["Zip"]) as module:
        return [yaml.safe_load(module.read(f"{KARPENTER}/pkg/apis/crds/{name}")) for name in DEFINITIONS]
