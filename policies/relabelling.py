"""Which pods a section of Prometheus' configuration finds, and the labels that it gives them."""

import re
from collections.abc import Iterator, Mapping

from policies.services import pod_labels
from policies.stack import Place, Resource, WrongField, field
from policies.workloads import beside_each_other, pod_of

_POD = "__meta_kubernetes_pod"
_WHERE = ("__address__", "__metrics_path__", "__scheme__")
_GROUP = re.compile(r"\$(?:(\d)|\{(\d)\})")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_NO_NAME = re.compile(r"[^a-zA-Z0-9_]")


def pods_found(section: Place, workload: Resource) -> Iterator[Mapping[str, str]]:
    """Yield the labels of each port of a workload's pods that a section with `kubernetes_sd_configs` keeps, and asks as it is."""
    namespace = field(workload, "metadata.namespace").text()
    if any(_looks_in(one, namespace) for one in section.listed("kubernetes_sd_configs")):
        job = section.get("job_name")
        for target in _targets(workload, namespace):
            kept = _relabelled(section, target if job is None else target | {"job": job.text()})
            if kept is not None and {name: kept[name] for name in _WHERE} == {name: target[name] for name in _WHERE}:
                yield {name: value for name, value in kept.items() if value}


def _looks_in(found: Place, namespace: str) -> bool:
    within, rest = found.get("namespaces"), found.names() - {"role", "namespaces"}
    names = [] if within is None else [name.text() for name in within["names"].items()]
    return not rest and found["role"].text() == "pod" and (not names or namespace in names)


def _targets(workload: Resource, namespace: str) -> Iterator[dict[str, str]]:
    """Yield what Prometheus knows of the ports of a running pod, before any relabelling (its docs, kubernetes_sd_config)."""
    pod = {
        "__meta_kubernetes_namespace": namespace,
        f"{_POD}_name": f"{workload.name}-0",
        f"{_POD}_phase": "Running",
        f"{_POD}_ready": "true",
    }
    for name, value in pod_labels(workload).items():
        pod[f"{_POD}_label_{_NO_NAME.sub('_', name)}"] = value
        pod[f"{_POD}_labelpresent_{_NO_NAME.sub('_', name)}"] = "true"
    for container in beside_each_other(pod_of(workload)):
        for port in container.listed("ports"):
            called = port.get("name")
            yield pod | {
                "__address__": f"{workload.name}:{port['containerPort'].count(at_least=1)}",
                "__metrics_path__": "/metrics",
                "__scheme__": "http",
                f"{_POD}_container_name": container["name"].text(),
                f"{_POD}_container_port_name": "" if called is None else called.text(),
                f"{_POD}_container_port_number": str(port["containerPort"].count(at_least=1)),
            }


def _relabelled(section: Place, target: dict[str, str]) -> dict[str, str] | None:
    """Return the labels of a target after all steps, or None where one drops it."""
    labels = dict(target)
    for step in section.listed("relabel_configs"):
        action, sources = step.get("action"), step.listed("source_labels")
        separator, wanted, given = (step.get(key) for key in ("separator", "regex", "replacement"))
        value = (";" if separator is None else str(separator.value)).join(labels.get(one.text(), "") for one in sources)
        match = _matched(step, "(.*)" if wanted is None else wanted.text(), value)
        does = "replace" if action is None else action.text()
        if does == "replace":
            name = step["target_label"].text()
            if not _LABEL.fullmatch(name):
                raise WrongField(step.resource.name, f"{step.path}.target_label", "the name of a label")
            if match is not None:
                labels[name] = _filled("$1" if given is None else given.text(), match)
        elif does not in ("keep", "drop"):
            raise WrongField(step.resource.name, f"{step.path}.action", "replace, keep or drop")
        elif (match is None) == (does == "keep"):
            return None
    return labels


def _matched(step: Place, pattern: str, value: str) -> re.Match[str] | None:
    try:
        return re.fullmatch(pattern, value)
    except re.error:
        raise WrongField(step.resource.name, f"{step.path}.regex", "a regular expression") from None


def _filled(replacement: str, match: re.Match[str]) -> str:
    def group(found: re.Match[str]) -> str:
        number = int(found[1] or found[2])
        return (match[number] or "") if number <= match.re.groups else ""

    return _GROUP.sub(group, replacement)
