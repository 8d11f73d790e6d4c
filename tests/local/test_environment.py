"""What the engine is told, and what is installed for it."""

import os
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest

from headroom.local.engine import Engine
from headroom.local.environment import environment
from headroom.local.paths import Paths
from headroom.local.target import Directory


@pytest.fixture
def own(tmp_path: Path) -> Paths:
    """Paths in a folder with a space: shells and addresses must bear it."""
    home = tmp_path / "a home"
    return Paths(root=tmp_path, home=home, cache=home / "cache")


def test_nothing_of_the_callers_pulumi_reaches_the_engine(own: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tokens, backends and kubeconfigs stay out; the passphrase, which may be the user's own, comes along."""
    for name in (
        "PULUMI_ACCESS_TOKEN",
        "PULUMI_BACKEND_URL",
        "PULUMI_STACK",
        "CLOUDFLARE_API_TOKEN",
        "KUBECONFIG",
        "HEADROOM_TARGET",
    ):
        monkeypatch.setenv(name, "the caller's")
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "word")
    monkeypatch.setenv("LANG_OF_CALLER", "kept")
    made = environment(own, Engine(Path("/opt/pulumi/bin/pulumi"), "built", "3.259.0"), None)
    assert "the caller's" not in made.values()
    assert made["PULUMI_CONFIG_PASSPHRASE"] == "word"  # noqa: S105 the test's own
    assert made["LANG_OF_CALLER"] == "kept"
    assert made["PULUMI_BACKEND_URL"] == f"file://{own.home}/state"
    assert own.backend.is_dir()
    assert made["PATH"].split(os.pathsep)[0] == "/opt/pulumi/bin"


def test_the_stand_ins_are_installed_once(own: Paths) -> None:
    """The providers under their SDKs' versions, the language host beside them; a second call repairs, but rewrites nothing."""
    engine = Engine(Path("/opt/pulumi/bin/pulumi"), "built", "3.259.0")
    environment(own, engine, Directory(own.out))
    plugins = own.pulumi_home / "plugins"
    kubernetes = plugins / f"resource-kubernetes-v{version('pulumi-kubernetes')}" / "pulumi-resource-kubernetes"
    cloudflare = plugins / f"resource-cloudflare-v{version('pulumi-cloudflare')}" / "pulumi-resource-cloudflare"
    host = plugins / "language-python-v3.259.0" / "pulumi-language-python"
    before = [file.stat().st_ino for file in (kubernetes, cloudflare, host)]
    environment(own, engine, Directory(own.out))
    assert [file.stat().st_ino for file in (kubernetes, cloudflare, host)] == before
    host.write_text("#!/other/python\n")
    environment(own, engine, Directory(own.out))
    assert "headroom.local.language_host" in host.read_text()
    assert sorted(path.name for path in plugins.rglob("pulumi-*")) == [host.name, cloudflare.name, kubernetes.name]


def test_the_official_host_is_preferred(own: Paths, tmp_path: Path) -> None:
    """An installed engine runs its own host, found beside it; ours is not used."""
    binaries = tmp_path / "bin"
    binaries.mkdir()
    (binaries / "pulumi-language-python").write_text("#!/bin/sh\necho official $1\n")
    (binaries / "pulumi-language-python").chmod(0o755)
    environment(own, Engine(binaries / "pulumi", "path", "3.260.0"), None)
    host = own.pulumi_home / "plugins" / "language-python-v3.260.0" / "pulumi-language-python"
    assert subprocess.run([host, "address"], capture_output=True, text=True, check=True).stdout == "official address\n"


def test_the_engine_bears_a_home_with_a_space(own: Paths, engine: Engine, tmp_path: Path) -> None:
    """State, plugins and target of such a home are found by the engine and permitted by the guard."""
    (tmp_path / "Pulumi.yaml").write_text("name: sample\nruntime: python\n")
    (tmp_path / "__main__.py").write_text(
        "import pulumi\n"
        "pulumi.CustomResource('kubernetes:core/v1:ConfigMap', 'a', "
        "{'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {'name': 'a'}})\n"
    )
    environ = environment(own, engine, Directory(own.out / "test"))
    for command in ("stack init test", "up --stack=test --yes --skip-preview"):
        result = subprocess.run(
            [engine.binary, *command.split(), "--non-interactive"],
            cwd=tmp_path,
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stdout + result.stderr
    assert (own.out / "test" / "_cluster" / "configmap.a.yaml").is_file()
