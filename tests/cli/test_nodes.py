"""`headroom nodes`: files for an operator, and types of machine that EC2 offers (played by moto)."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer

from capacity.machines import InstanceType
from headroom.instance_types import NotRead, Wanted, offered_types
from tests.environments import planned


@pytest.fixture
def ec2(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """EC2 as moto plays it, with the instance types that AWS publishes."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    yield
    server.stop()


def _headroom(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "headroom.cli", *arguments],
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


@pytest.mark.usefixtures("ec2")
def test_types_have_what_is_wanted_and_at_most_twice_of_it() -> None:
    """No type is smaller than the pool's machines, none much larger, none of metal, and those without GPUs have none."""
    found = offered_types("us-east-1", Wanted(32, 128 * 10**9))
    names = {offer.name for offer in found}
    assert "m7i.8xlarge" in names
    assert all(32 <= offer.cpu_cores <= 64 and 128e9 <= offer.memory_bytes <= 256e9 and offer.gpus == 0 for offer in found)
    assert not any(name.endswith(".metal") or "metal" in name for name in names)


@pytest.mark.usefixtures("ec2")
def test_types_with_gpus_are_found_by_the_gpus_name() -> None:
    """Machines of 4 A10G and this memory are one kind of g5; of another GPU there is none."""
    found = offered_types("us-east-1", Wanted(48, 190 * 10**9, gpus=4, gpu="A10G"))
    assert [(offer.name, offer.gpus) for offer in found] == [("g5.12xlarge", 4)]
    assert offered_types("us-east-1", Wanted(48, 190 * 10**9, gpus=4, gpu="Z9")) == []


@pytest.mark.usefixtures("ec2")
def test_the_document_is_dated_and_what_a_spec_takes(tmp_path: Path) -> None:
    """The command writes the region, the day and the types; a pool's spec reads them as they are."""
    out = tmp_path / "types.json"
    ran = _headroom("nodes", "types", "--region", "us-east-1", "--min-cpu", "32", "--min-memory", "128GB", "--out", str(out))
    assert ran.returncode == 0, ran.stderr
    document = json.loads(out.read_text())
    assert (document["region"], document["read"]) == ("us-east-1", datetime.now(UTC).date().isoformat())
    types = [InstanceType.model_validate_json(json.dumps(one)) for one in document["types"]]
    assert types
    assert all(kind.cpu >= 32 and kind.memory >= 128 * 10**9 for kind in types)


def test_ec2_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without credentials nothing is guessed: the region and the reason are said."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    with pytest.raises(NotRead, match=r"EC2 in us-east-1: .*credentials"):
        offered_types("us-east-1", Wanted(32, 128 * 10**9))


def test_a_size_without_a_unit_is_bad_input() -> None:
    """128 could be anything: the option and what it takes are said, and the command ends with 2."""
    ran = _headroom("nodes", "types", "--region", "us-east-1", "--min-cpu", "32", "--min-memory", "128")
    assert ran.returncode == 2
    assert "--min-memory" in ran.stderr


def test_files_are_written_one_a_kind_of_machine(tmp_path: Path) -> None:
    """Prod's first server, its other servers and each pool have a file of user data."""
    ran = _headroom("nodes", "files", "prod", "--out", str(tmp_path))
    assert ran.returncode == 0, ran.stderr
    expected = {"first-server", "other-servers", *(pool.name for pool in planned("prod").pools)}
    assert {file.name for file in tmp_path.iterdir()} == {f"{name}.cloud-init.yaml" for name in expected}
