"""The stack as a value: what will be deployed, before anything is."""

from headroom.blueprint.canonical import canonical_json, digest
from headroom.blueprint.values import (
    Blueprint,
    DuplicateResource,
    Joined,
    Options,
    Ref,
    Rendered,
    Secret,
    Value,
    encode,
    leaves,
)

__all__ = [
    "Blueprint",
    "DuplicateResource",
    "Joined",
    "Options",
    "Ref",
    "Rendered",
    "Secret",
    "Value",
    "canonical_json",
    "digest",
    "encode",
    "leaves",
]
