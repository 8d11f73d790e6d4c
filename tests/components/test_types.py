"""The rendered types are those of the official Kubernetes provider."""

import importlib

import pytest

from stacks.reading import environments
from stacks.voice import render
from tests.environments import planned


@pytest.mark.parametrize("environment", environments())
def test_every_type_token_is_the_official_sdks(environment: str) -> None:
    """Each token belongs to a resource class of pulumi-kubernetes, whatever provider runs here."""
    tokens = {resource.type for resource in render(planned(environment)) if resource.type.startswith("kubernetes:")}
    for token in tokens:
        _, group, kind = token.split(":")
        name, _, version = group.partition("/")
        module = importlib.import_module(f"pulumi_kubernetes.{name.split('.')[0]}.{version}")
        assert getattr(module, kind).pulumi_type == token


def test_nothing_of_an_environment_is_decided_by_its_name() -> None:
    """Environments differ by numbers: all render the same resources, but budgets of what a number makes a single pod."""
    budget = "kubernetes:policy/v1:PodDisruptionBudget"
    names = {
        frozenset(resource.name for resource in render(planned(environment)) if resource.type != budget)
        for environment in environments()
    }
    assert len(names) == 1


def test_a_new_forecast_rolls_no_pod() -> None:
    """What the forecast says stands in object metadata and bounds, never in a pod template."""
    from dataclasses import replace

    from capacity import plan
    from stacks.reading import read_lock, read_spec

    spec, lock = read_spec("prod"), read_lock("prod")
    louder = {name: forecast.model_copy(update={"peak": forecast.peak + 40}) for name, forecast in lock.verticals.items()}
    other = render(plan(spec, lock.model_copy(update={"verticals": louder}).sealed(), lock.data_end))
    now = render(plan(spec, lock, lock.data_end))
    templates = [
        {resource.name: resource.props["spec"]["template"] for resource in blueprint if resource.type.endswith(":Deployment")}
        for blueprint in (now, other)
    ]
    assert templates[0] == templates[1]
    assert [replace(resource, props={}) for resource in now] == [replace(resource, props={}) for resource in other]
    assert now != other
