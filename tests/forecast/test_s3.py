"""History in S3, read from a real server on loopback."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from boto3.session import Session
from moto.server import ThreadedMotoServer

from headroom.forecast.errors import BadHistory
from headroom.forecast.history import History
from headroom.forecast.load import load_history
from headroom.forecast.s3 import local_file

_CALLS = b"start,end,vertical\n2026-10-26T09:00:00Z,2026-10-26T09:05:00Z,sales\n2026-10-27T09:00:00Z,2026-10-27T09:05:00Z,sales\n"
_SECRET = "a-key-that-nobody-may-read"  # noqa: S105 - of a server that lives for this test


@dataclass(frozen=True)
class _Server:
    url: str
    session: Session

    def client(self, service: str) -> Any:
        return self.session.client(service, endpoint_url=self.url)

    def put(self, key: str, body: bytes) -> None:
        self.client("s3").put_object(Bucket="history", Key=key, Body=body)


@pytest.fixture(scope="module")
def server() -> Iterator[_Server]:
    """Yield an S3 server with one bucket."""
    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    session = Session(aws_access_key_id="test", aws_secret_access_key=_SECRET, region_name="us-east-1")
    made = _Server(f"http://{host}:{port}", session)
    made.client("s3").create_bucket(Bucket="history")
    made.put("2026/calls.csv", _CALLS)
    yield made
    running.stop()


@pytest.fixture
def usual_chain(server: _Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder for temporary files; credentials, region and endpoint are where boto3 looks, and nowhere else."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    credentials = tmp_path / "credentials"
    credentials.write_text(f"[default]\naws_access_key_id = AKIATEST\naws_secret_access_key = {_SECRET}\n", encoding="utf-8")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(credentials))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def _load(path: Path) -> History:
    return load_history(path, as_of=date(2026, 11, 2), zone="UTC", known_verticals=frozenset({"sales"}))


def test_an_object_is_read_as_the_file_that_it_was(usual_chain: Path, tmp_path: Path) -> None:
    """Named on the command line or in a manifest: same calls and same digest as the local file, its URL in the account."""
    (tmp_path / "calls.csv").write_bytes(_CALLS)
    (tmp_path / "history.yaml").write_text("sources: [{kind: calls, path: 's3://history/2026/calls.csv'}]\n", encoding="utf-8")
    local = _load(tmp_path / "calls.csv")
    for path in (Path("s3://history/2026/calls.csv"), tmp_path / "history.yaml"):
        remote = _load(path)
        assert remote.sources[0].digest == local.sources[0].digest
        assert remote.sources[0].name == "s3://history/2026/calls.csv"
        assert np.array_equal(remote.verticals["sales"].starts_ms, local.verticals["sales"].starts_ms)
    assert list(usual_chain.iterdir()) == []


def test_counts_are_read_from_there_too(server: _Server, usual_chain: Path, tmp_path: Path) -> None:
    """Bins of calls in S3 become calls as those in a file do."""
    server.put("bins.csv", b"start,count\n2026-10-26T09:00:00Z,3\n2026-10-26T09:05:00Z,4\n")
    (tmp_path / "history.yaml").write_text(
        "sources: [{kind: counts, path: 's3://history/bins.csv', bin: 5m, zone: UTC, vertical: sales,"
        " duration: {mean: 2m, cv: 1.0}, seed: 1}]\n",
        encoding="utf-8",
    )
    assert len(_load(tmp_path / "history.yaml").verticals["sales"].starts_ms) == 7
    assert list(usual_chain.iterdir()) == []


def test_a_large_object_is_kept_on_disk_and_removed(server: _Server, usual_chain: Path) -> None:
    """64 MiB arrive whole in a file that only its owner may read, and are gone after an error as well."""
    body = np.random.default_rng(1).bytes(64 << 20)
    server.put("large.parquet", body)
    with local_file(Path(), "s3://history/large.parquet") as copy:
        assert copy.read_bytes() == body
        assert copy.parent == usual_chain
        assert copy.stat().st_mode & 0o077 == 0
    with pytest.raises(BadHistory, match=r"^s3://history/large\.parquet: cannot be read: ") as caught:
        _load(Path("s3://history/large.parquet"))
    assert str(usual_chain) not in str(caught.value)
    assert list(usual_chain.iterdir()) == []


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("s3://nowhere/calls.csv", "there is no bucket 'nowhere'. Correct its name, or AWS_ENDPOINT_URL."),
        ("s3://history/2026/cals.csv", "the bucket 'history' has no object '2026/cals.csv'. Correct the key"),
        ("s3://history/2026", "is not an object to read. Give s3://BUCKET/KEY.csv"),
        ("s3://no_such_name!/calls.csv", "cannot be fetched: ParamValidationError. Check"),
    ],
)
def test_a_wrong_place_is_named(usual_chain: Path, path: str, said: str) -> None:
    """Bucket and key are told apart, and the URL leads the message."""
    with pytest.raises(BadHistory) as caught:
        _load(Path(path))
    assert str(caught.value).startswith(f"{path}: {said}")
    assert list(usual_chain.iterdir()) == []


def test_a_column_that_is_missing_is_missing_in_the_object(server: _Server, usual_chain: Path) -> None:
    """The reader's own errors name the URL, not the copy."""
    server.put("odd.csv", b"begin,end\n1,2\n")
    with pytest.raises(BadHistory) as caught:
        _load(Path("s3://history/odd.csv"))
    assert str(caught.value) == "s3://history/odd.csv: has no column 'start'; it has: begin, end. Add the column 'start'."
    assert list(usual_chain.iterdir()) == []


def test_a_refusal_names_the_permission_and_no_credential(
    server: _Server, usual_chain: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user without rights, a key that does not exist, and a wrong secret: what to do is said, and neither key is."""
    iam = server.client("iam")
    iam.create_user(UserName="reader")
    key = iam.create_access_key(UserName="reader")["AccessKey"]
    # From the next request on the server checks who asks.
    monkeypatch.setattr("moto.settings.INITIAL_NO_AUTH_ACTION_COUNT", 0.0)
    for who, secret, said in (
        (
            key["AccessKeyId"],
            key["SecretAccessKey"],
            "access is denied to whom the credentials belong. Allow s3:GetObject on arn",
        ),
        ("AKIANOBODY", _SECRET, "S3 refuses: InvalidAccessKeyId. Check the credentials"),
        (key["AccessKeyId"], _SECRET, "S3 refuses: SignatureDoesNotMatch. Check the credentials"),
    ):
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", who)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
        with pytest.raises(BadHistory) as caught:
            _load(Path("s3://history/2026/calls.csv"))
        assert said in str(caught.value)
        assert who not in str(caught.value)
        assert secret not in str(caught.value)
    assert list(usual_chain.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:1", "EndpointConnectionError"),
        ("AWS_ENDPOINT_URL", "no url", "ValueError"),
        ("AWS_SHARED_CREDENTIALS_FILE", "none", "NoCredentialsError"),
        ("AWS_PROFILE", "nobody", "ProfileNotFound"),
    ],
)
def test_no_credentials_no_server_no_profile(
    usual_chain: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    """Each is named for what it is, with the settings to check."""
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setenv(name, value)
    with pytest.raises(BadHistory) as caught:
        _load(Path("s3://history/2026/calls.csv"))
    assert f"s3://history/2026/calls.csv: cannot be fetched: {said}. Check AWS_PROFILE" in str(caught.value)
    assert list(usual_chain.iterdir()) == []


def test_a_manifest_is_a_local_file(usual_chain: Path) -> None:
    """A manifest in S3 is refused before anything is fetched."""
    with pytest.raises(BadHistory, match="a manifest is a local file"):
        _load(Path("s3://history/history.yaml"))
    assert list(usual_chain.iterdir()) == []
