"""A control plane of the tests' own: built programs from the shared cache, everything else in a temporary folder."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from headroom.local.cluster.control_plane import ClusterStatus, down, up
from headroom.local.paths import paths

FAST_CONTROLLERS = (
    "--horizontal-pod-autoscaler-sync-period=1s",
    "--horizontal-pod-autoscaler-downscale-stabilization=5s",
)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterStatus]:
    """A running control plane, without nodes, whose HPA controller looks every second."""
    own = replace(paths(), home=tmp_path_factory.mktemp("cluster-home"))
    try:
        yield up(own, print, controller_manager_flags=FAST_CONTROLLERS)
    finally:
        down(own, print, purge=True)


@pytest.fixture(scope="session")
def kubeconfig(cluster: ClusterStatus) -> Path:
    """The administrator's kubeconfig of the running control plane."""
    return cluster.kubeconfig
