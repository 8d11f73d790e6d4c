"""A deploy goes where its environment belongs, or nowhere."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from capacity.target import CloudflareTarget, Target
from headroom.engine.target import wrong_target
from headroom.local.target import ACCOUNT, CONTEXT
from stacks.reading import environments
from tests.environments import planned
from tests.projects import Project

OURS, ANOTHER, ZONE = "a" * 32, "b" * 32, "c" * 32
TARGET = Target(kubernetes_context="prod", cloudflare=CloudflareTarget(account=OURS, zone=ZONE, domain="calls.example"))
ENGINE = pytest.mark.needs("go", "install Go 1.26 or later from https://go.dev/dl/, or have pulumi 3.259 or later on PATH")


class _Cloudflare(BaseHTTPRequestHandler):
    """Answers for one zone, to one token."""

    def do_GET(self) -> None:
        known = self.headers["Authorization"] == "Bearer right" and self.path == f"/zones/{ZONE}"
        zone = {"result": {"name": "calls.example", "account": {"id": OURS}}}
        self.send_response(200 if known else 403)
        self.end_headers()
        self.wfile.write(json.dumps(zone if known else {"success": False}).encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def environ(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A kubeconfig whose current context is `prod`, and a Cloudflare that knows the zone."""
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text("current-context: prod\n", encoding="utf-8")
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Cloudflare)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    yield {"KUBECONFIG": str(kubeconfig), "CLOUDFLARE_API_TOKEN": "right", "CLOUDFLARE_BASE_URL": address}
    server.shutdown()
    server.server_close()


def _told(target: Target, environ: dict[str, str]) -> list[str]:
    return [str(problem) for problem in wrong_target(target, "stacks/x.yaml", environ)]


def test_where_it_belongs_it_goes(environ: dict[str, str]) -> None:
    """Context, account, zone and domain as the spec says: nothing to say; a spec without a target is not held to any."""
    assert _told(TARGET, environ) == []
    assert wrong_target(None, "stacks/x.yaml", {}) == ()


def test_another_cluster_is_refused(environ: dict[str, str], tmp_path: Path) -> None:
    """Another current context, or none that can be read; of several files the first that names one counts, as for kubectl."""
    (text,) = _told(TARGET.model_copy(update={"kubernetes_context": "staging"}), environ)
    assert text == (
        "stacks/x.yaml: target.kubernetes_context: is 'staging', but the kubeconfig's current context is 'prod': "
        "kubectl config use-context staging"
    )
    missing, other = tmp_path / "missing", tmp_path / "other"
    (text,) = _told(TARGET, environ | {"KUBECONFIG": str(missing)})
    assert text.endswith(f"no current context is set in {missing}: set KUBECONFIG")
    other.write_text("current-context: dev\n", encoding="utf-8")
    (text,) = _told(TARGET, environ | {"KUBECONFIG": f"{missing}:{other}:{environ['KUBECONFIG']}"})
    assert "current context is 'dev'" in text


def _kubeconfig(path: Path, server: str) -> Path:
    """Write what k3s writes: context, cluster and user are all called `default`."""
    path.write_text(
        f"clusters:\n- {{name: default, cluster: {{server: '{server}'}}}}\n"
        "contexts:\n- {name: default, context: {cluster: default, user: default}}\ncurrent-context: default\n",
        encoding="utf-8",
    )
    return path


def test_another_cluster_of_the_same_context_is_refused(environ: dict[str, str], tmp_path: Path) -> None:
    """Two kubeconfigs of k3s differ by their server alone: it must be the spec's, where that names one."""
    prod, staging = (_kubeconfig(tmp_path / name, f"https://k3s.{name}.example.com:6443") for name in ("prod", "staging"))
    target = TARGET.model_copy(
        update={"kubernetes_context": "default", "kubernetes_server": "https://K3S.prod.example.com:6443/"}
    )
    assert _told(target, environ | {"KUBECONFIG": str(prod)}) == []
    (text,) = _told(target, environ | {"KUBECONFIG": str(staging)})
    assert text == (
        "stacks/x.yaml: target.kubernetes_server: is https://K3S.prod.example.com:6443/, but the kubeconfig's context 'default' "
        "leads to https://k3s.staging.example.com:6443: set KUBECONFIG to that of the environment's cluster"
    )
    assert _told(target, environ | {"KUBECONFIG": f"{prod}:{staging}"}) == []
    assert _told(target.model_copy(update={"kubernetes_server": None}), environ | {"KUBECONFIG": str(staging)}) == []
    assert _told(target, environ | {"KUBECONFIG": str(staging), "HEADROOM_STANDIN_CONTEXT": "default"}) == []


@pytest.mark.parametrize("clusters", ["", "clusters: none\n", "clusters:\n- {name: default, cluster: null}\n- 3\n"])
def test_a_context_without_a_server_is_refused(environ: dict[str, str], tmp_path: Path, clusters: str) -> None:
    """Where it leads cannot be told."""
    file = tmp_path / "kubeconfig"
    context = "contexts:\n- {name: prod, context: {cluster: default}}\ncurrent-context: prod\n"
    file.write_text(clusters + context, encoding="utf-8")
    target = TARGET.model_copy(update={"kubernetes_server": "https://k3s.prod.example.com:6443"})
    (text,) = _told(target, environ | {"KUBECONFIG": str(file)})
    assert text.endswith("and the kubeconfig's context 'prod' names no cluster with a server")


def test_another_account_or_domain_is_refused(environ: dict[str, str]) -> None:
    """The zone is asked for: whose it is and what it is called must be what the spec says."""
    assert TARGET.cloudflare is not None
    for field, value, seen in (("account", ANOTHER, OURS), ("domain", "other.example", "calls.example")):
        wrong = TARGET.model_copy(update={"cloudflare": TARGET.cloudflare.model_copy(update={field: value})})
        (text,) = _told(wrong, environ)
        assert text.startswith(f"stacks/x.yaml: target.cloudflare.{field}: is {value}, but")
        assert text.endswith(seen)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"CLOUDFLARE_API_TOKEN": "wrong"}, "Cloudflare answers 403 for that zone"),
        ({"CLOUDFLARE_API_TOKEN": ""}, "CLOUDFLARE_API_TOKEN is not set"),
        ({"CLOUDFLARE_BASE_URL": "http://127.0.0.1:9"}, "Cloudflare gives no usable answer (URLError)"),
    ],
)
def test_what_cannot_be_told_is_refused(environ: dict[str, str], changes: dict[str, str], reason: str) -> None:
    """A token that does not see the zone, none at all, and no answer are no reason to go on."""
    (text,) = _told(TARGET, environ | changes)
    assert f"target.cloudflare.zone: is {ZONE}, and {reason}" in text
    assert "right" not in text


def test_the_examples_belong_to_this_machine() -> None:
    """Their context and account are the stand-ins', so that no example can go to anybody's cluster."""
    for name in environments():
        target = planned(name).target
        assert target is not None
        assert target.cloudflare is not None
        assert (target.kubernetes_context, target.cloudflare.account) == (CONTEXT, ACCOUNT)


@ENGINE
@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("kubernetes_context: headroom", "kubernetes_context: production", "target.kubernetes_context: is 'production', but"),
        (f'account: "{ACCOUNT}"', f'account: "{ANOTHER}"', f"target.cloudflare.account: is {ANOTHER}, but this machine's"),
    ],
)
def test_an_up_elsewhere_is_refused_before_anything_is_touched(project: Project, old: str, new: str, told: str) -> None:
    """On the real engine: a preview warns, an `up` ends with one clean message, and no object of any provider is made."""
    project.edit("stacks/Pulumi.local.yaml", old, new)
    assert project.plain("stack", "init", "local").returncode == 0
    for command, code in ((("preview",), 0), (("up", "--yes", "--skip-preview"), 1)):
        ended = project.plain(*command, "--stack", "local")
        output = ended.stdout + ended.stderr
        assert ended.returncode == code
        assert "This would not go where it belongs. Nothing was touched." in output
        assert told in output
        assert "Traceback" not in output
    assert project.files() == []
    assert project.cloudflare_files() == []


@ENGINE
def test_a_missing_secret_is_told_before_anything_is_touched(project: Project) -> None:
    """Without the tunnel's secret in its configuration the stack says how to set it."""
    text = (project.root / "stacks" / "Pulumi.local.yaml").read_text(encoding="utf-8")
    secret = next(line for line in text.splitlines() if "tunnelSecret" in line)
    project.edit("stacks/Pulumi.local.yaml", secret, secret.replace("tunnelSecret", "another"))
    assert project.plain("stack", "init", "local").returncode == 0
    ended = project.plain("up", "--stack", "local", "--yes", "--skip-preview")
    assert ended.returncode == 1
    assert "pulumi config set --secret tunnelSecret" in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stdout + ended.stderr
    assert project.files() == []
