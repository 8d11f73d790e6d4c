"""Objects on the tests' API server: how they come, how they are waited for, and how they go."""

import json
import subprocess
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import yaml

from headroom.blueprint import Blueprint, encode
from headroom.local.kubernetes.client import Api, Object, Refused

KEDA = "github.com/kedacore/keda/v2@v2.21.0"


def eventually(check: Callable[[], object], within_s: float = 90.0) -> None:
    """Wait until the check holds."""
    deadline = time.monotonic() + within_s
    while not check():
        assert time.monotonic() < deadline, f"not within {within_s} s"
        time.sleep(0.1)


def path(api: Api, found: Object) -> str:
    """Where an object is found on the server."""
    metadata = found["metadata"]
    return api.resource(found["apiVersion"], found["kind"]).url(metadata.get("namespace"), metadata["name"])


def put(api: Api, found: Object) -> Object:
    """Apply an object under strict validation."""
    return api.apply(path(api, found), found)


def parts(blueprint: Blueprint, components: Collection[str]) -> list[Object]:
    """The Kubernetes objects of the named components, in their order."""
    named = {one.name for one in blueprint if one.type.split(":")[:2] in [["headroom", part] for part in components]}
    return [encode(one.props) for one in blueprint if one.parent in named and one.type.startswith("kubernetes:")]


@contextmanager
def held(api: Api, objects: Sequence[Object]) -> Iterator[None]:
    """Hold the objects on the server until the end, when all are gone, namespaces too: the next test finds it as this one did."""
    for found in objects:
        put(api, found)
    try:
        yield
    finally:
        paths = [path(api, found) for found in reversed(objects)]
        for one in paths:
            api.delete(one)
        eventually(lambda: all(absent(api, one) for one in paths))


def absent(api: Api, where: str) -> bool:
    """Whether the server knows nothing at that path."""
    try:
        api.get(where)
    except Refused as refusal:
        if refusal.not_found:
            return True
        raise
    return False


def ready(api: Api, name: str) -> int:
    """The ready pods of a Deployment in the namespace of its name."""
    status = api.get(f"/apis/apps/v1/namespaces/{name}/deployments/{name}")["status"]
    return int(status.get("readyReplicas", 0))


@contextmanager
def scaled_objects(api: Api) -> Iterator[None]:
    """Let the server know ScaledObjects by KEDA's own definition, as its release has it, until the end."""
    done = subprocess.run(["go", "mod", "download", "-json", KEDA], capture_output=True, text=True, check=True)
    folder = Path(json.loads(done.stdout)["Dir"]) / "config" / "crd" / "bases"
    definition: Object = yaml.safe_load((folder / "keda.sh_scaledobjects.yaml").read_text())
    with held(api, [definition]):
        yield
