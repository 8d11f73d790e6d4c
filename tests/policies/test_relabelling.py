"""Which pods a section of Prometheus' configuration keeps, by the words of its documentation."""

from typing import Any

import pytest

from policies.relabelling import pods_found
from policies.stack import Place, Resource, Unreadable

_POD = "__meta_kubernetes_pod"


def _found(*steps: dict[str, Any], namespaces: list[str] | None = None) -> list[str]:
    """Return the labels `to` of the ports that are kept of a pod in `sales` with the ports `probes` and `http`."""
    ports = [{"name": "probes", "containerPort": 8081}, {"name": "http", "containerPort": 8080}]
    template = {
        "metadata": {"labels": {"app.kubernetes.io/name": "sales"}},
        "spec": {"containers": [{"name": "app", "ports": ports}]},
    }
    pods = Resource(
        "kubernetes:apps/v1:Deployment", "sales", {"metadata": {"namespace": "sales"}, "spec": {"template": template}}
    )
    looked = {"role": "pod"} | ({} if namespaces is None else {"namespaces": {"names": namespaces}})
    section = {"kubernetes_sd_configs": [looked], "relabel_configs": list(steps)}
    place = Place(Resource("kubernetes:core/v1:ConfigMap", "prometheus", {}), "job", section)
    return [labels.get("to", "") for labels in pods_found(place, pods)]


@pytest.mark.parametrize(
    ("steps", "found"),
    [
        ([], ["", ""]),
        ([{"source_labels": [f"{_POD}_container_port_name"], "regex": "probes|metrics", "action": "keep"}], [""]),
        ([{"source_labels": [f"{_POD}_container_port_name"], "regex": "prob", "action": "keep"}], []),
        ([{"source_labels": [f"{_POD}_container_port_name"], "regex": "http", "action": "drop"}], [""]),
        ([{"source_labels": [f"{_POD}_label_app_kubernetes_io_name"], "target_label": "to"}], ["sales", "sales"]),
        (
            [
                {
                    "source_labels": ["__meta_kubernetes_namespace", f"{_POD}_container_port_number"],
                    "regex": "(.*);(80)(.*)",
                    "replacement": "$1-${3}",
                    "target_label": "to",
                }
            ],
            ["sales-81", "sales-80"],
        ),
        ([{"target_label": "__address__", "replacement": "elsewhere:80"}], []),
        ([{"target_label": "__metrics_path__", "replacement": "/other"}], []),
    ],
)
def test_a_step_keeps_drops_and_names(steps: list[dict[str, Any]], found: list[str]) -> None:
    """A regular expression fits the whole value; who is asked elsewhere is not found."""
    assert _found(*steps) == found


def test_a_section_looks_into_its_namespaces_alone() -> None:
    """None that is named is every one."""
    assert (len(_found(namespaces=["sales"])), _found(namespaces=["others"]), len(_found(namespaces=[]))) == (2, [], 2)


@pytest.mark.parametrize(
    "step", [{"action": "hashmod"}, {"target_label": "no-label"}, {"action": "keep", "regex": "("}, {"source_labels": ["a"]}]
)
def test_what_prometheus_refuses_or_no_rule_knows_is_unreadable(step: dict[str, Any]) -> None:
    """Nothing is taken for granted."""
    with pytest.raises(Unreadable):
        _found(step)
