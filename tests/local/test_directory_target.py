"""The engine with the directory target: an object's whole life, and what of it lies on disk."""

import base64
import re

import pytest
import yaml

from tests.local.projects import Project

STACK = """
shop = register("kubernetes:core/v1:Namespace", "shop", {{
    "apiVersion": "v1", "kind": "Namespace", "metadata": {{"name": "shop"}},
}})
register("kubernetes:apps/v1:Deployment", "web", {{
    "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {{"name": "web", "namespace": "shop"}},
    "spec": {{
        "selector": {{"matchLabels": {{"app": "web"}}}},
        "template": {{
            "metadata": {{"labels": {{"app": "web"}}}},
            "spec": {{"containers": [{{
                "name": "web", "image": "{image}",
                "env": [{{"name": "PASSWORD", "value": pulumi.Output.secret("hunter22")}}],
            }}]}},
        }},
    }},
}}, depends_on=[shop])
register("kubernetes:core/v1:Secret", "keys", {{
    "apiVersion": "v1", "kind": "Secret", "metadata": {{"name": "keys", "namespace": "shop"}},
    "stringData": {{"key": "opensesame"}},
}}, depends_on=[shop])
"""


def test_an_object_lives_as_long_as_its_resource(project: Project) -> None:
    """Up writes one file an object, a second up changes nothing, a diff names the path, destroy leaves nothing."""
    project.write(STACK.format(image="web:1"))
    assert project.up().returncode == 0
    files = project.rendered()
    assert sorted(files) == ["_cluster/namespace.shop.yaml", "shop/deployment.web.yaml", "shop/secret.keys.yaml"]
    assert yaml.safe_load(files["shop/deployment.web.yaml"])["spec"]["selector"] == {"matchLabels": {"app": "web"}}

    again = project.up()
    assert "4 unchanged" in again.stdout
    assert project.rendered() == files

    project.write(STACK.format(image="web:2"))
    diff = project.pulumi("preview", "--stack=test", "--json").stdout
    assert '"spec.template.spec.containers[0].image": {\n' in diff
    assert project.up().returncode == 0
    assert "image: web:2" in project.rendered()["shop/deployment.web.yaml"]

    assert project.destroy().returncode == 0
    assert not (project.paths.out / "test").exists()


def test_a_namespace_takes_along_what_is_in_it(project: Project) -> None:
    """What is left to its namespace by the engine goes with it, as on an API server."""
    project.write(STACK.format(image="web:1").replace("depends_on=[shop]", "depends_on=[shop], deleted_with=shop"))
    assert project.up().returncode == 0
    assert len(project.rendered()) == 3
    assert project.destroy().returncode == 0
    assert project.rendered() == {}


def test_secrets_are_digests_in_files_and_encrypted_in_the_state(project: Project) -> None:
    """Neither a marked secret nor an unmarked Secret's content lies in clear, plain or in base64."""
    project.write(STACK.format(image="web:1"))
    assert project.up().returncode == 0
    files = project.rendered()
    assert yaml.safe_load(files["shop/secret.keys.yaml"])["stringData"]["key"].startswith("sha256:")
    assert "value: sha256:" in files["shop/deployment.web.yaml"]
    everything = "".join(files.values()) + project.state()
    for secret in ("hunter22", "opensesame"):
        assert secret not in everything
        assert base64.b64encode(secret.encode()).decode() not in everything
    assert "ciphertext" in project.state()


def test_a_new_name_is_a_new_object(project: Project) -> None:
    """Another metadata.name replaces: the old file goes before the new one comes."""
    body = (
        "register('kubernetes:core/v1:ConfigMap', 'plan', "
        "{{'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {{'name': '{}'}}}})\n"
    )
    project.write(body.format("old"))
    assert project.up().returncode == 0
    project.write(body.format("new"))
    result = project.up()
    assert "1 replaced" in result.stdout
    assert list(project.rendered()) == ["_cluster/configmap.new.yaml"]


def test_refresh_sees_what_was_edited_and_removed(project: Project) -> None:
    """A refresh reads the files: the next up undoes an edit and writes a removed file again; secrets do not drift."""
    project.write(STACK.format(image="web:1"))
    assert project.up().returncode == 0
    files = project.rendered()
    root = project.paths.out / "test"
    assert "4 unchanged" in project.pulumi("refresh", "--stack=test", "--yes", "--skip-preview").stdout

    (root / "shop/deployment.web.yaml").write_text(files["shop/deployment.web.yaml"].replace("web:1", "web:edited"))
    (root / "_cluster/namespace.shop.yaml").unlink()
    refreshed = project.pulumi("refresh", "--stack=test", "--yes", "--skip-preview").stdout
    assert "1 updated" in refreshed
    assert "1 deleted" in refreshed
    assert project.up().returncode == 0
    assert project.rendered() == files


def test_two_resources_for_one_object_are_refused(project: Project) -> None:
    """The resource that comes second with an object fails, naming the first."""
    project.write(
        "for name in ('one', 'two'):\n"
        "    register('kubernetes:core/v1:ConfigMap', name, "
        "{'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {'name': 'same'}})\n"
    )
    result = project.up()
    assert result.returncode != 0
    assert re.search(
        "already exists, written by urn:pulumi:test::sample::kubernetes:core/v1:ConfigMap::(one|two):", result.stdout
    )


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ("{}", "metadata.name must be given"),
        ("{'name': 'a', 'namespace': '../..'}", "'../..' is not a namespace's name"),
    ],
)
def test_a_bad_manifest_is_refused(project: Project, metadata: str, reason: str) -> None:
    """What lacks a name, or a namespace's form, fails its check before anything is written."""
    manifest = f"{{'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {metadata}}}"
    project.write(f"register('kubernetes:core/v1:ConfigMap', 'a', {manifest})")
    result = project.preview()
    assert result.returncode != 0
    assert reason in result.stdout


def test_unknown_values_stay_unknown_in_a_preview(project: Project) -> None:
    """A value that only an up yields passes a preview as unknown, and is there after the up."""
    project.write(
        "first = register('kubernetes:core/v1:ConfigMap', 'first', "
        "{'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {'name': 'first'}})\n"
        "second = register('kubernetes:core/v1:ConfigMap', 'second', {'apiVersion': 'v1', 'kind': 'ConfigMap', "
        "'metadata': {'name': 'second'}, 'data': {'id': first.id}})\n"
    )
    preview = project.preview("--diff")
    assert preview.returncode == 0
    assert "id: [unknown]" in preview.stdout
    assert project.up().returncode == 0
    assert yaml.safe_load(project.rendered()["_cluster/configmap.second.yaml"])["data"] == {"id": "first"}
