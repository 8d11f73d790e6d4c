"""Types of machines that EC2 offers in a region, as the account shows them on a day."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

MIB = 2**20


@dataclass(frozen=True)
class Wanted:
    """What a machine must have at least, and what its processor must be."""

    cpu_cores: int
    memory_bytes: int
    gpus: int = 0
    gpu: str | None = None
    """The GPU's name as EC2 says it, such as L40S."""
    architecture: str = "x86_64"


@dataclass(frozen=True)
class Offered:
    """One type of machine."""

    name: str
    cpu_cores: int
    memory_bytes: int
    gpus: int

    def document(self) -> dict[str, Any]:
        """Return it as `pools.<pool>.karpenter.types` of a spec takes it."""
        gpus = {"gpus": self.gpus} if self.gpus else {}
        return {"name": self.name, "cpu": self.cpu_cores, "memory": f"{self.memory_bytes // MIB}Mi"} | gpus


class NotRead(Exception):
    """EC2 did not answer, or refused."""


def offered_types(region: str, wanted: Wanted) -> list[Offered]:
    """Return the types of a region that have what is wanted, the smallest first; none with more than twice of it.

    A larger machine takes more with it when it is lost, and Karpenter would pick it. Left out are bare metal, which takes many
    minutes to start, and former generations, but for those of a GPU that is asked for by name. Credentials come from boto3's
    usual chain. Raises NotRead.
    """
    from boto3.session import Session
    from botocore.exceptions import BotoCoreError, ClientError

    filters = [
        *([{"Name": "current-generation", "Values": ["true"]}] if wanted.gpu is None else []),
        {"Name": "bare-metal", "Values": ["false"]},
        {"Name": "processor-info.supported-architecture", "Values": [wanted.architecture]},
    ]
    try:
        pages = Session().client("ec2", region_name=region).get_paginator("describe_instance_types").paginate(Filters=filters)
        found = [offer for page in pages for offer in _fitting(page["InstanceTypes"], wanted)]
    except (BotoCoreError, ClientError, ValueError) as error:
        raise NotRead(f"EC2 in {region}: {error}") from None
    return sorted(found, key=lambda offer: (offer.cpu_cores, offer.memory_bytes, offer.gpus, offer.name))


def _fitting(described: list[dict[str, Any]], wanted: Wanted) -> Iterator[Offered]:
    for kind in described:
        there = kind.get("GpuInfo", {}).get("Gpus", [])
        if there and not wanted.gpus:
            continue
        gpus = [gpu for gpu in there if wanted.gpu in (None, gpu["Name"])]
        offer = Offered(
            kind["InstanceType"],
            kind["VCpuInfo"]["DefaultVCpus"],
            kind["MemoryInfo"]["SizeInMiB"] * MIB,
            sum(gpu["Count"] for gpu in gpus),
        )
        room = ((offer.cpu_cores, wanted.cpu_cores), (offer.memory_bytes, wanted.memory_bytes), (offer.gpus, wanted.gpus))
        if all(least <= has <= 2 * least for has, least in room):
            yield offer
