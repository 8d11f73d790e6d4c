"""The one component class: it registers what was rendered and judged, and renders nothing itself."""

import asyncio
from collections.abc import Awaitable
from importlib.metadata import version
from typing import Any

import pulumi

from headroom.blueprint import Blueprint, Joined, Ref, Rendered, Secret

PROVIDERS = "pulumi:providers:"


class Component(pulumi.ComponentResource):
    """A component of the blueprint, with the claims that it stands for."""

    def __init__(self, rendered: Rendered, options: pulumi.ResourceOptions) -> None:
        super().__init__(rendered.type, rendered.name, dict(rendered.props), options)


def register(blueprint: Blueprint) -> dict[str, pulumi.Resource]:
    """Register a blueprint, exactly and in its order, and return what was registered by name.

    In that order everything stands before what names it, wherever in the tree of components the two are.
    """
    made: dict[str, pulumi.Resource] = {}
    for rendered in blueprint:
        made[rendered.name] = _registered(rendered, blueprint, made)
    for rendered in blueprint:
        component = made[rendered.name]
        if isinstance(component, Component):
            # A stack policy sees of a component only what it registered.
            component.register_outputs(dict(rendered.props))
    return made


def _registered(rendered: Rendered, blueprint: Blueprint, made: dict[str, pulumi.Resource]) -> pulumi.Resource:
    options = _options(rendered, blueprint, made)
    if rendered.is_component:
        return Component(rendered, options)
    inputs = {key: _resolved(value, made) for key, value in rendered.props.items()}
    if rendered.type.startswith(PROVIDERS):
        return pulumi.ProviderResource(rendered.type.removeprefix(PROVIDERS), rendered.name, inputs, options)
    # The SDK makes an attribute of each input; an output that is no input needs its place, which is not sent.
    outputs = {ref.output for ref in blueprint.references if ref.resource == rendered.name} - {"id"}
    return pulumi.CustomResource(rendered.type, rendered.name, dict.fromkeys(outputs) | inputs, options)


def _options(rendered: Rendered, blueprint: Blueprint, made: dict[str, pulumi.Resource]) -> pulumi.ResourceOptions:
    package = rendered.type.removeprefix(PROVIDERS).partition(":")[0]
    provider = made[rendered.options.provider] if rendered.options.provider else None
    if provider is not None and not isinstance(provider, pulumi.ProviderResource):
        raise TypeError(f"{rendered.name}: its provider {rendered.options.provider} is no provider")
    return pulumi.ResourceOptions(
        parent=made[rendered.parent] if rendered.parent else None,
        depends_on=[_standing(made[name], blueprint[name].options.pause) for name in rendered.after],
        ignore_changes=list(rendered.options.ignore_changes),
        protect=rendered.options.protect or None,
        aliases=list(rendered.options.aliases) or None,
        provider=provider,
        deleted_with=made[rendered.options.goes_with] if rendered.options.goes_with else None,
        additional_secret_outputs=list(rendered.options.secret_outputs) or None,
        version=None if rendered.is_component else version(f"pulumi-{package}"),
    )


def _standing(resource: pulumi.Resource, pause: float) -> "pulumi.Resource | Awaitable[pulumi.Resource]":
    """Return a resource for those who come after it, once its pause is over; a preview has nothing to wait for."""
    if pause == 0 or pulumi.runtime.is_dry_run():
        return resource

    async def paused() -> pulumi.Resource:
        await resource.urn.future()
        await asyncio.sleep(pause)
        return resource

    return paused()


def _resolved(value: Any, made: dict[str, pulumi.Resource]) -> Any:
    if isinstance(value, Ref):
        return getattr(made[value.resource], value.output)
    if isinstance(value, Secret):
        return pulumi.Config().require_secret(value.key)
    if isinstance(value, Joined):
        return pulumi.Output.concat(*(_resolved(part, made) for part in value.parts))
    if isinstance(value, dict):
        return {key: _resolved(item, made) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_resolved(item, made) for item in value]
    return value
