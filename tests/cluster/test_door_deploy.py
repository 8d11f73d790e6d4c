"""Deploys behind the door, by the real engine on a real API server: lower, higher, fewer verticals, none."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from headroom.local.cluster.nodes import NodeShape, ensure_nodes
from headroom.local.kubernetes.client import Api, Object, Refused, connect
from headroom.local.target import Cluster, Target
from tests.cluster.objects import absent, eventually
from tests.local.conftest import engine, initialised, new_project  # noqa: F401 fixtures
from tests.local.projects import Project

pytestmark = pytest.mark.needs("go", "install Go 1.26 or later from https://go.dev/dl/")

PROGRAM = """
from capacity import plan
from components.door.render import behind_door
from components.plan.render import ROOT, cluster_provider, plan_resources, root_resource
from components.resource import register as deploy
from components.workloads.render import vertical_resources
from components.workloads.surroundings import surroundings
from headroom.blueprint import Blueprint
from stacks.reading import read_lock, read_spec

lock = read_lock("prod")
found = plan(read_spec("prod", what_if={what_if}), lock, lock.data_end)
resources = [*cluster_provider(found), root_resource(found), *plan_resources(found, parent=ROOT)]
for vertical in found.live:
    if vertical.name in {verticals}:
        resources += vertical_resources(vertical, surroundings(found, vertical), parent=ROOT)
deploy(Blueprint(tuple(behind_door(resources, found, parent=ROOT))))
"""


def program(*verticals: str, what_if: tuple[str, ...] = ()) -> str:
    """The program that deploys some verticals of prod, by its spec with some figures changed."""
    return PROGRAM.format(verticals=verticals, what_if=list(what_if))


def scaler(name: str) -> str:
    """Where the autoscaler of a vertical is found."""
    return f"/apis/autoscaling/v2/namespaces/{name}/horizontalpodautoscalers/{name}"


@pytest.fixture
def project(new_project: Callable[[Target | None], Project], kubeconfig: Path) -> Iterator[Project]:  # noqa: F811
    """A project that deploys to the API server, where one node carries all."""
    ensure_nodes(kubeconfig, [NodeShape("one", "64", "256Gi", labels={"headroom.dev/pool": "general"})])
    yield new_project(Cluster(kubeconfig))
    ensure_nodes(kubeconfig, ())


def lowered(api: Api, name: str) -> str:
    """What the server says to an autoscaler that may grow to one pod less; one more if it takes that."""
    most = api.get(scaler(name))["spec"]["maxReplicas"]

    def to(pods: int) -> Object:
        return api.call("PATCH", scaler(name), {"spec": {"maxReplicas": pods}}, content_type="application/merge-patch+json")

    try:
        to(most - 1)
    except Refused as refused:
        return str(refused)
    to(most)
    return ""


def test_plans_change_in_one_deploy_each(project: Project, kubeconfig: Path) -> None:
    """A lower plan is previewed and goes in at once, and so do a higher one and one vertical fewer; at the end all goes."""
    api = connect(kubeconfig)
    larger = tuple(f"verticals.salon.pod.{figure}" for figure in ("cpu=8", "memory=32Gi"))
    maxima = []

    def deployed(*verticals: str, what_if: tuple[str, ...] = ()) -> None:
        project.write(program(*verticals, what_if=what_if))
        for run in (project.preview, project.up):
            ended = run()
            assert ended.returncode == 0, ended.stdout
        maxima.append(api.get(scaler("salon"))["spec"]["maxReplicas"])

    deployed("salon", "sales")
    eventually(lambda: "sessions-cover-burst: salon/salon" in lowered(api, "salon"))
    deployed("salon", "sales", what_if=("margins.burst=1.1",))
    deployed("salon", "sales", what_if=("margins.burst=2", *larger))
    deployed("salon", "sales")
    assert maxima[0] == maxima[3] > maxima[1]
    assert len(set(maxima)) == 3
    deployed("salon")
    assert absent(api, scaler("sales"))
    assert "sessions-cover-burst: salon/salon" in lowered(api, "salon")
    ended = project.destroy()
    assert ended.returncode == 0, ended.stdout
    assert absent(api, "/api/v1/namespaces/salon")


def test_a_stack_that_goes_and_comes_back_has_its_door(project: Project, kubeconfig: Path) -> None:
    """Up, destroy, up, destroy on an API server that nobody restarts: each time the door knows the figures of its plan."""
    api = connect(kubeconfig)
    for burst in ("1.5", "1.1"):
        project.write(program("salon", what_if=(f"margins.burst={burst}",)))
        assert (ended := project.up()).returncode == 0, ended.stdout
        most = api.get(scaler("salon"))["spec"]["maxReplicas"]
        eventually(lambda: lowered(api, "salon").endswith(f"set its maximum to {most}"))  # noqa: B023 it is asked at once
        with pytest.raises(Refused, match="salon/salon: without its autoscaler it cannot grow"):
            api.delete(scaler("salon"))
        assert (ended := project.destroy()).returncode == 0, ended.stdout
        assert absent(api, "/api/v1/namespaces/salon")
