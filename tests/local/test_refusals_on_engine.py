"""The stand-in in an engine that it must not write for."""

from collections.abc import Callable
from pathlib import Path

import pytest

from headroom.local.target import Cluster, Directory, Target
from tests.local.projects import Project

CONFIG_MAP = (
    "register('kubernetes:core/v1:ConfigMap', 'a', {'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {'name': 'a'}})\n"
)
Maker = Callable[[Target | None], Project]


def test_without_a_target_a_preview_works_and_an_up_is_refused(new_project: Maker) -> None:
    """A preview needs nothing; an up fails, says what this is, and leaves no resource behind."""
    project = new_project(None)
    project.write(CONFIG_MAP)
    preview = project.preview()
    assert preview.returncode == 0
    assert "2 to create" in preview.stdout
    up = project.up()
    assert up.returncode != 0
    assert "this is Headroom's local stand-in for the Kubernetes provider" in up.stdout
    assert "HEADROOM_TARGET is not set" in up.stdout
    assert "ConfigMap" not in project.state()


def test_another_backend_is_refused(project: Project, tmp_path: Path) -> None:
    """A state outside the home, a real environment's for instance, gets nothing written."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    project.write(CONFIG_MAP)
    backend = {"PULUMI_BACKEND_URL": f"file://{elsewhere}"}
    assert project.pulumi("stack", "init", "test", **backend).returncode == 0
    result = project.up(**backend)
    assert result.returncode != 0
    assert "PULUMI_BACKEND_URL is elsewhere" in result.stdout
    assert project.rendered() == {}


@pytest.mark.parametrize("kind", ["directory", "cluster"])
def test_a_target_that_is_not_local_is_refused(new_project: Maker, tmp_path: Path, kind: str) -> None:
    """A folder outside the home, or another machine's cluster: previews warn, an up fails before any contact."""
    if kind == "directory":
        project = new_project(Directory(tmp_path / "outside"))
        reason = f"the folder {tmp_path / 'outside'} is not under {tmp_path / 'home'}"
    else:
        kubeconfig = tmp_path / "kubeconfig"
        kubeconfig.write_text(
            "current-context: c\n"
            "contexts: [{name: c, context: {cluster: c, user: u}}]\n"
            "clusters: [{name: c, cluster: {server: 'https://prod.example.com:6443'}}]\n"
            "users: [{name: u, user: {token: t}}]\n"
        )
        project = new_project(Cluster(kubeconfig))
        reason = "the server https://prod.example.com:6443 of " + str(kubeconfig) + " is not a loopback address"
    project.write(CONFIG_MAP)
    preview = project.preview()
    assert preview.returncode == 0
    assert "warning: an `up` would be refused: this is Headroom's local stand-in" in preview.stdout
    result = project.up()
    assert result.returncode != 0
    assert reason in result.stdout
    assert not (tmp_path / "outside").exists()
