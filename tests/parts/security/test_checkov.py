"""prod's manifests before checkov's rules for Kubernetes; what is left out has its reason in skips.yaml."""

import json
import subprocess
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

from headroom.blueprint import encode
from stacks.voice import render
from tests.environments import planned

pytestmark = pytest.mark.needs("checkov", "make test-parts, which brings it in an environment of its own")

SKIPS = Path(__file__).with_name("skips.yaml")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What checkov says of every Kubernetes object of prod."""
    folder = tmp_path_factory.mktemp("manifests")
    for resource in render(planned("prod")):
        if resource.type.startswith("kubernetes:"):
            (folder / f"{resource.name}.yaml").write_text(yaml.safe_dump(encode(resource.props)), encoding="utf-8")
    arguments = ["--directory", str(folder), "--framework", "kubernetes", "--skip-download", "--quiet", "--output", "json"]
    ended = subprocess.run(["checkov", *arguments], capture_output=True, text=True, check=False)
    report: dict[str, Any] = json.loads(ended.stdout)
    return report


def skips() -> list[tuple[str, str, str]]:
    """Return check, resource pattern and reason of everything that is left out."""
    document = yaml.safe_load(SKIPS.read_text(encoding="utf-8"))
    return [(skip["check"], resource, skip["reason"]) for skip in document for resource in skip["resources"]]


def failures(report: dict[str, Any]) -> set[tuple[str, str]]:
    """Return check and resource of every failure."""
    return {(failed["check_id"], failed["resource"]) for failed in report["results"]["failed_checks"]}


def test_checkov_finds_nothing_that_has_no_reason(found: dict[str, Any]) -> None:
    """Thousands of checks pass, every file could be read, and what fails is in skips.yaml."""
    left = {(check, resource) for check, resource, _ in skips()}
    unexplained = {
        (check, resource)
        for check, resource in failures(found)
        if not any(check == skipped and fnmatch(resource, pattern) for skipped, pattern in left)
    }
    assert sorted(unexplained) == []
    assert found["summary"]["parsing_errors"] == 0
    assert found["summary"]["passed"] > 2000


def test_no_reason_outlives_its_failure(found: dict[str, Any]) -> None:
    """Every skip is of something that checkov still says, and has a reason."""
    failed = failures(found)
    for check, pattern, reason in skips():
        assert len(reason.split()) > 4
        assert any(check == failing and fnmatch(resource, pattern) for failing, resource in failed), (check, pattern)
