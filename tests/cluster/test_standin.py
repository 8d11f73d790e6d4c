"""The stand-in provider against the real API server, under the real engine."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from headroom.local.cluster.nodes import NodeShape, ensure_nodes
from headroom.local.kubernetes.client import Api, Refused, connect
from headroom.local.kubernetes.kubeconfig import read_kubeconfig
from headroom.local.target import Cluster, Target
from tests.local.conftest import engine, initialised, new_project  # noqa: F401 fixtures
from tests.local.projects import Project, interrupt

NAMESPACE = """
shop = register("kubernetes:core/v1:Namespace", "shop", {
    "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"},
})
"""
DEPLOYMENT = """
def web(image="web:1", cpu="1000m", labels=None, namespace="default", **options):
    return register("kubernetes:apps/v1:Deployment", "web", {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": namespace},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": labels or {"app": "web"}},
            "template": {
                "metadata": {"labels": labels or {"app": "web"}},
                "spec": {"containers": [{
                    "name": "web", "image": image, "resources": {"requests": {"cpu": cpu}},
                    "env": [{"name": "PASSWORD", "value": pulumi.Output.secret("hunter22")}],
                }]},
            },
        },
    }, **options)
"""
IN_SHOP = "namespace='shop', depends_on=[shop]"
WEB = "/apis/apps/v1/namespaces/default/deployments/web"


@pytest.fixture(scope="module")
def server(kubeconfig: Path) -> Api:
    """The API server, with one node that carries small pods."""
    ensure_nodes(kubeconfig, [NodeShape(name="standin", cpu="8", memory="16Gi")])
    return connect(kubeconfig)


@pytest.fixture
def project(new_project: Callable[[Target | None], Project], kubeconfig: Path, server: Api) -> Project:  # noqa: F811
    """A project whose target is the API server, where the namespace `shop` is not yet there."""
    assert "shop" not in names(server, "/api/v1/namespaces")
    return new_project(Cluster(kubeconfig))


@pytest.fixture(autouse=True)
def _cleaned(project: Project) -> Any:
    yield
    assert project.destroy().returncode == 0


def names(server: Api, path: str) -> list[str]:
    """Return the names of the objects in the list at the path."""
    return [item["metadata"]["name"] for item in server.get(path)["items"]]


def test_an_object_lives_as_long_as_its_resource(project: Project, server: Api) -> None:
    """Up applies and waits for the rollout, a second changes nothing, refresh sees no drift, destroy waits for the namespace."""
    project.write(NAMESPACE + DEPLOYMENT + f"web({IN_SHOP})\n")
    preview = project.preview()
    assert preview.returncode == 0, preview.stdout
    assert "shop" not in names(server, "/api/v1/namespaces")
    up = project.up()
    assert up.returncode == 0, up.stdout
    deployment = server.get("/apis/apps/v1/namespaces/shop/deployments/web")
    assert deployment["status"]["availableReplicas"] == 2
    assert "3 unchanged" in project.up().stdout
    assert "3 unchanged" in project.pulumi("refresh", "--stack=test", "--yes", "--skip-preview").stdout
    assert "hunter22" not in project.state()

    project.write(NAMESPACE + DEPLOYMENT + f"web(image='web:2', {IN_SHOP})\n")
    assert project.up().returncode == 0
    containers = server.get("/apis/apps/v1/namespaces/shop/deployments/web")["spec"]["template"]["spec"]["containers"]
    assert [container["image"] for container in containers] == ["web:2"]

    assert project.destroy().returncode == 0
    assert "shop" not in names(server, "/api/v1/namespaces")


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("'data': {}, 'dataa': {}", ".dataa: field not declared in schema"),
        ("'data': {'a b': 'c'}", "data[a b]: Invalid value"),
    ],
)
def test_the_servers_verdict_comes_in_the_preview(project: Project, field: str, message: str) -> None:
    """A misspelt field, or an invalid value, is refused by the dry run in the server's own words."""
    project.write(
        "register('kubernetes:core/v1:ConfigMap', 'a', "
        f"{{'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {{'name': 'a', 'namespace': 'default'}}, {field}}})\n"
    )
    preview = project.preview()
    assert preview.returncode != 0
    assert message in preview.stdout
    assert "Traceback" not in preview.stdout
    assert "Refused" not in preview.stdout


def test_an_immutable_field_is_left_to_the_server(project: Project) -> None:
    """A Deployment's selector cannot change: the preview says so, in the server's words."""
    project.write(DEPLOYMENT + "web()\n")
    assert project.up().returncode == 0
    project.write(DEPLOYMENT + "web(labels={'app': 'other'})\n")
    preview = project.preview()
    assert preview.returncode != 0
    assert "field is immutable" in preview.stdout


def test_anothers_object_is_not_taken_over(project: Project, server: Api) -> None:
    """An object that someone else made fails the create, and stays as it is."""
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "theirs"}, "data": {"a": "theirs"}}
    path = "/api/v1/namespaces/default/configmaps"
    server.call("POST", path, body, query={"fieldManager": "kubectl-create"})
    try:
        project.write(
            "register('kubernetes:core/v1:ConfigMap', 'a', {'apiVersion': 'v1', 'kind': 'ConfigMap', "
            "'metadata': {'name': 'theirs', 'namespace': 'default'}, 'data': {'a': 'ours'}})\n"
        )
        for result in (project.preview(), project.up()):
            assert result.returncode != 0
            assert 'ConfigMap "theirs" already exists in namespace default, made by kubectl-create' in result.stdout
        assert server.get(f"{path}/theirs")["data"] == {"a": "theirs"}
    finally:
        server.call("DELETE", f"{path}/theirs")


def test_a_lost_state_finds_its_objects_again(project: Project) -> None:
    """Objects that Headroom itself applied are taken over by a stack that does not know them."""
    project.write(DEPLOYMENT + "web()\n")
    assert project.up().returncode == 0
    empty = json.dumps({"version": 3, "deployment": {}})
    (project.folder / "empty.json").write_text(empty)
    assert project.pulumi("stack", "import", "--stack=test", "--file=empty.json").returncode == 0
    again = project.up()
    assert again.returncode == 0, again.stdout
    assert "2 created" in again.stdout


def test_a_rollout_that_cannot_end_is_explained(project: Project, server: Api) -> None:
    """After the limit the up fails and names the pod's condition; the state knows the object, and a cured program goes on."""
    project.write(DEPLOYMENT + "web(cpu='1000')\n")
    result = project.up(HEADROOM_ROLLOUT_TIMEOUT_S="4")
    assert result.returncode != 0
    assert "not rolled out after 4 s: 0 of 2 replicas available" in result.stdout
    assert "PodScheduled is False (Unschedulable): 0/1 nodes are available: 1 Insufficient cpu." in result.stdout
    assert "rolling out: 0 of 2 replicas available" in result.stdout
    assert "hunter22" not in result.stdout + project.state()
    project.write(DEPLOYMENT + "web()\n")
    cured = project.up()
    assert cured.returncode == 0, cured.stdout
    assert server.get(WEB)["status"]["availableReplicas"] == 2


def test_ctrl_c_ends_a_rollout(project: Project) -> None:
    """An interrupted wait ends at once; the state knows the object, so a destroy removes it."""
    project.write(DEPLOYMENT + "web(cpu='1000')\n")
    process = project.starts("up", "--stack=test", "--yes", "--skip-preview")
    assert process.stdout is not None
    said = ""
    while "rolling out:" not in said:
        line = process.stdout.readline()
        assert line, said
        said += line
    said += interrupt(process)
    assert "cancelled during the rollout" in said
    assert "kubernetes:apps/v1:Deployment::web" in project.state()


def test_ignored_fields_keep_what_others_set(project: Project, server: Api) -> None:
    """A field under ignore_changes that another has changed stays changed when the rest is applied."""
    body = (
        "register('kubernetes:core/v1:ConfigMap', 'a', {{'apiVersion': 'v1', 'kind': 'ConfigMap', "
        "'metadata': {{'name': 'floor', 'namespace': 'default'}}, 'data': {{'floor': '2', 'other': '{}'}}}}, "
        "ignore_changes=['data.floor'])\n"
    )
    path = "/api/v1/namespaces/default/configmaps/floor"
    project.write(body.format("old"))
    assert project.up().returncode == 0
    patch = {"data": {"floor": "12"}}
    merge = "application/merge-patch+json"
    server.call("PATCH", path, patch, content_type=merge, query={"fieldManager": "prescale"})
    project.write(body.format("new"))
    up = project.up()
    assert up.returncode == 0, up.stdout
    assert server.get(path)["data"] == {"floor": "12", "other": "new"}


def test_drift_is_seen_and_undone(project: Project, server: Api) -> None:
    """A refresh finds an edited field and a deleted object; the next up restores both."""
    project.write(DEPLOYMENT + "web()\n")
    assert project.up().returncode == 0
    server.call("PATCH", WEB, {"spec": {"replicas": 1}}, content_type="application/merge-patch+json")
    assert "1 updated" in project.pulumi("refresh", "--stack=test", "--yes", "--skip-preview").stdout
    assert project.up().returncode == 0
    assert server.get(WEB)["spec"]["replicas"] == 2
    server.call("DELETE", WEB)
    assert "1 deleted" in project.pulumi("refresh", "--stack=test", "--yes", "--skip-preview").stdout
    assert project.up().returncode == 0
    assert server.get(WEB)["spec"]["replicas"] == 2


def test_a_secret_comes_back_without_drift(project: Project, server: Api) -> None:
    """A Secret's stringData, which the server never gives back, is no drift, and its value is in no state."""
    project.write(
        "register('kubernetes:core/v1:Secret', 'keys', {'apiVersion': 'v1', 'kind': 'Secret', "
        "'metadata': {'name': 'keys', 'namespace': 'default'}, 'stringData': {'key': 'opensesame'}})\n"
    )
    assert project.up().returncode == 0
    data = server.get("/api/v1/namespaces/default/secrets/keys")["data"]
    assert data == {"key": "b3BlbnNlc2FtZQ=="}
    assert "2 unchanged" in project.pulumi("refresh", "--stack=test", "--yes", "--skip-preview").stdout
    assert "2 unchanged" in project.up().stdout
    for clear in ("opensesame", "b3BlbnNlc2FtZQ=="):
        assert clear not in project.state()


def test_a_missing_kind_passes_a_preview_and_fails_an_up(project: Project) -> None:
    """What only a CRD would make known previews, for the CRD may come in the same up; applied, the kind is named."""
    project.write(
        "register('kubernetes:example.com/v1:Widget', 'a', {'apiVersion': 'example.com/v1', 'kind': 'Widget', "
        "'metadata': {'name': 'a', 'namespace': 'default'}})\n"
    )
    assert project.preview().returncode == 0
    up = project.up()
    assert up.returncode != 0
    assert 'the API server knows no kind "Widget" in version "example.com/v1"' in up.stdout


def test_the_client_refuses_an_untrusted_server(kubeconfig: Path, server: Api) -> None:
    """The server's certificate is verified against the kubeconfig's authority alone."""
    trusting = read_kubeconfig(kubeconfig)
    assert trusting.authority is not None
    assert server.get("/version")["minor"] >= "36"
    with pytest.raises(Refused, match=r'namespaces "nowhere" not found'):
        server.get("/api/v1/namespaces/nowhere")
