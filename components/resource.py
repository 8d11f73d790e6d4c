"""The one component class: it registers what was rendered and judged, and renders nothing itself."""

from importlib.metadata import version
from typing import Any

import pulumi

from headroom.blueprint import Blueprint, Joined, Ref, Rendered, Secret

PROVIDERS = "pulumi:providers:"


class Component(pulumi.ComponentResource):
    """A component of the blueprint with everything below it."""

    def __init__(self, rendered: Rendered, blueprint: Blueprint, made: dict[str, pulumi.Resource]) -> None:
        super().__init__(rendered.type, rendered.name, dict(rendered.props), _options(rendered, made))
        made[rendered.name] = self
        for child in blueprint.children(rendered.name):
            register(child, blueprint, made)
        # A stack policy sees of a component only what it registered.
        self.register_outputs(dict(rendered.props))


def register(rendered: Rendered, blueprint: Blueprint, made: dict[str, pulumi.Resource]) -> None:
    """Register one rendered resource, and all below it, exactly as the blueprint has it.

    `made` holds what is registered so far by name, and gains what is registered now.
    """
    if rendered.is_component:
        Component(rendered, blueprint, made)
        return
    inputs = {key: _resolved(value, made) for key, value in rendered.props.items()}
    if rendered.type.startswith(PROVIDERS):
        package = rendered.type.removeprefix(PROVIDERS)
        made[rendered.name] = pulumi.ProviderResource(package, rendered.name, inputs, _options(rendered, made))
        return
    # The SDK makes an attribute of each input; an output that is no input needs its place, which is not sent.
    outputs = {ref.output for ref in blueprint.references if ref.resource == rendered.name} - {"id"}
    declared = dict.fromkeys(outputs) | inputs
    made[rendered.name] = pulumi.CustomResource(rendered.type, rendered.name, declared, _options(rendered, made))


def _options(rendered: Rendered, made: dict[str, pulumi.Resource]) -> pulumi.ResourceOptions:
    package = rendered.type.removeprefix(PROVIDERS).partition(":")[0]
    provider = made[rendered.options.provider] if rendered.options.provider else None
    if provider is not None and not isinstance(provider, pulumi.ProviderResource):
        raise TypeError(f"{rendered.name}: its provider {rendered.options.provider} is no provider")
    return pulumi.ResourceOptions(
        parent=made[rendered.parent] if rendered.parent else None,
        depends_on=[made[name] for name in rendered.after],
        ignore_changes=list(rendered.options.ignore_changes),
        protect=rendered.options.protect or None,
        aliases=list(rendered.options.aliases) or None,
        provider=provider,
        version=None if rendered.is_component else version(f"pulumi-{package}"),
    )


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
