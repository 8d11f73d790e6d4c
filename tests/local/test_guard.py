"""When the stand-in may write, judged by the environment alone."""

from pathlib import Path

import pytest

from headroom.local.kubernetes.kubeconfig import Kubeconfig
from headroom.local.kubernetes_standin.guard import permitted
from headroom.local.standin.guard import Refusal
from headroom.local.target import Cluster, Directory, decode, encode


def local(home: Path, **changes: str) -> dict[str, str]:
    """Return the environment of a local run with the directory target, with changes."""
    return {
        "PULUMI_HOME": str(home / "pulumi"),
        "PULUMI_BACKEND_URL": f"file://{home}/state",
        "HEADROOM_TARGET": f"directory:{home}/out/x",
    } | changes


def kubeconfig(folder: Path, server: str) -> Path:
    """Return a kubeconfig for the server."""
    file = folder / "kubeconfig"
    file.write_text(
        "current-context: c\n"
        "contexts: [{name: other, context: {cluster: other, user: u}}, {name: c, context: {cluster: k, user: u}}]\n"
        f"clusters: [{{name: k, cluster: {{server: '{server}'}}}}]\n"
        "users: [{name: u, user: {token: secret-token}}]\n"
    )
    return file


def test_a_folder_under_the_home_is_permitted(tmp_path: Path) -> None:
    """The plain local run."""
    assert permitted(local(tmp_path)) == Directory(tmp_path / "out" / "x")


@pytest.mark.parametrize(
    "server", ["https://127.0.0.1:6443", "https://127.1.2.3:1", "https://[::1]:6443", "http://localhost:8080"]
)
def test_a_loopback_server_is_permitted(tmp_path: Path, server: str) -> None:
    """Any loopback address, and localhost by name; the token shows in no repr."""
    target = f"cluster:{kubeconfig(tmp_path, server)}"
    allowed = permitted(local(tmp_path, HEADROOM_TARGET=target))
    assert isinstance(allowed, Kubeconfig)
    assert allowed.server == server
    assert "secret-token" not in repr(allowed)


@pytest.mark.parametrize(
    "server",
    [
        "https://10.0.0.1:6443",
        "https://0.0.0.0:6443",
        "https://127.0.0.1.example.com",
        "https://localhost.example.com",
        "https://127.0.0.1@example.com",
        "https://prod.example.com/127.0.0.1",
        "127.0.0.1:6443",
        "",
    ],
)
def test_any_other_server_is_refused(tmp_path: Path, server: str) -> None:
    """Other addresses, names that only look local, and what is no address."""
    target = f"cluster:{kubeconfig(tmp_path, server)}"
    refusal = permitted(local(tmp_path, HEADROOM_TARGET=target))
    assert isinstance(refusal, Refusal)
    assert "is not a loopback address" in str(refusal)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"PULUMI_BACKEND_URL": "https://user:word@api.pulumi.com"}, "PULUMI_BACKEND_URL is a https address"),
        ({"PULUMI_BACKEND_URL": "s3://bucket"}, "PULUMI_BACKEND_URL is a s3 address"),
        ({"PULUMI_BACKEND_URL": ""}, "PULUMI_BACKEND_URL is not set"),
        ({"PULUMI_BACKEND_URL": "file:///elsewhere/state"}, "PULUMI_BACKEND_URL is elsewhere"),
        ({"PULUMI_BACKEND_URL": "file://{home}/state/../../x"}, "PULUMI_BACKEND_URL is elsewhere"),
        ({"PULUMI_BACKEND_URL": "file://{home}/%2e%2e/x"}, "PULUMI_BACKEND_URL is elsewhere"),
        ({"PULUMI_BACKEND_URL": "file://{home}-other/state"}, "PULUMI_BACKEND_URL is elsewhere"),
        ({"PULUMI_BACKEND_URL": "file://{home}/link"}, "PULUMI_BACKEND_URL is elsewhere"),
        ({"PULUMI_BACKEND_URL": "file://~"}, "PULUMI_BACKEND_URL is elsewhere"),
        ({"PULUMI_HOME": ""}, "PULUMI_HOME is not set"),
        ({"HEADROOM_TARGET": "directory:{home}/../x"}, "is not under"),
        ({"HEADROOM_TARGET": "directory:{home}"}, "is not under"),
        ({"HEADROOM_TARGET": "directory:{home}/link/x"}, "is not under"),
        ({"HEADROOM_TARGET": "directory:out"}, "is neither directory:<absolute path> nor cluster:"),
        ({"HEADROOM_TARGET": "s3:/bucket"}, "is neither directory:<absolute path> nor cluster:"),
        ({"HEADROOM_TARGET": "cluster:/not/there"}, "kubeconfig /not/there cannot be used"),
    ],
)
def test_what_is_not_plainly_local_is_refused(tmp_path: Path, changes: dict[str, str], reason: str) -> None:
    """Each way out of the home is refused with its reason and the remedy, never with what an address may hold."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "link").symlink_to("/")
    refusal = permitted(local(home, **{name: value.format(home=home) for name, value in changes.items()}))
    assert isinstance(refusal, Refusal)
    assert reason in str(refusal)
    assert "install Pulumi with its kubernetes plugin" in str(refusal)
    assert "word" not in str(refusal)


def test_no_target_is_for_previews(tmp_path: Path) -> None:
    """An environment without a target is refused as such."""
    environ = local(tmp_path)
    del environ["HEADROOM_TARGET"]
    refusal = permitted(environ)
    assert isinstance(refusal, Refusal)
    assert "HEADROOM_TARGET is not set, so this is for previews only" in str(refusal)


@pytest.mark.parametrize("content", ["", "[]", "current-context: c\n", "current-context: {", "\x00"])
def test_a_broken_kubeconfig_is_named(tmp_path: Path, content: str) -> None:
    """A file that is no kubeconfig is refused by its name."""
    file = tmp_path / "kubeconfig"
    file.write_text(content)
    refusal = permitted(local(tmp_path, HEADROOM_TARGET=f"cluster:{file}"))
    assert isinstance(refusal, Refusal)
    assert f"kubeconfig {file} cannot be used" in str(refusal)


def test_a_target_survives_its_variable() -> None:
    """Paths with colons and spaces included."""
    for target in (Directory(Path("/a b/c:d")), Cluster(Path("/a/kube:config"))):
        assert decode(encode(target)) == target
