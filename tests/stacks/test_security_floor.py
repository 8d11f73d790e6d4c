"""What no environment may have: tags that move, unmaintained images, privileges, tokens and secrets in plain text."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from headroom.blueprint import Joined, Ref, Rendered, Secret, leaves
from policies.workload_types import POD_SPECS
from stacks.reading import environments
from stacks.voice import render
from tests.environments import planned

BY_DIGEST = re.compile(r"[a-z0-9][a-z0-9._:/-]*@sha256:[0-9a-f]{64}")
BOOTSTRAP = "node-bootstrap"
"""The one namespace whose pods change nodes."""
WITH_TOKEN = {"adapter", "prometheus", "state-metrics"}
"""What reads the API server, beside the pre-scale jobs."""
MATERIAL = re.compile(
    r"-----BEGIN|AKIA[0-9A-Z]{16}|eyJ[\w-]{10,}\.eyJ|[\"']?(password|passwd|secret_?key|api_?key)[\"']?\s*[:=]\s*[\"'][^\"'${<]{4,}|://[^/\s:@$]+:[^/\s:@$(<]+@",
    re.IGNORECASE,
)
"""A private key, an AWS key, a signed token, an assigned password, a password in an address."""


def pods(environment: str) -> Iterator[tuple[Rendered, dict[str, Any]]]:
    """Yield every workload of an environment with the specification of its pods."""
    for resource in render(planned(environment)):
        if resource.type in POD_SPECS:
            spec: Any = resource.props
            for key in POD_SPECS[resource.type].split("."):
                spec = spec[key]
            yield resource, spec


def containers(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """Return every container of a pod, those of its start included."""
    return [*spec["containers"], *spec.get("initContainers", [])]


@pytest.mark.parametrize("environment", environments())
def test_images_are_pinned_and_maintained(environment: str) -> None:
    """Every container runs an image by its digest; none is of Bitnami, whose free images were taken away."""
    images = {container["image"] for _, spec in pods(environment) for container in containers(spec)}
    assert len(images) > 5
    assert [image for image in images if not BY_DIGEST.fullmatch(image) or "bitnami" in image or ":latest" in image] == []


@pytest.mark.parametrize("environment", environments())
def test_privileges_are_those_of_node_bootstrap(environment: str) -> None:
    """Outside of node bootstrap no container is privileged, root, or may rise; all write to volumes alone."""
    for resource, spec in pods(environment):
        if resource.props["metadata"]["namespace"] == BOOTSTRAP:
            continue
        pod = spec["securityContext"]
        assert pod["seccompProfile"] == {"type": "RuntimeDefault"}, resource.name
        assert not {"hostPID", "hostIPC"} & spec.keys(), resource.name
        assert spec.get("hostNetwork", False) == (resource.props["metadata"]["namespace"] == "turn"), resource.name
        assert not any("hostPath" in volume for volume in spec.get("volumes", [])), resource.name
        for container in containers(spec):
            own = container["securityContext"]
            assert not own.get("privileged", False), resource.name
            assert own["allowPrivilegeEscalation"] is False, resource.name
            assert own["readOnlyRootFilesystem"] is True, resource.name
            assert own["capabilities"]["drop"] == ["ALL"], resource.name
            assert own.get("runAsNonRoot", pod.get("runAsNonRoot")) is True, resource.name


@pytest.mark.parametrize("environment", environments())
def test_tokens_are_mounted_where_the_api_server_is_asked(environment: str) -> None:
    """Pods get no token of the API server, but for those that ask it something; every pod has an account of its own."""
    for resource, spec in pods(environment):
        asks = resource.name.endswith("-prescale-job") or spec["serviceAccountName"] in WITH_TOKEN
        assert spec["automountServiceAccountToken"] is False or asks, resource.name
        assert spec["serviceAccountName"] != "default", resource.name


@pytest.mark.parametrize("environment", environments())
def test_every_pod_is_behind_a_default_deny(environment: str) -> None:
    """Each namespace that runs pods denies all traffic that no policy names, but for that of node bootstrap."""
    denied = {
        resource.props["metadata"]["namespace"]
        for resource in render(planned(environment))
        if resource.type.endswith(":NetworkPolicy")
        and resource.props["spec"]["podSelector"] == {}
        and {"ingress", "egress"}.isdisjoint(resource.props["spec"])
    }
    running = {resource.props["metadata"]["namespace"] for resource, _ in pods(environment)}
    assert sorted(running - denied - {BOOTSTRAP}) == []


@pytest.mark.parametrize("environment", environments())
def test_no_secret_stands_in_what_is_rendered(environment: str) -> None:
    """Kubernetes Secrets hold references alone, and no text anywhere looks like a key, a token or a password."""
    for resource in render(planned(environment)):
        if resource.type.endswith(":Secret"):
            held = [*resource.props.get("data", {}).values(), *resource.props.get("stringData", {}).values()]
            assert held
            assert all(isinstance(value, Secret | Ref | Joined) for value in held), resource.name
        for value in leaves(resource.props):
            if isinstance(value, str):
                assert (resource.name, MATERIAL.findall(value)) == (resource.name, [])


@pytest.mark.parametrize(
    "text",
    [
        "-----BEGIN PRIVATE KEY-----",
        "AKIAABCDEFGHIJKLMNOP",
        'password: "hunter22"',
        '{"api_key": "abcdef"}',
        "redis://user:hunter22@redis.svc:6379",
    ],
)
def test_what_looks_like_a_secret_is_seen(text: str) -> None:
    """The pattern knows the usual forms; references such as $(PASSWORD) are none."""
    assert MATERIAL.search(text)
    assert not MATERIAL.search("nats://route:$(ROUTE_PASSWORD)@bus:6222 password: ${PASSWORD}")
