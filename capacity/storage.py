"""Volumes of the stack: what the cluster's driver makes them of, and by whose key they are encrypted."""

from collections.abc import Iterator, Mapping
from typing import Literal, Self

from pydantic import Field, model_validator

from capacity.figures import Name, Source


class StorageClass(Source):
    """Volumes of one kind."""

    provisioner: str = Field(min_length=1)
    """The driver's own name; it must be on the cluster."""
    parameters: dict[str, str] = Field(default_factory=dict)
    """What the driver is told, in its own words: copies of the data, kind of disk."""
    key: str | None = Field(default=None, min_length=1)
    """The name of the key that encrypts them, as the key service calls it; never the key."""
    key_parameter: str = Field(default="kmsKeyId", min_length=1)
    """What the driver calls that name; `kmsKeyId` is the word of AWS's EBS driver."""
    phi: Name | None = None
    """The vertical whose health data alone lies on them. Left out: those of all verticals without such data."""
    reclaim: Literal["Retain", "Delete"] = "Retain"
    """What becomes of a volume that nobody claims any more."""

    @model_validator(mode="after")
    def _health_data_is_encrypted(self) -> Self:
        if self.phi is not None and self.key is None:
            raise ValueError(f"key is missing: the volumes of {self.phi} hold health data and need a key of their own")
        if self.phi is not None and self.provisioner == "ebs.csi.aws.com" and self.parameters.get("encrypted") != "true":
            raise ValueError(
                f'parameters.encrypted must be "true": without it this driver does not encrypt the volumes of {self.phi}'
            )
        if self.key_parameter in self.parameters:
            raise ValueError(f"parameters.{self.key_parameter}: say it as key")
        return self

    @property
    def all_parameters(self) -> dict[str, str]:
        """What the driver is told, with the name of the key."""
        return self.parameters if self.key is None else self.parameters | {self.key_parameter: self.key}


def shared_storage(
    classes: Mapping[str, StorageClass], phi: tuple[str, ...], used: Mapping[str, tuple[str, str | None]]
) -> Iterator[str]:
    """Yield what lets health data lie beside other data, each with the path of the figure that is wrong.

    `phi` are the verticals with such data; `used` are the classes of volumes by the path that names them, with the vertical
    whose health data lies there or None.
    """
    for vertical in phi:
        if not any(each.phi == vertical for each in classes.values()):
            yield f"verticals.{vertical}.phi: its volumes need a class of their own: storage.NAME with phi: {vertical} and a key"
    owners: dict[str, tuple[str, str | None]] = {}
    for name, each in classes.items():
        if each.phi is not None and each.phi not in phi:
            yield f"storage.{name}.phi: {each.phi} is no vertical with phi: true"
        if each.key is None:
            continue
        other, owner = owners.setdefault(each.key, (name, each.phi))
        if owner != each.phi:
            yield f"storage.{name}.key: is that of storage.{other} too, whose volumes are not those of {each.phi or owner}"
    for path, (name, owner) in used.items():
        of = classes[name].phi if name in classes else None
        if of != owner:
            cure = f"name a class with phi: {owner}" if owner else "name another class"
            yield f"{path}: {name} holds {'the health data of ' + of if of else 'no health data'}: {cure}"
