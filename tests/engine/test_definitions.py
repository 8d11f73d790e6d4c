"""Custom resources wait for their definitions: an `up` without them touches nothing."""

from dataclasses import replace

from headroom.engine.definitions import STANDIN_DEFINITIONS
from tests.projects import Project


def test_absent_definitions_stop_before_anything_is_touched(project: Project) -> None:
    """With KEDA chosen on a folder that does not know it, `up` names the kind and who needs it; declared, it is applied."""
    project.edit("stacks/Pulumi.local.yaml", "    scaling:\n", "    scaling:\n      autoscaler: keda\n")
    assert project.plain("stack", "init", "local").returncode == 0
    refused = project.plain("up", "--stack", "local", "--yes", "--skip-preview")
    output = refused.stdout + refused.stderr
    assert refused.returncode != 0
    assert "Its custom resources are not defined. Nothing was touched." in output
    assert "the cluster knows no kind ScaledObject in keda.sh/v1alpha1, which healthcare-scaled-object, " in output
    assert "Traceback" not in output
    assert project.files() == []
    declared = replace(project, environ={**project.environ, STANDIN_DEFINITIONS: "ScaledObject.keda.sh/v1alpha1"})
    assert declared.run("up", "local").code == 0
    assert [file for file in project.files() if "scaledobject" in file.lower()]
