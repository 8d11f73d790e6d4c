"""Self-hosted models as they are rendered: one GPU a pod, and no more on it than the plan says."""

import json
from dataclasses import replace
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from capacity import plan
from components.gpu.render import gpu_resources, model_addresses, model_environment, plugin_config
from headroom.blueprint import Blueprint
from policies.adapters.program import judge_blueprint
from stacks.reading import floors_path, lock_path, read_lock, read_spec_document
from stacks.voice import render
from tests.capacity.specs import read_spec
from tests.environments import planned


def _deployment(name: str) -> dict[str, Any]:
    return dict(render(planned("prod"))[f"gpu-{name}-deployment"].props["spec"])


@pytest.mark.parametrize("name", ["asr", "tts", "llm"])
def test_a_model_has_as_many_pods_as_gpus(name: str) -> None:
    """Each pod is limited to one GPU, tolerates their machines, and is told how many streams its GPU holds."""
    spec, service = _deployment(name), planned("prod").stack.gpu[name]
    pod = spec["template"]["spec"]
    assert spec["replicas"] == service.count
    assert pod["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert pod["runtimeClassName"] == render(planned("prod"))["gpu-runtime-class"].props["metadata"]["name"]
    assert pod["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]


def test_the_cache_of_a_model_is_what_its_streams_keep() -> None:
    """16 streams of 8,192 tokens of Llama 3.1 8B, 128 KiB each, are 16 GiB; a limit of memory lowers both."""
    service = planned("prod").stack.gpu["llm"]
    assert service.server is not None
    told = model_environment(service, service.server)
    assert told["HEADROOM_MAX_STREAMS"] == "16"
    assert told["HEADROOM_KV_CACHE_BYTES"] == str(16 * 8192 * 128 * 1024)
    small = service.model_copy(update={"gpu": service.gpu.model_copy(update={"memory": 24 * 10**9})})
    # (0.9 x 24 - 16 - 2) GB / 1.074 GB
    assert model_environment(small, service.server)["HEADROOM_MAX_STREAMS"] == "3"


@pytest.mark.parametrize(("sharing", "strategy"), [("whole", "none"), ("mig", "single")])
def test_no_gpu_is_shared_by_time(sharing: str, strategy: str) -> None:
    """The device plugin gives out whole GPUs or MIG instances; it is given no section that shares one."""
    config = yaml.safe_load(plugin_config(sharing))
    assert config["flags"]["migStrategy"] == strategy
    assert "sharing" not in config


def test_models_speak_where_the_relays_stand() -> None:
    """The pods of models and of TURN carry the same region."""
    blueprint = render(planned("prod"))
    regions = {
        one.props["spec"]["template"]["metadata"]["labels"]["headroom.dev/region"]
        for one in blueprint
        if one.type.endswith(":Deployment") and one.name.startswith(("gpu-", "turn"))
    }
    assert regions == {"us-east"}


def test_the_gateway_is_told_of_every_model() -> None:
    """Each model that is served has an address, which the gateway may reach and knows by the model's name."""
    blueprint, addresses = render(planned("prod")), model_addresses(planned("prod"))
    told = json.loads(blueprint["gateway-config"].props["data"]["models.json"])
    assert told == {name: address.url for name, address in addresses.items()}
    assert set(addresses) == {"asr", "tts", "llm"}


def test_without_a_gateway_the_verticals_ask_the_models() -> None:
    """Their pods are told of each model, may reach it, and are let in."""
    made = planned("prod")
    blueprint = render(replace(made, stack=made.stack.model_copy(update={"gateway": None})))
    variables = {one["name"]: one.get("value") for one in _pod(blueprint, "salon")["containers"][0]["env"]}
    assert variables["HEADROOM_MODEL_LLM_URL"] == "http://gpu-llm.gpu-llm.svc:8000"
    (rule,) = [one for one in blueprint["gpu-llm-allowed-traffic"].props["spec"]["ingress"] if one["ports"][0]["port"] == 8000]
    assert rule["from"][0]["namespaceSelector"]["matchExpressions"][0]["key"] == "headroom.dev/vertical"


def _pod(blueprint: Blueprint, name: str) -> dict[str, Any]:
    return dict(blueprint[f"{name}-deployment"].props["spec"]["template"]["spec"])


def test_without_a_server_a_model_runs_elsewhere() -> None:
    """A service that is only sized renders nothing, not even a runtime class."""
    made = planned("prod")
    bare = {name: service.model_copy(update={"server": None}) for name, service in made.stack.gpu.items()}
    assert gpu_resources(replace(made, stack=made.stack.model_copy(update={"gpu": bare})), parent="") == []


@pytest.mark.parametrize(("nodes", "refused"), [(12, False), (11, True)])
def test_planner_and_gate_count_the_same_gpus(*, nodes: int, refused: bool) -> None:
    """32 pods on nodes of 4 GPUs take 8, and 12 in three zones of which one may be lost: with 11 both refuse."""
    document = read_spec_document("prod")
    document["pools"]["gpu"]["nodes"] = nodes
    lock = read_lock("prod")
    made = plan(read_spec(document), lock, lock.data_end)
    verdict = judge_blueprint(render(made), lock_path("prod"), floors_path(), lock.data_end)
    assert bool([short for short in made.shortfalls if (short.resource, short.unit) == ("nodes", "nodes")]) == refused
    assert [one.resource for one in verdict.violations if one.rule == "nodes-cover-maximum"] == (["pool-gpu"] if refused else [])


@pytest.mark.parametrize(
    ("path", "to", "words"),
    [
        (("gpu", "asr", "server", "pod", "pool"), "general", "general is no GPU pool"),
        (("gpu", "asr", "gpu", "sharing"), "mig", "other GPUs of the pool gpu are mig"),
        (("images", "device_plugin"), None, "images.device_plugin"),
        (("turn", "region"), "eu-west", "turn.region"),
    ],
)
def test_models_that_cannot_run_are_refused(path: tuple[str, ...], to: object, words: str) -> None:
    """A pool without GPUs, two ways to divide one pool's GPUs, no device plugin, another region than the relays'."""
    document = read_spec_document("prod")
    inside: Any = document
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = to
    with pytest.raises(ValidationError, match=words):
        read_spec(document)
